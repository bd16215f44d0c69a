//! How many descriptors clients and sessions need.

use crate::net::raised_descriptor_limit;
use crate::proto::transfer::hello::Operation;
use crate::proto::transfer::roster::MAX_CONNECTIONS;
use crate::server::acceptor::{DESCRIPTORS_RESERVED, DescriptorBudget};
use crate::server::descriptors::Descriptors;
use crate::transfer::{MAX_SENT_FILES, SpareParts, WireProtocol};

/// Where there are too few descriptors for all, the sessions of one source get no more than this part of them: two of them
/// cannot keep out all others.
const SHARE_OF_A_SOURCE: u64 = 3;
/// Rejected clients that get the reason at the same time; more are dropped silently.
pub(super) const MAX_REJECTIONS: usize = 16;
/// Descriptors of such a client: its socket and its reactor's.
const DESCRIPTORS_PER_REJECTION: u64 = 5;
/// Descriptors of a session's poll.
const DESCRIPTORS_PER_POLL: u64 = 3;
/// Descriptors of a session without its files and further connections: its socket, those of its poll, the staging folder,
/// the file being looked at, and what a commit opens.
const DESCRIPTORS_PER_SESSION: u64 = 16;
/// Returns the descriptors that clients need at least, for uploads or only for downloads. A session never waits for a
/// descriptor that another session holds.
pub(crate) fn descriptors_for(takes_uploads: bool, wire: WireProtocol) -> DescriptorBudget {
    let files = match wire {
        WireProtocol::Text => 0,
        _ if takes_uploads => SpareParts::MIN.descriptors(),
        _ => MAX_SENT_FILES as u64,
    };
    let fixed = MAX_REJECTIONS as u64 * DESCRIPTORS_PER_REJECTION;
    DescriptorBudget { per_client: DESCRIPTORS_PER_SESSION + files + MAX_CONNECTIONS as u64 - 1, fixed }
}

/// Returns the spare parts that each of this many `sessions` may have open. Raises the descriptor limit of the process as far
/// as needed.
pub(crate) fn spare_parts(budget: DescriptorBudget, sessions: usize) -> SpareParts {
    let reserved = budget.fixed + DESCRIPTORS_RESERVED;
    let others = DESCRIPTORS_PER_SESSION + MAX_CONNECTIONS as u64 - 1;
    let wanted = SpareParts::MAX.descriptors() + others;
    let limit = raised_descriptor_limit((sessions as u64).saturating_mul(wanted).saturating_add(reserved));
    limit.map_or(SpareParts::MAX, |limit| {
        let each = limit.saturating_sub(reserved) / sessions.max(1) as u64;
        SpareParts::within(each.saturating_sub(others))
    })
}

/// Returns the descriptors that this many clients and their sessions share: all that the process may have, or those of this
/// many `sessions`.
pub(crate) fn shared_descriptors(
    budget: DescriptorBudget,
    (clients, sessions): (usize, Option<usize>),
    spare_parts: SpareParts,
) -> Descriptors {
    let all = || raised_descriptor_limit(0).unwrap_or(u64::from(u32::MAX));
    let total = match sessions {
        Some(sessions) => budget.per_client * sessions as u64,
        None => all().saturating_sub(budget.fixed + DESCRIPTORS_RESERVED),
    };
    let is_enough = total >= budget.per_client.saturating_mul(clients as u64);
    let per_source = if is_enough { total } else { total / SHARE_OF_A_SOURCE };
    Descriptors::new(total, spare_parts.descriptors(), per_source)
}

/// Returns the descriptors that a session needs to begin, its client's apart.
pub(super) fn descriptors_of(operation: &Operation) -> u64 {
    match operation {
        // A poll of its own until it has joined.
        Operation::Join(_) => DESCRIPTORS_PER_POLL,
        Operation::Put { .. } | Operation::List => DESCRIPTORS_PER_SESSION - 1,
        Operation::Get { .. } => DESCRIPTORS_PER_SESSION - 1 + MAX_SENT_FILES as u64,
    }
}
