//! The order in which an acceptor looks at its listeners: one client from each in turn, and no more than a number per turn of
//! the reactor, so that a flood on one of them starves neither the others nor the sessions beside the acceptor.

/// Clients that one turn accepts, from all listeners together: about a millisecond of work.
pub(crate) const CLIENTS_PER_TURN: usize = 64;

/// What a listener had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A client, whether it was accepted or rejected. There may be more.
    Client,
    /// Nothing that can be accepted now. An event, or the end of a client, will come.
    Nothing,
    /// Nothing can be accepted from any of them.
    Stop,
}

/// Where the next turn begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AcceptTurn {
    next: usize,
}

impl AcceptTurn {
    /// Looks at listeners by `look`, which has the index of one of them, until none of them has a client. `count` tells how
    /// many there are now. True if the turn was used up before that: it has to be called again.
    pub(super) fn run<A>(
        &mut self,
        acceptor: &mut A,
        count: impl Fn(&A) -> usize,
        mut look: impl FnMut(&mut A, usize) -> Look,
    ) -> bool {
        let (mut clients, mut without) = (0, 0);
        while without < count(acceptor) {
            if clients == CLIENTS_PER_TURN {
                return true;
            }
            let index = self.next % count(acceptor);
            self.next = index + 1;
            match look(acceptor, index) {
                Look::Client => (clients, without) = (clients + 1, 0),
                Look::Nothing => without += 1,
                Look::Stop => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queues of clients, by listener, and the listeners of those that were accepted in a turn.
    #[derive(Default)]
    struct World {
        queues: Vec<usize>,
        accepted: Vec<usize>,
    }

    fn turn(order: &mut AcceptTurn, world: &mut World, mut meanwhile: impl FnMut(&mut World)) -> bool {
        world.accepted.clear();
        order.run(
            world,
            |world| world.queues.len(),
            |world, index| {
                meanwhile(world);
                let Some(left) = world.queues[index].checked_sub(1) else { return Look::Nothing };
                world.queues[index] = left;
                world.accepted.push(index);
                Look::Client
            },
        )
    }

    #[test]
    fn a_flood_takes_no_more_than_its_share_of_a_turn() {
        for seed in 1..100_u64 {
            // Marsaglia's xorshift.
            let mut state = seed;
            let mut below = |limit: usize| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state % limit as u64) as usize
            };
            let listeners = 1 + below(5);
            let flooded = below(listeners);
            let mut world = World { queues: vec![0; listeners], ..World::default() };
            let mut order = AcceptTurn::default();
            for _ in 0..20 {
                (0..listeners).for_each(|index| world.queues[index] += below(40));
                let before = world.queues.clone();
                // One more comes for each that is accepted: without a limit the turn would not end.
                assert!(turn(&mut order, &mut world, |world| world.queues[flooded] += 1), "seed {seed}");
                assert_eq!(world.accepted.len(), CLIENTS_PER_TURN, "seed {seed}");
                for (index, waiting) in before.iter().enumerate() {
                    let accepted = world.accepted.iter().filter(|other| **other == index).count();
                    let share = CLIENTS_PER_TURN / listeners;
                    assert!(accepted >= share.min(*waiting), "seed {seed}: {accepted} of {waiting}");
                }
            }
            // When the flood is over nobody is forgotten: as long as somebody waits there is another turn.
            while turn(&mut order, &mut world, |_| {}) {}
            assert_eq!(world.queues.iter().sum::<usize>(), 0, "seed {seed}");
        }
    }

    #[test]
    fn listeners_that_close_within_a_turn_end_it() {
        let mut world = World { queues: vec![9, 9], ..World::default() };
        let mut order = AcceptTurn::default();
        let close = |world: &mut World, _| {
            world.queues.clear();
            Look::Client
        };
        assert!(!order.run(&mut world, |world| world.queues.len(), close));
        world.queues = vec![9];
        assert!(!order.run(&mut world, |world| world.queues.len(), |_, _| Look::Stop));
        assert!(!turn(&mut order, &mut world, |_| {}));
        assert_eq!(world.accepted, [0; 9]);
    }
}
