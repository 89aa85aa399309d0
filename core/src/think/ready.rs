//! Which step starts next: the queue of steps that may start, and the slots that limit them. Knows no graph and no
//! record.
//!
//! The rule of slots. `parallelism` counts streams of work, not steps: a step takes a slot only when no running step
//! feeds it parts, so a table's dump, load and verify run on one slot while the parts flow. When the producer ends
//! before its consumer, the slot goes over to the consumer; two consumers of one producer then hold two, and nothing
//! new starts until the number is below the limit again. A kind's own limit counts each of its steps. A consumer never
//! waits for a slot while its producer waits for it, because a producer waits for no consumer: nothing can lock up.
//! A kind that is counted *apart* takes no slot and has its own limit alone.
//!
//! The rule of order. What lies deepest in the graph first, then the graph's order: a table that is half way ends
//! before another one begins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::words::addr::StepKind;

/// Tables that are created at once, at most. They wait for the target more than they work, and TiDB makes one job of up
/// to eight CREATE TABLE that come in together (pingcap/tidb pkg/ddl/job_submitter.go); its CPU for each was 53 ms with
/// 4 at once, 20 ms with 32, 23 ms with 128.
pub const TABLES_AT_ONCE: usize = 32;
/// Steps of a kind that is counted apart, for each slot.
const APART_A_SLOT: usize = 4;

/// How much runs at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At least 1 counts.
    pub parallelism: usize,
    /// A kind that is not here has no limit of its own.
    pub per_kind: BTreeMap<StepKind, usize>,
    /// Kinds that take no slot.
    pub apart: BTreeSet<StepKind>,
}

impl Limits {
    pub fn of(parallelism: usize) -> Self {
        Self { parallelism, per_kind: BTreeMap::new(), apart: BTreeSet::new() }
    }

    /// Of a run against real servers. What is created or compared holds no stream of rows, and the connections that it
    /// takes have a ceiling of their own: it keeps no table from being dumped and loaded.
    pub fn of_run(parallelism: usize) -> Self {
        let parallelism = parallelism.max(1);
        let many = parallelism.saturating_mul(APART_A_SLOT).min(TABLES_AT_ONCE);
        let apart: BTreeSet<StepKind> = StepKind::ALL.into_iter().filter(|kind| kind.is_apart()).collect();
        Self { parallelism, per_kind: apart.iter().map(|kind| (*kind, many)).collect(), apart }
    }
}

/// Place in the queue: deepest first, then the graph's order.
type Rank = (Reverse<u32>, usize);

/// Steps that may start, by kind, so that a kind at its limit is passed over at once.
#[derive(Debug, Default)]
struct Queue(BTreeMap<StepKind, BTreeSet<Rank>>);

#[derive(Debug)]
pub struct Slots {
    limits: Limits,
    /// Fed by a running step: they need no slot.
    riders: Queue,
    heads: Queue,
    /// Slots taken.
    taken: usize,
    busy: BTreeMap<StepKind, usize>,
}

/// A step as the queue sees it.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub step: usize,
    pub kind: StepKind,
    pub depth: u32,
    /// A running step feeds it.
    pub rides: bool,
}

impl Slots {
    pub fn new(limits: Limits) -> Self {
        Self { limits, riders: Queue::default(), heads: Queue::default(), taken: 0, busy: BTreeMap::new() }
    }

    /// The step may start from now on.
    pub fn enqueue(&mut self, ticket: Ticket) {
        self.queue(ticket.rides).0.entry(ticket.kind).or_default().insert((Reverse(ticket.depth), ticket.step));
    }

    /// Takes a step out again; `rides` as it was enqueued.
    pub fn withdraw(&mut self, ticket: Ticket) {
        if let Some(ranks) = self.queue(ticket.rides).0.get_mut(&ticket.kind) {
            ranks.remove(&(Reverse(ticket.depth), ticket.step));
        }
    }

    /// The next step that has room; it is running from now on.
    pub fn take_next(&mut self) -> Option<usize> {
        let slot_is_free = self.taken < self.limits.parallelism.max(1);
        let (kind, rank, rides) = match self.best(&self.riders, true) {
            Some((kind, rank)) => (kind, rank, true),
            None => self.best(&self.heads, slot_is_free).map(|(kind, rank)| (kind, rank, false))?,
        };
        if let Some(ranks) = self.queue(rides).0.get_mut(&kind) {
            ranks.remove(&rank);
        }
        *self.busy.entry(kind).or_default() += 1;
        self.taken += usize::from(self.takes_a_slot(kind, rides));
        Some(rank.1)
    }

    /// The step runs no longer; `rides` as it was at its end.
    pub fn release(&mut self, kind: StepKind, rides: bool) {
        if let Some(busy) = self.busy.get_mut(&kind) {
            *busy = busy.saturating_sub(1);
        }
        self.taken = self.taken.saturating_sub(usize::from(self.takes_a_slot(kind, rides)));
    }

    fn takes_a_slot(&self, kind: StepKind, rides: bool) -> bool {
        !rides && !self.limits.apart.contains(&kind)
    }

    /// A running step has lost what fed it and holds a slot now.
    pub fn takes_over(&mut self, kind: StepKind) {
        self.taken += usize::from(self.takes_a_slot(kind, false));
    }

    fn queue(&mut self, rides: bool) -> &mut Queue {
        if rides { &mut self.riders } else { &mut self.heads }
    }

    fn best(&self, queue: &Queue, slot_is_free: bool) -> Option<(StepKind, Rank)> {
        let has_room = |kind: &StepKind| {
            let limit = self.limits.per_kind.get(kind).copied().unwrap_or(usize::MAX).max(1);
            (slot_is_free || self.limits.apart.contains(kind)) && self.busy.get(kind).copied().unwrap_or(0) < limit
        };
        let firsts = queue.0.iter().filter(|(kind, _)| has_room(kind));
        firsts.filter_map(|(kind, ranks)| Some((*kind, *ranks.first()?))).min_by_key(|(_, rank)| *rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enqueues `(step, kind, depth, rides)` and tells which start.
    fn check(limits: Limits, tickets: &[(usize, StepKind, u32, bool)], expected: &[usize]) {
        let mut slots = Slots::new(limits);
        for &(step, kind, depth, rides) in tickets {
            slots.enqueue(Ticket { step, kind, depth, rides });
        }
        let started: Vec<usize> = std::iter::from_fn(|| slots.take_next()).collect();
        assert_eq!(started, expected);
    }

    #[test]
    fn the_deepest_start_first_and_riders_need_no_slot() {
        use StepKind::{Dump, Load, Verify};
        check(Limits::of(2), &[(1, Dump, 0, false), (2, Dump, 0, false), (3, Dump, 0, false)], &[1, 2]);
        check(Limits::of(2), &[(1, Dump, 0, false), (2, Dump, 0, false), (3, Verify, 2, false)], &[3, 1]);
        check(Limits::of(1), &[(1, Dump, 0, false), (2, Load, 1, true), (3, Verify, 2, true)], &[3, 2, 1]);
        check(Limits::of(0), &[(1, Dump, 0, false), (2, Dump, 0, false)], &[1]);
        let one_load = Limits { per_kind: [(Load, 1)].into(), ..Limits::of(9) };
        check(one_load, &[(1, Load, 1, false), (2, Load, 1, true), (3, Dump, 0, false)], &[2, 3]);
    }
    #[test]
    fn tables_take_no_slot_and_have_a_limit_of_their_own() {
        use StepKind::{Dump, Table};
        let tables = |many: usize| (0..many).map(|step| (step, Table, 0, false)).collect::<Vec<_>>();
        check(Limits::of_run(1), &tables(6), &[0, 1, 2, 3]);
        check(Limits::of_run(100), &tables(40), &(0..TABLES_AT_ONCE).collect::<Vec<_>>());
        let dumps = [(7, Dump, 1, false), (8, Dump, 1, false), (9, Table, 0, false)];
        check(Limits::of_run(1), &dumps, &[7, 9]);
        let mut slots = Slots::new(Limits::of_run(1));
        for step in 0..2 {
            slots.enqueue(Ticket { step, kind: Dump, depth: 1, rides: false });
        }
        slots.enqueue(Ticket { step: 2, kind: Table, depth: 0, rides: false });
        assert_eq!((slots.take_next(), slots.take_next(), slots.take_next()), (Some(0), Some(2), None));
        // What took none gives none back.
        slots.release(Table, false);
        assert_eq!(slots.take_next(), None);
        slots.release(Dump, false);
        assert_eq!(slots.take_next(), Some(1));
    }
}
