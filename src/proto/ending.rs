//! When a relay between a local side and a peer is over: the end-of-file contract, as decisions.

use super::lane::Lane;

/// What the local input is, as far as its end matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// A file, pipe, FIFO or socket: its end is the end of what there is to say.
    Real,
    /// Closed or `/dev/null`: nothing to say, which is not the same as having finished.
    Nothing,
    /// A person at a terminal, who should not have to press ^C after the peer has ended.
    Terminal,
}

/// Which end of file ends the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndWhen {
    /// Both directions have ended.
    Both,
    /// The peer has ended, and all it sent was written.
    Peer,
    /// The input has ended, and all of it was sent.
    Input,
}

/// The rules of one relay.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// What the local input is.
    pub input: InputKind,
    /// Which end counts.
    pub end_when: EndWhen,
    /// Pass the end of the input on before the session is over.
    pub half_close: bool,
}

impl Ending {
    /// True when the end of the input is to be passed on to the peer now.
    pub fn passes_end_on(&self, outbound: &Lane, inbound: &Lane) -> bool {
        outbound.owes_half_close()
            && self.half_close
            && (self.input != InputKind::Nothing || inbound.has_source_ended())
    }

    /// True when the input need not be read any further, though it has not ended.
    pub fn abandons_input(&self, inbound: &Lane) -> bool {
        inbound.has_source_ended() && (self.input == InputKind::Terminal || self.end_when == EndWhen::Peer)
    }

    /// True when the session is over but for the last half-close and its acknowledgement.
    pub fn is_over(&self, outbound: &Lane, inbound: &Lane) -> bool {
        match self.end_when {
            EndWhen::Both | EndWhen::Peer => outbound.is_drained() && inbound.is_drained(),
            EndWhen::Input => outbound.is_drained() && inbound.held() == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended() -> Lane {
        let mut lane = Lane::new(1);
        lane.end_source();
        lane
    }

    fn rules(input: InputKind, end_when: EndWhen) -> Ending {
        Ending { input, end_when, half_close: true }
    }

    #[test]
    fn real_input_passes_its_end_on_at_once_and_nothing_to_say_waits_for_the_peer() {
        let (open, ended) = (Lane::new(1), ended());
        assert!(rules(InputKind::Real, EndWhen::Both).passes_end_on(&ended, &open));
        assert!(!rules(InputKind::Nothing, EndWhen::Both).passes_end_on(&ended, &open));
        assert!(rules(InputKind::Nothing, EndWhen::Both).passes_end_on(&ended, &ended));
        let quiet = Ending { half_close: false, ..rules(InputKind::Real, EndWhen::Both) };
        assert!(!quiet.passes_end_on(&ended, &open));
    }

    #[test]
    fn a_terminal_ends_with_the_peer_and_a_pipe_does_not() {
        let (open, ended) = (Lane::new(1), ended());
        assert!(rules(InputKind::Terminal, EndWhen::Both).abandons_input(&ended));
        assert!(!rules(InputKind::Terminal, EndWhen::Both).abandons_input(&open));
        assert!(!rules(InputKind::Real, EndWhen::Both).abandons_input(&ended));
        assert!(rules(InputKind::Real, EndWhen::Peer).abandons_input(&ended));
    }

    #[test]
    fn both_ends_are_waited_for_unless_one_was_chosen() {
        let (open, ended) = (Lane::new(1), ended());
        assert!(!rules(InputKind::Real, EndWhen::Both).is_over(&ended, &open));
        assert!(!rules(InputKind::Real, EndWhen::Both).is_over(&open, &ended));
        assert!(rules(InputKind::Real, EndWhen::Both).is_over(&ended, &ended));
        assert!(rules(InputKind::Real, EndWhen::Input).is_over(&ended, &open));
    }
}
