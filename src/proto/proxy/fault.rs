//! Faults of a proxy on the way to its target.

use std::fmt;

/// An answer of a proxy, or a fault of it. The texts continue the sentence "the proxy ...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// It could not connect to the target.
    Unreachable(Cause, String),
    /// It refuses.
    Refused(String),
    /// It refuses this user, or requires one.
    Untrusted(String),
    /// It is not such a proxy, or breaks the protocol.
    Protocol(&'static str),
}

/// Reasons for which a target cannot be reached, as far as the proxy's protocol has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It refused.
    Refused,
    /// It gave no answer.
    TimedOut,
    /// Another cause, or none given.
    Other,
}

impl ProxyFault {
    pub(crate) fn unreachable(cause: Cause, why: &str) -> ProxyFault {
        ProxyFault::Unreachable(cause, format!("cannot connect to the target: {why}"))
    }

    pub(crate) fn wants_credentials() -> ProxyFault {
        ProxyFault::Untrusted("wants a user and a password".into())
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyFault::Unreachable(_, text) | ProxyFault::Refused(text) | ProxyFault::Untrusted(text) => {
                f.write_str(text)
            }
            ProxyFault::Protocol(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ProxyFault {}
