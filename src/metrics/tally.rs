//! From the counts of a committed transaction to counters, and from the tasks' gauges to sums.

use insightd_core::cloudtrail::insight::{InsightType, State};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use insightd_core::detect::BackfillRefusal;
use insightd_core::invariants::Invariant;
use insightd_core::pipeline::{Gauges, Outcome, Tally};
use insightd_core::rules::Rules;
use prometheus::IntCounterVec;

use super::catalog::Families;
use super::labels::{
    ATTRIBUTION_VALUES, BACKFILL_TAKEN, DEDUP_EVENTS, HELD_RECORDS, PRINCIPALS, Rebalance, RestoreOutcome, SOFT_LIMITS,
    Transaction, Truncated,
};

const INSIGHT_TYPES: [InsightType; 2] = [InsightType::ApiCallRate, InsightType::ApiErrorRate];
const STATES: [State; 2] = [State::Start, State::End];

impl Families {
    /// Creates every fixed label value at 0: `rate` misses the first event of a counter that appears with it.
    pub(super) fn start_at_zero(&self, rules: &Rules) {
        for envelope in Envelope::ALL {
            touch(&self.records, Outcome::ALL.map(|outcome| [envelope.label(), outcome.label()]));
        }
        for kind in INSIGHT_TYPES {
            touch(&self.insights, STATES.map(|state| [kind.label(), state.label()]));
        }
        for counters in [&self.malformed, &self.dead_letters] {
            touch(counters, DecodeError::ALL.map(|reason| [reason.label()]));
        }
        for counters in [&self.shed, &self.limits_reached] {
            touch(counters, Limit::ALL.map(|limit| [limit.label()]));
        }
        touch(&self.limits_reached, SOFT_LIMITS.map(|limit| [limit]));
        touch(&self.payloads_skipped, Skipped::ALL.map(|kind| [kind.label()]));
        touch(&self.records_truncated, Truncated::ALL.map(|kind| [kind.label()]));
        touch(&self.transactions, Transaction::ALL.map(|outcome| [outcome.label()]));
        touch(&self.rebalances, Rebalance::ALL.map(|kind| [kind.label()]));
        touch(&self.invariant_violations, Invariant::ALL.map(|invariant| [invariant.label()]));
        touch(&self.restores, RestoreOutcome::ALL.map(|found| [found.label()]));
        touch(&self.backfills, BackfillRefusal::ALL.map(|refusal| [refusal.label()]));
        touch(&self.backfills, [[BACKFILL_TAKEN]]);
        // A rule that stays at 0 is a rule that matches nothing.
        for counters in [&self.rule_matches, &self.rule_insights] {
            touch(counters, rules.iter().map(|rule| [&*rule.name, rule.action.label()]));
        }
    }

    /// Adds the counts of a committed transaction. The caller holds the lock under which a scrape gathers.
    pub(super) fn add_tally(&self, tally: &Tally, rules: &Rules) {
        for (envelope, row) in Envelope::ALL.iter().zip(&tally.records) {
            for (outcome, &count) in Outcome::ALL.iter().zip(row) {
                add(&self.records, [envelope.label(), outcome.label()], count);
            }
        }
        for (reason, &count) in DecodeError::ALL.iter().zip(&tally.malformed) {
            add(&self.malformed, [reason.label()], count);
        }
        for (kind, &count) in Skipped::ALL.iter().zip(&tally.skipped) {
            add(&self.payloads_skipped, [kind.label()], count);
        }
        for (kind, row) in INSIGHT_TYPES.iter().zip(&tally.insights) {
            for (state, &count) in STATES.iter().zip(row) {
                add(&self.insights, [kind.label(), state.label()], count);
            }
        }
        self.duplicates.inc_by(tally.outcome(Outcome::Duplicate));
        self.late.inc_by(tally.late);
        self.read_only.inc_by(tally.read_only);
        self.inferred.inc_by(tally.inferred);
        self.misrouted.inc_by(tally.misrouted);
        self.payloads.inc_by(tally.payloads);
        self.payload_bytes.inc_by(tally.payload_bytes);
        self.add_limits(tally);
        self.add_delays(&tally.delays_s);
        self.add_rules(tally, rules);
        for backfill in &tally.backfills {
            let outcome = backfill.outcome.map_or_else(BackfillRefusal::label, |_| BACKFILL_TAKEN);
            add(&self.backfills, [outcome], 1);
        }
    }

    fn add_limits(&self, tally: &Tally) {
        for (limit, &count) in Limit::ALL.iter().zip(&tally.shed) {
            add(&self.shed, [limit.label()], count);
            add(&self.limits_reached, [limit.label()], count);
        }
        add(&self.limits_reached, [ATTRIBUTION_VALUES], tally.attributions_summarized);
        add(&self.limits_reached, [DEDUP_EVENTS], tally.dedup_shortened);
        add(&self.limits_reached, [HELD_RECORDS], tally.quarantine_overflow);
        add(&self.limits_reached, [PRINCIPALS], tally.principals_full);
    }

    /// Sorts delays into buckets in plain memory first: one atomic addition per bucket and commit instead of
    /// three per record.
    fn add_delays(&self, delays_s: &[u32]) {
        let local = self.event_delay.local();
        for &delay in delays_s {
            local.observe(f64::from(delay));
        }
        local.flush();
    }

    fn add_rules(&self, tally: &Tally, rules: &Rules) {
        for (counters, counts) in
            [(&self.rule_matches, &tally.rule_records), (&self.rule_insights, &tally.rule_insights)]
        {
            for (rule, &count) in rules.iter().zip(counts) {
                add(counters, [&*rule.name, rule.action.label()], count);
            }
        }
    }

    /// Sets the gauges that are sums over tasks.
    pub(super) fn set_gauges<'a>(&self, tasks: impl Iterator<Item = &'a Gauges>) {
        let mut sum = Gauges::default();
        for task in tasks {
            sum.series += task.series;
            sum.accounts_learning += task.accounts_learning;
            sum.accounts_live += task.accounts_live;
            sum.insights_open += task.insights_open;
            sum.unconfirmed += task.unconfirmed;
            sum.dedup_events += task.dedup_events;
        }
        self.series.set(signed(sum.series));
        self.accounts.with_label_values(&["learning"]).set(signed(sum.accounts_learning));
        self.accounts.with_label_values(&["live"]).set(signed(sum.accounts_live));
        self.insights_open.set(signed(sum.insights_open));
        self.unconfirmed.set(signed(sum.unconfirmed));
        self.dedup_events.set(signed(sum.dedup_events));
    }
}

fn touch<'a, const N: usize>(counters: &IntCounterVec, label_values: impl IntoIterator<Item = [&'a str; N]>) {
    for values in label_values {
        counters.with_label_values(&values);
    }
}

fn add<const N: usize>(counters: &IntCounterVec, label_values: [&str; N], count: u64) {
    // Most cells of a commit are zero, and looking up their labels would cost more than all the rest.
    if count > 0 {
        counters.with_label_values(&label_values).inc_by(count);
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
