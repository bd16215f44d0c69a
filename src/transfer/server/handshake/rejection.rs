//! Errors for clients that get no session.

use super::State;
use crate::error::{Error, Exit};
use crate::net::stream::Stream;
use crate::proto::transfer::foreign::foreign;
use crate::proto::transfer::hello::Accept;
use crate::proto::transfer::reason::Reason;
use crate::transfer::connection::closing::Closing;
use crate::transfer::connection::wire::{Failure, Wire};

/// Failure of a client that asks for something the server was not started for.
pub(super) fn not_allowed(what: &str, option: &str) -> Failure {
    let text = format!("this server {what}: it was started without {option}");
    Failure { error: Error::new(Exit::Refused, &text), to_peer: Some((Reason::NotAllowed, text)) }
}

/// Failure of a connection whose first bytes belong to another protocol. A client that sends text gets a line of text.
pub(super) fn not_ours<S: Stream>(wire: &mut Wire<S>) -> Failure {
    let (text, answer) = foreign(wire.incoming().first().copied());
    wire.push(answer);
    Error::new(Exit::Refused, text).into()
}

/// Ends a connection before it becomes a session.
pub(super) fn reject<S: Stream>(wire: Wire<S>, Failure { error, to_peer }: Failure) -> State<S> {
    State::Closing(reject_queued(wire, to_peer, Some(error)))
}

/// The same with the queued bytes as the last ones; `error` is the result.
pub(in crate::transfer::server) fn reject_queued<S: Stream>(
    mut wire: Wire<S>,
    to_peer: Option<(Reason, String)>,
    error: Option<Error>,
) -> Closing<S> {
    if let Some((reason, _)) = to_peer {
        wire.push(&Accept::refusal(reason).encode());
    }
    wire.close(to_peer, error)
}

/// Failure of a client whose address has too many connections.
pub(in crate::transfer::server) fn too_many() -> Failure {
    let text = "refused: too many clients from its address (see --max-per-source)";
    let to_peer = Some((Reason::Busy, Reason::Busy.to_string()));
    Failure { error: Error::new(Exit::Refused, text), to_peer }
}

/// Failure of a connection whose client has come back by another one.
pub(super) fn superseded() -> Failure {
    let error = Error::new(Exit::Lost, "the client has reconnected in another session");
    Failure { error, to_peer: Some((Reason::Stopped, Reason::Stopped.to_string())) }
}
