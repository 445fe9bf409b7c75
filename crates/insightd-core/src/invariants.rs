//! The invariants by name, with one predicate for each.
//!
//! The simulator, debug builds and the daemon in production ask the same predicates, so that what a test
//! proves is what production counts. A predicate is a pure function of values; what follows from a violation
//! is decided by [`Violations`]. This module must never log, count in a global or end the process.

use std::fmt;
use std::time::Duration;

/// A property that holds at any time, whatever fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// EO-1: an insight and the state behind it become visible exactly when the source offsets behind them
    /// are committed.
    Eo1,
    /// EO-2: a committed offset is that of the last applied record plus 1, and never decreases within one
    /// chain of owners.
    Eo2,
    /// EO-3: after an abort, memory equals the fold of the committed changelog.
    Eo3,
    /// EO-4: transaction timeout < session timeout < poll interval, checked at start.
    Eo4,
    /// ISO-1: an account's insights depend on its own records and on the configuration alone.
    Iso1,
    /// OWN-1: a task applies records only between the assignment of its partition and the answer to its
    /// revocation.
    Own1,
    /// RES-1: a task runs only after its changelog is read to the end captured at assignment.
    Res1,
    /// LOAD-1: an account's backfill is merged as a whole or not at all.
    Load1,
    /// LOAD-2: no minute is counted twice: a backfill ends before the minute in which the account's own
    /// history begins.
    Load2,
    /// WM-1: an event-time clock never goes back.
    Wm1,
    /// WM-2: an idle advance happens only when the task is caught up, and only by the wall time that has
    /// passed.
    Wm2,
    /// DET-1: the same records in the same order give the same insights, whatever the transaction boundaries.
    Det1,
    /// CNT-1: records = counted + duplicates + out of scope + too late + malformed + shed, at any time.
    Cnt1,
    /// BND-1: no limit of the configuration is exceeded.
    Bnd1,
}

impl Invariant {
    /// All invariants, in the order of their discriminants.
    pub const ALL: [Self; 14] = [
        Self::Eo1,
        Self::Eo2,
        Self::Eo3,
        Self::Eo4,
        Self::Iso1,
        Self::Own1,
        Self::Res1,
        Self::Load1,
        Self::Load2,
        Self::Wm1,
        Self::Wm2,
        Self::Det1,
        Self::Cnt1,
        Self::Bnd1,
    ];

    /// The name, as in documentation, messages and the label of `insightd_invariant_violations_total`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Eo1 => "EO-1",
            Self::Eo2 => "EO-2",
            Self::Eo3 => "EO-3",
            Self::Eo4 => "EO-4",
            Self::Iso1 => "ISO-1",
            Self::Own1 => "OWN-1",
            Self::Res1 => "RES-1",
            Self::Load1 => "LOAD-1",
            Self::Load2 => "LOAD-2",
            Self::Wm1 => "WM-1",
            Self::Wm2 => "WM-2",
            Self::Det1 => "DET-1",
            Self::Cnt1 => "CNT-1",
            Self::Bnd1 => "BND-1",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

// === predicates ===

/// Where a partition stands: the next record to read, and the number of the state that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateAt {
    /// Offset of the next record.
    pub next: i64,
    /// Number of the state; 0 before the first commit.
    pub state: u64,
}

/// EO-1: the checkpoint in a transaction belongs to the offset that the transaction commits.
pub fn state_belongs_to_offset(checkpoint: StateAt, committed: StateAt) -> bool {
    checkpoint == committed
}

/// EO-1: each commit writes a state with a higher number, so that no two commits are mistaken for each other.
pub fn state_advances(before: u64, after: u64) -> bool {
    after > before
}

/// EO-2: offset `next` may be committed after `before`, where `applied` is the offset of the last record
/// applied since. Without one, only time has passed or offsets were skipped that no longer exist.
pub fn offset_follows(before: i64, applied: Option<i64>, next: i64) -> bool {
    next >= before && applied.is_none_or(|applied| next == applied + 1)
}

/// EO-3: what is in memory equals what the committed records fold to.
pub fn memory_is_committed<T: PartialEq + ?Sized>(memory: &T, fold: &T) -> bool {
    memory == fold
}

/// EO-4: a transaction ends before its owner can lose its partitions, and a session before its owner counts
/// as stuck.
pub fn timeouts_increase(transaction: Duration, session: Duration, poll_interval: Duration) -> bool {
    transaction < session && session < poll_interval
}

/// ISO-1: an account gives the same insights alone and among others.
pub fn is_isolated<T: PartialEq + ?Sized>(alone: &T, among_others: &T) -> bool {
    alone == among_others
}

/// ISO-1: what a record raises belongs to the account of the record.
pub fn is_own<A: PartialEq>(raised_for: &A, account: &A) -> bool {
    raised_for == account
}

/// OWN-1: the partition is among those that are held now.
pub fn is_owned<'a, P: PartialEq + 'a>(partition: &P, held: impl IntoIterator<Item = &'a P>) -> bool {
    held.into_iter().any(|held| held == partition)
}

/// RES-1: a changelog with the captured end `end` is restored at `position`. `drained` says that nothing
/// readable is left below the end: compaction removed it, or only transaction markers remain.
pub fn is_restored(position: i64, end: i64, drained: bool) -> bool {
    position >= end || drained
}

/// LOAD-1: a backfill whose last part has number `last_part` (from 0) is whole with so many parts in order.
pub fn is_whole(parts: u32, last_part: u32) -> bool {
    parts.checked_sub(1) == Some(last_part)
}

/// LOAD-1: a backfill that was refused has changed nothing.
pub fn is_all_or_nothing(merged: bool, changed: bool) -> bool {
    merged || !changed
}

/// LOAD-2: the last minute of a backfill lies before the minute in which the account's own history begins.
pub fn ends_before(last_minute: i64, own_begin: i64) -> bool {
    last_minute < own_begin
}

/// WM-1: a clock at `before` may stand at `after`.
pub fn clock_advances(before: i64, after: i64) -> bool {
    after >= before
}

/// An idle clock, all in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleClock {
    /// Event time at which it stands.
    pub time: i64,
    /// Wall time since 1970 when a record last moved it.
    pub touched: i64,
    /// Event time at which it stood then.
    pub touched_at: i64,
}

/// WM-2: the clock may move to `to` at wall time `now`: by the time that has passed, and not beyond
/// `now - lateness_s`. The other half, that the task is caught up, holds by construction: the worker passes
/// the time only to tasks that have read their partition to the end.
pub fn idle_advance_is_elapsed(clock: IdleClock, now: i64, lateness_s: i64, to: i64) -> bool {
    let elapsed = now.saturating_sub(clock.touched);
    let latest = clock.touched_at.saturating_add(elapsed).min(now.saturating_sub(lateness_s));
    to <= latest.max(clock.time)
}

/// DET-1: two runs over the same records give the same insights.
pub fn is_deterministic<T: PartialEq + ?Sized>(one: &T, other: &T) -> bool {
    one == other
}

/// CNT-1: the outcomes add up to the records.
pub fn records_add_up(records: u64, outcomes: impl IntoIterator<Item = u64>) -> bool {
    outcomes.into_iter().sum::<u64>() == records
}

/// BND-1: what is there is within its limit.
pub fn is_within(level: u64, limit: u64) -> bool {
    level <= limit
}

// === what follows ===

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: Invariant,
    /// Where, and the values that break it.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// What a violation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnViolation {
    /// The process panics: a defect shows at its cause.
    Panic,
    /// It is recorded and work goes on.
    Record,
}

impl Default for OnViolation {
    fn default() -> Self {
        if cfg!(debug_assertions) { Self::Panic } else { Self::Record }
    }
}

/// Details kept until they are taken. A defect that breaks an invariant with each record must not fill the
/// memory; every violation is still counted.
const DETAILS_MAX: usize = 16;

/// The violations since they were last taken. Panics in debug builds and never in a release.
#[derive(Debug, Default)]
pub struct Violations {
    response: OnViolation,
    counts: [u64; Invariant::ALL.len()],
    details: Vec<Violation>,
}

impl Violations {
    /// With this response instead of the build's own.
    pub fn new(response: OnViolation) -> Self {
        Self { response, ..Self::default() }
    }

    /// Evaluates a check, in all builds; `detail` is asked for only if it fails. Returns whether it holds.
    ///
    /// # Panics
    /// With [`OnViolation::Panic`], if it does not hold.
    pub fn check(&mut self, invariant: Invariant, holds: bool, detail: impl FnOnce() -> String) -> bool {
        if !holds {
            let violation = Violation { invariant, detail: detail() };
            assert!(self.response == OnViolation::Record, "{violation}");
            self.counts[invariant as usize] += 1;
            if self.details.len() < DETAILS_MAX {
                self.details.push(violation);
            }
        }
        holds
    }

    /// Adds the violations that another part has recorded.
    pub fn add(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        let room = DETAILS_MAX.saturating_sub(self.details.len());
        self.details.extend(other.details.into_iter().take(room));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Takes the violations: how often each broken invariant was violated, with the first detail that was
    /// kept.
    pub fn take(&mut self) -> Vec<(Violation, u64)> {
        let (counts, details) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.details));
        let broken = Invariant::ALL.into_iter().filter(|invariant| counts[*invariant as usize] > 0);
        broken
            .map(|invariant| {
                let first = details.iter().find(|violation| violation.invariant == invariant);
                let detail = first.map_or_else(String::new, |violation| violation.detail.clone());
                (Violation { invariant, detail }, counts[invariant as usize])
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_label_is_unique_and_found_by_its_number() {
        for (at, invariant) in Invariant::ALL.into_iter().enumerate() {
            assert_eq!(invariant as usize, at);
            assert!(Invariant::ALL[..at].iter().all(|other| other.label() != invariant.label()));
        }
    }

    #[test]
    fn a_state_belongs_to_its_offset_and_advances() {
        let at = StateAt { next: 7, state: 3 };
        assert!(state_belongs_to_offset(at, at));
        assert!(!state_belongs_to_offset(at, StateAt { next: 8, ..at }));
        assert!(!state_belongs_to_offset(at, StateAt { state: 4, ..at }));
        assert!(state_advances(3, 4) && !state_advances(3, 3) && !state_advances(3, 2));
    }

    #[test]
    fn an_offset_is_the_last_applied_one_plus_one() {
        assert!(offset_follows(5, Some(7), 8), "offsets in between may be markers");
        assert!(offset_follows(5, None, 5) && offset_follows(5, None, 9));
        assert!(!offset_follows(5, Some(7), 7) && !offset_follows(5, Some(7), 9));
        assert!(!offset_follows(5, None, 4) && !offset_follows(9, Some(7), 8));
    }

    #[test]
    fn what_must_be_equal_is_equal() {
        for equal in [memory_is_committed, is_isolated, is_deterministic] {
            assert!(equal("state", "state") && !equal("state", "other"));
        }
        assert!(is_own(&7, &7) && !is_own(&7, &8));
    }

    #[test]
    fn timeouts_increase_from_transaction_to_poll_interval() {
        let s = Duration::from_secs;
        assert!(timeouts_increase(s(10), s(45), s(300)));
        assert!(!timeouts_increase(s(45), s(45), s(300)) && !timeouts_increase(s(10), s(300), s(300)));
    }

    #[test]
    fn only_held_partitions_are_owned_and_only_read_ones_restored() {
        assert!(is_owned(&2, &[1, 2]) && !is_owned(&3, &[1, 2]) && !is_owned(&3, &[]));
        assert!(is_restored(9, 9, false) && is_restored(4, 9, true) && !is_restored(8, 9, false));
    }

    #[test]
    fn a_backfill_is_whole_and_ends_before_the_accounts_own_history() {
        assert!(is_whole(3, 2) && !is_whole(2, 2) && !is_whole(4, 2) && !is_whole(0, 0));
        assert!(is_all_or_nothing(true, true) && is_all_or_nothing(false, false) && !is_all_or_nothing(false, true));
        assert!(ends_before(9, 10) && !ends_before(10, 10) && !ends_before(11, 10));
    }

    #[test]
    fn an_idle_clock_advances_by_elapsed_time_only() {
        assert!(clock_advances(5, 5) && clock_advances(5, 6) && !clock_advances(5, 4));
        let clock = IdleClock { time: 1000, touched: 5000, touched_at: 1000 };
        assert!(idle_advance_is_elapsed(clock, 5120, 600, 1120));
        assert!(!idle_advance_is_elapsed(clock, 5120, 600, 1121), "more than has passed");
        let live = IdleClock { time: 4990, touched: 5000, touched_at: 4990 };
        assert!(idle_advance_is_elapsed(live, 6000, 600, 5400));
        assert!(!idle_advance_is_elapsed(live, 6000, 600, 5401), "into the lateness");
    }

    #[test]
    fn records_add_up_and_levels_stay_within_their_limits() {
        assert!(records_add_up(6, [1, 2, 3]) && !records_add_up(7, [1, 2, 3]) && records_add_up(0, []));
        assert!(is_within(5, 5) && !is_within(6, 5));
    }

    #[test]
    #[should_panic(expected = "EO-2: offset 4 after 5")]
    fn a_violation_panics_where_that_is_wanted() {
        Violations::new(OnViolation::Panic).check(Invariant::Eo2, false, || "offset 4 after 5".to_owned());
    }

    #[test]
    fn a_release_counts_violations_without_panicking() {
        let mut violations = Violations::new(OnViolation::Record);
        assert!(violations.check(Invariant::Own1, true, || unreachable!("asked for only if it fails")));
        assert!(violations.is_empty());
        for n in 0..100 {
            assert!(!violations.check(Invariant::Cnt1, false, || format!("commit {n}")));
        }
        assert!(!violations.check(Invariant::Bnd1, false, || "series".to_owned()));
        let taken = violations.take();
        let first = Violation { invariant: Invariant::Cnt1, detail: "commit 0".to_owned() };
        assert_eq!(taken[0], (first, 100));
        // Its detail came after the ones that are kept; it is counted all the same.
        assert_eq!((taken[1].0.invariant, taken[1].1), (Invariant::Bnd1, 1));
        assert!(violations.is_empty() && violations.take().is_empty());
    }

    #[test]
    fn debug_builds_panic_and_releases_record() {
        let expected = if cfg!(debug_assertions) { OnViolation::Panic } else { OnViolation::Record };
        assert_eq!(OnViolation::default(), expected);
    }
}
