//! Every metric family of the daemon: name, type, labels, help text and buckets, and nothing else.
//!
//! A new metric takes two edits: its declaration here, and the line that counts or sets it. A counter with
//! fixed label values takes a third, in `Families::start_at_zero`. docs/metrics.md is generated from
//! [`families`].

use prometheus::{Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, Result};

use super::family::{Family, Instrument, families, register};

/// Labels of one open insight.
pub(super) const INSIGHT_LABELS: [&str; 6] =
    ["account", "region", "event_source", "event_name", "insight_type", "error_code"];

/// Seconds from an event to its commit. CloudTrail itself delivers after minutes, so the steps are fine there
/// and coarse for backlogs.
const DELAY_BUCKETS_S: [f64; 17] = [
    1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 420.0, 600.0, 900.0, 1800.0, 3600.0, 21_600.0,
    86_400.0,
];

/// Seconds from the beginning to the end of a transaction: 5 ms to the default `kafka.transaction_timeout`
/// and beyond.
const TRANSACTION_BUCKETS_S: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Seconds that it takes to restore a partition.
const RESTORE_BUCKETS_S: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

families! {
    /// One instrument for each metric family of the daemon.
    struct Families {
        // === records in ===

        records: IntCounterVec {
            name: "insightd_records_total",
            labels: ["envelope", "outcome"],
            help: "Records by the envelope that they came in and by their outcome. Each record counts once.",
        };
        duplicates: IntCounter {
            name: "insightd_duplicate_records_total",
            help: "Records not counted because their eventID was seen before, within input.dedup_horizon.",
        };
        malformed: IntCounterVec {
            name: "insightd_malformed_records_total",
            labels: ["reason"],
            help: "Records and fragments that cannot be decoded, by reason.",
        };
        shed: IntCounterVec {
            name: "insightd_shed_records_total",
            labels: ["limit"],
            help: "Records dropped because a configured limit was reached, by limit.",
        };
        limits_reached: IntCounterVec {
            name: "insightd_limits_reached_total",
            labels: ["limit"],
            help: "Times a configured limit was reached, by limit. Includes the limits that shed records.",
        };
        late: IntCounter {
            name: "insightd_late_records_total",
            help: "Counted records whose minute was already closed when they arrived.",
        };
        read_only: IntCounter {
            name: "insightd_readonly_records_total",
            help: "Management records with readOnly true.",
        };
        inferred: IntCounter {
            name: "insightd_readonly_inferred_total",
            help: "Records whose readOnly or event category is missing and was inferred.",
        };
        misrouted: IntCounter {
            name: "insightd_misrouted_records_total",
            help: "Records whose message key is not their account ID.",
        };
        payloads: IntCounter {
            name: "insightd_payloads_total",
            help: "Messages processed.",
        };
        payload_bytes: IntCounter {
            name: "insightd_payload_bytes_total",
            help: "Bytes of the messages processed.",
        };
        payloads_skipped: IntCounterVec {
            name: "insightd_payloads_skipped_total",
            labels: ["kind"],
            help: "Payloads of a known kind that never contains records, by kind.",
        };
        event_delay: Histogram {
            name: "insightd_event_delay_seconds",
            buckets: DELAY_BUCKETS_S,
            help: "Time from a record's eventTime until the daemon processed the record.",
        };

        // === records out ===

        dead_letters: IntCounterVec {
            name: "insightd_dead_letters_total",
            labels: ["reason"],
            help: "Records written to the dead-letter topic, by reason.",
        };
        records_truncated: IntCounterVec {
            name: "insightd_records_cut_total",
            labels: ["kind"],
            help: "Records of the daemon that were truncated to dlq.record_bytes_max or to the broker's limit, by kind.",
        };
        insights: IntCounterVec {
            name: "insightd_insights_total",
            labels: ["insight_type", "state"],
            help: "Insights written to the output topic, by type and state.",
        };
        insights_historic: IntCounter {
            name: "insightd_insights_historic_total",
            help: "Insights that were older than output.max_age when they were detected.",
        };
        detection_latency: Histogram {
            name: "insightd_detection_latency_seconds",
            buckets: DELAY_BUCKETS_S,
            help: "Time from the eventTime of the record that triggered an insight to the insight's commit. Historic \
                   insights are not observed.",
        };

        // === rules ===

        rule_matches: IntCounterVec {
            name: "insightd_rule_matches_total",
            labels: ["rule", "action"],
            help: "Records in scope by the rule that applies to them, duplicates included.",
        };
        rule_insights: IntCounterVec {
            name: "insightd_rule_insights_total",
            labels: ["rule", "action"],
            help: "Insights, dropped ones included, by the rule that applies to the record that triggered them.",
        };

        // === detection ===

        insights_open: IntGauge {
            name: "insightd_insights_open",
            help: "Insights that are open.",
        };
        series: IntGauge {
            name: "insightd_series",
            help: "Series in memory.",
        };
        accounts: IntGaugeVec {
            name: "insightd_accounts",
            labels: ["state"],
            help: "Accounts in memory: learning (younger than baseline.warm_up) or live.",
        };
        unconfirmed: IntGauge {
            name: "insightd_records_unconfirmed",
            help: "Records quarantined until another record confirms their time.",
        };
        dedup_events: IntGauge {
            name: "insightd_dedup_events",
            help: "eventIDs remembered for deduplication.",
        };
        clock: IntGaugeVec {
            name: "insightd_clock_timestamp_seconds",
            labels: ["topic", "partition"],
            help: "Newest event-time clock of a partition, seconds since 1970.",
        };
        insight_open: IntGaugeVec {
            name: "insightd_insight_open",
            labels: INSIGHT_LABELS,
            help: "1 while this insight is open and for metrics.insight_hold after it ended.",
        };
        insight_rate: GaugeVec {
            name: "insightd_insight_rate_calls_per_minute",
            labels: INSIGHT_LABELS,
            help: "Rate of an open insight at its detection, in calls per minute as in the Insights record.",
        };
        insight_baseline: GaugeVec {
            name: "insightd_insight_baseline_calls_per_minute",
            labels: INSIGHT_LABELS,
            help: "Baseline of an open insight, in calls per minute as in the Insights record.",
        };

        // === Kafka ===

        lag: IntGaugeVec {
            name: "insightd_kafka_lag_records",
            labels: ["topic", "partition"],
            help: "Messages between the committed offset of a partition and its end.",
        };
        transactions: IntCounterVec {
            name: "insightd_transactions_total",
            labels: ["outcome"],
            help: "Kafka transactions by outcome: committed, aborted or fenced.",
        };
        transaction_duration: Histogram {
            name: "insightd_transaction_duration_seconds",
            buckets: TRANSACTION_BUCKETS_S,
            help: "Time from the beginning of a transaction to its end.",
        };
        kafka_errors: IntCounterVec {
            name: "insightd_kafka_errors_total",
            labels: ["kind"],
            help: "Errors reported by librdkafka, by the name of their code.",
        };
        broker_up: IntGaugeVec {
            name: "insightd_broker_up",
            labels: ["worker"],
            help: "1 while the worker reaches a Kafka broker, 0 while it does not.",
        };
        rebalances: IntCounterVec {
            name: "insightd_rebalances_total",
            labels: ["kind"],
            help: "Rebalances by what they did to a worker's partitions: assigned, revoked or lost.",
        };
        partitions_assigned: IntGaugeVec {
            name: "insightd_partitions_assigned",
            labels: ["worker"],
            help: "Input partitions assigned to the worker.",
        };

        invariant_violations: IntCounterVec {
            name: "insightd_invariant_violations_total",
            labels: ["invariant"],
            help: "Violations of the daemon's own invariants, by name: 0 unless the daemon has a bug.",
        };

        // === state ===

        state_records: IntCounter {
            name: "insightd_state_records_total",
            help: "Records committed to the changelog.",
        };
        state_bytes: IntCounter {
            name: "insightd_state_bytes_total",
            help: "Bytes committed to the changelog, keys and values, before compression.",
        };
        restore_left: IntGaugeVec {
            name: "insightd_state_restore_left_records",
            labels: ["topic", "partition"],
            help: "Changelog offsets that remain to be read before the partition is processed; 0 once it is.",
        };
        restores: IntCounterVec {
            name: "insightd_state_restores_total",
            labels: ["found"],
            help: "Restored partitions by what the changelog contained: the state of the committed offset (state), none \
                   as expected (nothing), the state of another offset because the group's offset was set by hand \
                   (other_state), or none although the committed offset has one (state_lost).",
        };
        restore_duration: Histogram {
            name: "insightd_state_restore_duration_seconds",
            buckets: RESTORE_BUCKETS_S,
            help: "Time to restore one partition.",
        };
        backfills: IntCounterVec {
            name: "insightd_history_accounts_total",
            labels: ["outcome"],
            help: "Backfills of accounts, written by insightd load, by outcome: taken, or the reason why not.",
        };

        // === process ===

        build_info: IntGaugeVec {
            name: "insightd_build_info",
            labels: ["version", "revision"],
            help: "Always 1; the labels name the running build.",
        };
        process_start: Gauge {
            name: "process_start_time_seconds",
            help: "Start of the process, seconds since 1970.",
        };
    }
}

/// Resident memory, which the process asks the kernel for at each scrape; not exported where there is no
/// `/proc`.
pub(super) const RESIDENT_MEMORY: Family = Family {
    name: "process_resident_memory_bytes",
    kind: Gauge::KIND,
    labels: &[],
    buckets: &[],
    help: "Resident memory of the process, bytes.",
};

/// All metric families that the daemon can export, grouped by subject.
pub fn families() -> impl Iterator<Item = &'static Family> {
    Families::CATALOG.iter().chain([&RESIDENT_MEMORY])
}
