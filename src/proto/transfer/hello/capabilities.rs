//! Capabilities: extensions of the protocol that are used if both sides have them.

use super::Operation;

/// A set of capabilities: what one side has, or what both use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Files are sent and verified in blocks.
    pub tree: bool,
    /// The sender reports skipped entries.
    pub skipped: bool,
    /// The sender reports the totals, if it finds them.
    pub totals: bool,
}

impl Capabilities {
    /// All capabilities of this program.
    pub const ALL: Capabilities = Capabilities::parse(u32::MAX);

    /// Reads a field of `HELLO` or `ACCEPT`. Unknown capabilities are ignored.
    pub(super) const fn parse(bits: u32) -> Capabilities {
        Capabilities { tree: bits & 1 != 0, skipped: bits & 2 != 0, totals: bits & 4 != 0 }
    }

    fn bits(self) -> u32 {
        let Capabilities { tree, skipped, totals } = self;
        u32::from(tree) | u32::from(skipped) << 1 | u32::from(totals) << 2
    }

    /// Encodes the field of `HELLO` or `ACCEPT`.
    pub(super) fn encode(self) -> [u8; 4] {
        self.bits().to_be_bytes()
    }

    /// Returns those that have a meaning in a session of this operation.
    pub fn of_operation(operation: Operation) -> Capabilities {
        match operation {
            Operation::Get { .. } => Capabilities::ALL,
            Operation::Put { .. } => Capabilities { totals: false, ..Capabilities::ALL },
            Operation::List => Capabilities { tree: false, totals: false, ..Capabilities::ALL },
            Operation::Join(_) => Capabilities { tree: true, ..Capabilities::default() },
        }
    }

    /// Returns the capabilities in both sets.
    #[must_use]
    pub fn intersection(self, other: Capabilities) -> Capabilities {
        Capabilities::parse(self.bits() & other.bits())
    }

    /// Describes a capability of these that is not among the `requested` ones.
    pub(super) fn unrequested(self, requested: Capabilities) -> Option<&'static str> {
        [
            (self.tree && !requested.tree, "blocks that were not asked for"),
            (self.skipped && !requested.skipped, "skipped entries that were not asked for"),
            (self.totals && !requested.totals, "totals that were not asked for"),
        ]
        .into_iter()
        .find_map(|(is_unrequested, text)| is_unrequested.then_some(text))
    }
}
