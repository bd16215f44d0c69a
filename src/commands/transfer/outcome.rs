//! What became of a session: lines for people, and one exit code.

use std::fmt::Display;
use std::time::Duration;

use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::proto::Digest;
use crate::proto::outcome::FileOutcome;
use crate::proto::reason::Reason;
use crate::proto::violation::Violation;
use crate::report::{Report, amount, escape_bytes};
use crate::store::{Fault, FaultKind};

use super::wire::Failure;

/// Which side of a transfer this process is: it decides what a reason means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It has the files.
    Sender,
    /// It wants the files.
    Receiver,
}

/// Failures that get a line each: a peer must not be able to fill a log.
const MAX_TOLD: usize = 100;

/// The sums of a session.
pub(crate) struct Tally {
    pub(crate) role: Role,
    pub(crate) peer: PeerName,
    /// By file id: name, outcome, and digest where one was computed.
    pub(crate) files: Vec<(Vec<u8>, FileOutcome, Option<Digest>)>,
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

impl Tally {
    /// Reports the session and says how it ended.
    pub(crate) fn conclude(self, report: &Report) -> Result<(), Error> {
        let (verb, direction) = match self.role {
            Role::Sender => ("sent", "to"),
            Role::Receiver => ("received", "from"),
        };
        let peer = &self.peer;
        let failures: Vec<_> = self.files.iter().filter(|(_, outcome, _)| outcome.is_failed()).collect();
        let there = self.files.iter().filter(|(_, outcome, _)| *outcome == FileOutcome::AlreadyThere).count();
        let amount = amount(self.bytes, self.time);
        let digest = |digest: &Option<Digest>| {
            digest.map_or_else(String::new, |digest| format!(", BLAKE3 {}", blake3::Hash::from(digest)))
        };
        match (&self.files[..], &failures[..]) {
            ([], _) => report.say(format_args!("nothing was offered {direction} {peer}")),
            ([(name, FileOutcome::AlreadyThere, hash)], _) => report.say(format_args!(
                "{} is there already, with the same content{}",
                escape_bytes(name),
                digest(hash)
            )),
            ([(name, _, hash)], []) => report.say(format_args!(
                "{verb} {} {direction} {peer}: {amount}{}",
                escape_bytes(name),
                digest(hash)
            )),
            (files, _) => {
                let mut told = 0;
                for (name, outcome, hash) in files {
                    match outcome {
                        FileOutcome::Failed(reason, text) if files.len() > 1 && told < MAX_TOLD => {
                            told += 1;
                            report.warning(describe(name, *reason, text));
                        }
                        FileOutcome::Failed(..) | FileOutcome::Unknown => {}
                        FileOutcome::AlreadyThere => {
                            report.detail(format_args!(
                                "{} is there already{}",
                                escape_bytes(name),
                                digest(hash)
                            ));
                        }
                        FileOutcome::Done => {
                            report.detail(format_args!("{verb} {}{}", escape_bytes(name), digest(hash)));
                        }
                    }
                }
                if failures.len() > MAX_TOLD {
                    report.warning(format_args!("and {} more", failures.len() - MAX_TOLD));
                }
                if there == files.len() {
                    report.say(format_args!("all {there} files are there already, with the same content"));
                } else if failures.len() < files.len() {
                    let there = if there > 0 { format!(", {there} there already") } else { String::new() };
                    let done = files.len() - failures.len();
                    report.say(format_args!(
                        "{verb} {done} of {} files {direction} {peer}: {amount}{there}",
                        files.len()
                    ));
                }
            }
        }
        self.exit(&failures)
    }

    fn exit(&self, failures: &[&(Vec<u8>, FileOutcome, Option<Digest>)]) -> Result<(), Error> {
        match failures {
            [] => Ok(()),
            [(name, FileOutcome::Failed(reason, text), _)] if self.files.len() == 1 => {
                Err(Error::new(exit_of(*reason, self.role), describe(name, *reason, text)))
            }
            all if all.len() < self.files.len() => {
                Err(Error::new(Exit::Partial, format!("{} of {} files failed", all.len(), self.files.len())))
            }
            all => {
                let mut exits = all.iter().map(|(_, outcome, _)| match outcome {
                    FileOutcome::Failed(reason, _) => exit_of(*reason, self.role),
                    _ => Exit::Failed,
                });
                let first = exits.next().unwrap_or(Exit::Failed);
                let exit = if exits.all(|exit| exit == first) { first } else { Exit::Failed };
                Err(Error::new(exit, format!("all {} files failed", all.len())))
            }
        }
    }
}

/// A failure as a line: the reason's words, and the text where it says more.
fn describe(name: &[u8], reason: Reason, text: &str) -> String {
    format!("{}: {}", escape_bytes(name), explain(reason, text))
}

fn explain(reason: Reason, text: &str) -> String {
    let words = reason.to_string();
    if text.is_empty() || text == words { words } else { format!("{words}: {text}") }
}

/// The exit code for a reason, on the side that has the given role.
pub(super) fn exit_of(reason: Reason, role: Role) -> Exit {
    match (reason, role) {
        (Reason::Failed, _) | (Reason::Unreadable, Role::Sender) => Exit::Failed,
        (Reason::Protocol | Reason::Changed | Reason::DigestMismatch, _) => Exit::Integrity,
        (Reason::TimeLimit, _) => Exit::TimedOut,
        (Reason::Stopped, _) => Exit::Lost,
        (Reason::NoSpace | Reason::Unwritable, Role::Receiver) => Exit::CannotWrite,
        _ => Exit::Refused,
    }
}

/// The failure that an ERROR frame, or a refusal in ACCEPT, is here.
pub(crate) fn told(reason: Reason, text: &str, role: Role) -> Failure {
    let exit = match reason {
        // What the peer cannot write is not this side's disk.
        Reason::NoSpace | Reason::Unwritable => Exit::Refused,
        _ => exit_of(reason, role),
    };
    Error::new(exit, format!("the peer ended the session: {}", explain(reason, text))).into()
}

/// The failure that a breach of the protocol is.
pub(crate) fn broken(violation: Violation) -> Failure {
    let reason = violation.reason();
    let exit = exit_of(reason, Role::Sender);
    let error = match violation {
        Violation::NotOurs => Error::new(
            Exit::Refused,
            "the peer does not speak sendall's transfer protocol (a server needs --store or --share)",
        ),
        _ => Error::new(exit, format!("the peer broke the protocol: {violation}")),
    };
    Failure { error, tell: Some((reason, violation.to_string())) }
}

/// What a peer is told of a fault in the file system here, where this side has the given role.
pub(crate) fn reason_of(fault: &Fault, role: Role) -> (Reason, String) {
    let reason = match (fault.kind, role) {
        (FaultKind::Exists | FaultKind::Busy, _) => Reason::Exists,
        (FaultKind::Unsafe, _) => Reason::UnsafeName,
        (FaultKind::NoSpace, _) => Reason::NoSpace,
        (FaultKind::NotRegular, _) => Reason::NotRegular,
        (FaultKind::NotFound, Role::Sender) => Reason::NotFound,
        (FaultKind::NotAllowed | FaultKind::CannotRead | FaultKind::CannotWrite, Role::Sender) => {
            Reason::Unreadable
        }
        (_, Role::Receiver) => Reason::Unwritable,
    };
    (reason, fault.to_string())
}

/// The failure of a local step that ends the whole session.
pub(crate) fn failed(role: Role, what: impl Display, fault: &Fault) -> Failure {
    let (reason, text) = reason_of(fault, role);
    let error = Error::new(exit_of(reason, role), format!("{what}: {text}"));
    Failure { error, tell: Some((reason, text)) }
}
