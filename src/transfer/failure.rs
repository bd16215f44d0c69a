//! Conversion of reasons and faults into lines, exit codes and errors for the peer.

use std::fmt::Display;

use crate::error::{Error, Exit, Retry};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;
use crate::report::escape_name;
use crate::store::{StoreError, StoreErrorKind};

use super::connection::wire::Failure;

/// The side of a transfer that this process is: it decides the meaning of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The side that has the files.
    Sender,
    /// The side that wants the files.
    Receiver,
}

/// The system's text for a full disk.
const DISK_FULL: &str = "No space left on device";

/// A server's text for an unknown name: it repeats the reason.
const NOT_FOUND: &str = "does not exist";

/// Beginning of the text where another session writes the file.
const BEING_WRITTEN: &str = "is being written";

/// Beginning of the text where something other than a file has the name.
const IN_THE_WAY: &str = "exists and ";

/// Formats the failure of a file: the reason, the machine, and the text if it says more.
pub(super) fn describe(name: &[u8], reason: Reason, text: &str, role: Role) -> String {
    format!("{}: {}", escape_name(name), describe_with_location(reason, text, role))
}

/// The same without the name, with "here" or "there" for a disk. `role` is the role of this side.
fn describe_with_location(reason: Reason, text: &str, role: Role) -> String {
    let place = match (reason, role) {
        (Reason::NoSpace | Reason::Unwritable, Role::Receiver) => "here",
        (Reason::NoSpace | Reason::Unwritable, Role::Sender) => "there",
        (Reason::NotFound, Role::Receiver) if text == NOT_FOUND => return "not found there".into(),
        (Reason::NotFound, Role::Sender) if text == NOT_FOUND => return "not found here".into(),
        _ => return reason_text(reason, text),
    };
    let words = reason.to_string();
    let text = reason_text(reason, text);
    match text.strip_prefix(&words) {
        Some(rest) => format!("{words} {place}{rest}"),
        None => text,
    }
}

fn reason_text(reason: Reason, text: &str) -> String {
    let words = reason.to_string();
    // A file that is being written has no content yet that could differ.
    if reason == Reason::Exists && !text.is_empty() && text != words {
        return if text.starts_with("exists") { text.to_owned() } else { format!("exists: {text}") };
    }
    // The text is about the entry in the way of a file, not about the file.
    if reason == Reason::NotRegular
        && (text.starts_with(IN_THE_WAY) || text.ends_with("has the folder's name"))
    {
        return text.to_owned();
    }
    // The system's words mean the same.
    if reason == Reason::NoSpace && text.ends_with(DISK_FULL) {
        return words;
    }
    // The text of a fault may begin with the same words.
    match text.strip_prefix(&words) {
        _ if text.is_empty() => words,
        Some(rest) if rest.is_empty() || rest.starts_with(':') => text.to_owned(),
        _ => format!("{words}: {text}"),
    }
}

/// Returns the exit code of a reason for this role.
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

/// Returns whether a new session may succeed after the failure of a file: one that another session writes is free after that.
pub(super) fn retry_of(reason: Reason, text: &str) -> Retry {
    match reason {
        Reason::Exists if text.starts_with(BEING_WRITTEN) => Retry::Again,
        _ => reason.retry(),
    }
}

/// Converts an ERROR frame, or a refusal in ACCEPT, into a failure.
pub(crate) fn peer_error(reason: Reason, text: &str, role: Role) -> Failure {
    let exit = match reason {
        // A failed write of the peer is not about this side's disk.
        Reason::NoSpace | Reason::Unwritable => Exit::Refused,
        _ => exit_of(reason, role),
    };
    // On both sides: the disk and the missing file are the peer's.
    let perspective = if reason == Reason::NotFound { Role::Receiver } else { Role::Sender };
    let text = format!("the peer ended the session: {}", describe_with_location(reason, text, perspective));
    Error::new(exit, text).with_retry(reason.retry()).into()
}

/// Converts a breach of the protocol into a failure.
pub(crate) fn protocol_error(violation: Violation) -> Failure {
    let reason = violation.reason();
    let exit = exit_of(reason, Role::Sender);
    let error = match violation {
        Violation::NotOurs => Error::new(
            Exit::Refused,
            "the peer does not speak sendall's transfer protocol (a server needs --store or --share, and no --wire text)",
        ),
        Violation::TooManyEntries(limit) => {
            let text =
                format!("the peer offers more than {limit} files, folders and links (see --max-entries)");
            Error::new(exit, text)
        }
        _ => Error::new(exit, format!("the peer broke the protocol: {violation}")),
    };
    Failure { error, to_peer: Some((reason, violation.to_string())) }
}

/// Returns the reason and text that a peer gets for a local file system fault.
pub(crate) fn reason_of(fault: &StoreError, role: Role) -> (Reason, String) {
    let reason = match (fault.kind, role) {
        (StoreErrorKind::Exists | StoreErrorKind::Busy, _) => Reason::Exists,
        (StoreErrorKind::Unsafe, _) => Reason::UnsafeName,
        (StoreErrorKind::NoSpace, _) => Reason::NoSpace,
        (StoreErrorKind::NotRegular, _) => Reason::NotRegular,
        (StoreErrorKind::NotFound, Role::Sender) => Reason::NotFound,
        (
            StoreErrorKind::NotAllowed | StoreErrorKind::CannotRead | StoreErrorKind::CannotWrite,
            Role::Sender,
        ) => Reason::Unreadable,
        (_, Role::Receiver) => Reason::Unwritable,
    };
    match (reason, role) {
        (Reason::NotRegular, Role::Receiver) if fault.to_string().starts_with("is ") => {
            (reason, format!("{IN_THE_WAY}{fault}"))
        }
        _ => (reason, fault.to_string()),
    }
}

/// Returns the failure of a local step that ends the whole session.
pub(crate) fn local_failure(role: Role, what: impl Display, fault: &StoreError) -> Failure {
    let (reason, text) = reason_of(fault, role);
    let error =
        Error::new(exit_of(reason, role), format!("{what}: {}", describe_with_location(reason, &text, role)));
    Failure { error, to_peer: Some((reason, text)) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::Folder;

    #[test]
    fn a_file_that_is_being_written_is_tried_again() {
        let text = "is being written by another session, which has not ended within 1s";
        assert_eq!(retry_of(Reason::Exists, text), Retry::Again);
        assert_eq!(retry_of(Reason::Exists, ""), Retry::Never);
        assert_eq!(retry_of(Reason::Unwritable, "is being written"), Retry::Never);
    }

    #[test]
    fn the_text_for_a_peer_has_the_systems_words_and_no_number() {
        let fault = Folder::open(Path::new(&"x".repeat(300))).expect_err("a name that is too long");
        let (_, text) = reason_of(&fault, Role::Sender);
        assert!(text.ends_with(": File name too long"), "{text}");
    }

    #[test]
    fn a_line_has_each_fact_once_and_the_location() {
        use Role::{Receiver, Sender};
        for (reason, text, role, line) in [
            (Reason::NoSpace, "", Sender, "f: no space left there"),
            (Reason::NoSpace, "cannot be written: No space left on device", Sender, "f: no space left there"),
            (
                Reason::NoSpace,
                "cannot be written: No space left on device",
                Receiver,
                "f: no space left here",
            ),
            (
                Reason::NoSpace,
                "cannot be written: Disk quota exceeded",
                Receiver,
                "f: no space left here: cannot be written: Disk quota exceeded",
            ),
            (
                Reason::Unwritable,
                "cannot be written: Input/output error",
                Sender,
                "f: cannot be written there: Input/output error",
            ),
            (Reason::Unwritable, "cannot be written", Receiver, "f: cannot be written here"),
            (
                Reason::Unreadable,
                "cannot be read: Input/output error",
                Sender,
                "f: cannot be read: Input/output error",
            ),
            (Reason::NotFound, "does not exist", Receiver, "f: not found there"),
            (Reason::Exists, "", Sender, "f: exists with other content"),
            (Reason::Exists, "is being written", Sender, "f: exists: is being written"),
        ] {
            assert_eq!(describe(b"f", reason, text, role), line, "{reason:?} {text:?} {role:?}");
        }
    }
}
