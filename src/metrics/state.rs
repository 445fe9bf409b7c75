//! Metrics of the state: what goes to the changelog, and how far restoring is.

use insightd_core::detect::{BackfillRefusal, BackfillResult};
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGaugeVec, Registry, Result};

use super::Task;
use super::families::Make;

/// Seconds that a restore takes.
const RESTORE_BUCKETS_S: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// What a restored partition can have found, as label values of `restores_total`.
const FOUND: [&str; 4] = ["state", "nothing", "other_state", "state_lost"];

/// A past that was taken in, as label value of `history_accounts_total`; the others are those of [`BackfillRefusal`].
const TAKEN: &str = "taken";

/// See the module.
pub(super) struct StateFamilies {
    pub(super) records: IntCounter,
    pub(super) bytes: IntCounter,
    left: IntGaugeVec,
    restores: IntCounterVec,
    pub(super) duration: Histogram,
    loaded: IntCounterVec,
}

impl StateFamilies {
    pub(super) fn register(registry: &Registry) -> Result<Self> {
        let make = Make(registry);
        let families = Self {
            records: make.counter("state_records_total", "Committed records of the changelog.")?,
            bytes: make.counter("state_bytes_total", "Their bytes, keys and values, before compression.")?,
            left: make.levels(
                "state_restore_left_records",
                "Offsets of the changelog that are still to be read before the partition is processed; 0 when it is.",
                &["topic", "partition"],
            )?,
            restores: make.counters(
                "state_restores_total",
                "Partitions whose state was restored, by what was found: the state that belongs to the committed offset, nothing, another \
                 state than that (somebody has set the offset), or nothing although there should be one.",
                &["found"],
            )?,
            duration: make.histogram(
                "state_restore_duration_seconds",
                "Time that restoring one partition took.",
                &RESTORE_BUCKETS_S,
            )?,
            loaded: make.counters(
                "history_accounts_total",
                "Accounts' pasts that insightd load has left in the history topic: taken in, or why not.",
                &["outcome"],
            )?,
        };
        for outcome in BackfillRefusal::ALL.map(BackfillRefusal::label).into_iter().chain([TAKEN]) {
            families.loaded.with_label_values(&[outcome]);
        }
        for found in FOUND {
            families.restores.with_label_values(&[found]);
        }
        Ok(families)
    }

    pub(super) fn left(&self, task: &Task, records: i64) {
        self.left.with_label_values(&[&*task.topic, &task.partition.to_string()]).set(records.max(0));
    }

    pub(super) fn forget(&self, task: &Task) {
        // Not there is as good as removed.
        let _ = self.left.remove_label_values(&[&*task.topic, &task.partition.to_string()]);
    }

    pub(super) fn loaded(&self, loaded: &[BackfillResult]) {
        for loaded in loaded {
            let outcome = loaded.outcome.map_or_else(BackfillRefusal::label, |_| TAKEN);
            self.loaded.with_label_values(&[outcome]).inc();
        }
    }

    pub(super) fn restored(&self, found: &'static str, seconds: f64) {
        self.restores.with_label_values(&[found]).inc();
        self.duration.observe(seconds);
    }
}
