//! Names, help texts, labels and buckets of all metrics.

use insightd_core::cloudtrail::insight::{InsightType, State};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use insightd_core::pipeline::{Gauges, Outcome, Tally};
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, PullingGauge,
    Registry, Result,
};

use super::{Cut, Rebalance, Task, Transaction};

/// Labels of one open insight.
pub(super) const INSIGHT_LABELS: [&str; 6] =
    ["account", "region", "event_source", "event_name", "insight_type", "error_code"];

/// Seconds from an event to its commit. CloudTrail itself takes minutes (specification 5.4): fine steps there, coarse for backlogs.
const DELAY_BUCKETS_S: [f64; 17] = [
    1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 420.0, 600.0, 900.0, 1800.0, 3600.0, 21_600.0,
    86_400.0,
];

/// Seconds from begin to end of a transaction: 5 ms to the default `kafka.transaction_timeout` and beyond.
const TRANSACTION_BUCKETS_S: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Limits that cost accuracy or a label set, but shed no record.
const SOFT_LIMITS: [&str; 5] = [ATTRIBUTION_VALUES, DEDUP_EVENTS, HELD_RECORDS, OPEN_INSIGHTS, PRINCIPALS];
const ATTRIBUTION_VALUES: &str = "attribution_values";
const DEDUP_EVENTS: &str = "dedup_events";
const HELD_RECORDS: &str = "held_records";
const PRINCIPALS: &str = "principals";
const OPEN_INSIGHTS: &str = "open_insights";

const INSIGHT_TYPES: [InsightType; 2] = [InsightType::ApiCallRate, InsightType::ApiErrorRate];
const STATES: [State; 2] = [State::Start, State::End];

/// One typed field per metric.
pub(super) struct Families {
    records: IntCounterVec,
    duplicates: IntCounter,
    malformed: IntCounterVec,
    shed: IntCounterVec,
    limits_reached: IntCounterVec,
    late: IntCounter,
    read_only: IntCounter,
    inferred: IntCounter,
    misrouted: IntCounter,
    payloads: IntCounter,
    payload_bytes: IntCounter,
    payloads_skipped: IntCounterVec,
    event_delay: Histogram,
    pub(super) dead_letters: IntCounterVec,
    records_cut: IntCounterVec,
    insights: IntCounterVec,
    pub(super) rule_matches: IntCounterVec,
    pub(super) rule_insights: IntCounterVec,
    pub(super) insights_historic: IntCounter,
    pub(super) detection_latency: Histogram,
    insights_open: IntGauge,
    series: IntGauge,
    accounts: IntGaugeVec,
    unconfirmed: IntGauge,
    dedup_events: IntGauge,
    clock: IntGaugeVec,
    pub(super) insight_open: IntGaugeVec,
    pub(super) insight_rate: GaugeVec,
    pub(super) insight_baseline: GaugeVec,
    pub(super) lag: IntGaugeVec,
    transactions: IntCounterVec,
    pub(super) transaction_duration: Histogram,
    pub(super) kafka_errors: IntCounterVec,
    pub(super) broker_up: IntGaugeVec,
    rebalances: IntCounterVec,
    pub(super) partitions_assigned: IntGaugeVec,
}

impl Families {
    /// Makes all metrics and registers them.
    pub(super) fn register(registry: &Registry) -> Result<Self> {
        let make = Make(registry);
        make.process()?;
        let families = Self {
            records: make.counters(
                "records_total",
                "Records taken in, by the wrapping they came in and by what became of them. Each counts once.",
                &["envelope", "outcome"],
            )?,
            duplicates: make.counter(
                "duplicate_records_total",
                "Records not counted again because their eventID was seen within input.dedup_horizon.",
            )?,
            malformed: make.counters(
                "malformed_records_total",
                "Records and fragments that cannot be used, by fault.",
                &["reason"],
            )?,
            shed: make.counters("shed_records_total", "Records passed over behind a limit, by limit.", &["limit"])?,
            limits_reached: make.counters(
                "limits_reached_total",
                "Times a limit of the configuration was reached, by limit (those of shed records included).",
                &["limit"],
            )?,
            late: make.counter("late_records_total", "Counted records whose minute was already closed.")?,
            read_only: make.counter("readonly_records_total", "Management records with readOnly true.")?,
            inferred: make.counter(
                "readonly_inferred_total",
                "Records whose read/write property or category had to be inferred.",
            )?,
            misrouted: make.counter("misrouted_records_total", "Records whose message key is not their account id.")?,
            payloads: make.counter("payloads_total", "Messages taken in.")?,
            payload_bytes: make.counter("payload_bytes_total", "Bytes of the messages taken in.")?,
            payloads_skipped: make.counters(
                "payloads_skipped_total",
                "Payloads that carry no records by their nature, by kind.",
                &["kind"],
            )?,
            event_delay: make.histogram(
                "event_delay_seconds",
                "Time from eventTime to the moment the record was taken in.",
                &DELAY_BUCKETS_S,
            )?,
            dead_letters: make.counters(
                "dead_letters_total",
                "Records written to the dead-letter topic, by reason.",
                &["reason"],
            )?,
            records_cut: make.counters(
                "records_cut_total",
                "Records of the daemon that were cut to the size that dlq.record_bytes_max or the broker allows.",
                &["kind"],
            )?,
            insights: make.counters(
                "insights_total",
                "Insights written to the output topic, by type and state.",
                &["insight_type", "state"],
            )?,
            rule_matches: make.counters(
                "rule_matches_total",
                "Records that could count, by the rule that decides about them; repeats included.",
                &["rule", "action"],
            )?,
            rule_insights: make.counters(
                "rule_insights_total",
                "Insights found, dropped ones included, by the rule that the record matched which made them known.",
                &["rule", "action"],
            )?,
            insights_historic: make.counter(
                "insights_historic_total",
                "Insights that were older than output.max_age when they were found.",
            )?,
            detection_latency: make.histogram(
                "detection_latency_seconds",
                "Time from the eventTime of the tipping event to the committed insight; historic insights left out.",
                &DELAY_BUCKETS_S,
            )?,
            insights_open: make.level("insights_open", "Insights open now.")?,
            series: make.level("series", "Series held now.")?,
            accounts: make.levels(
                "accounts",
                "Accounts known now: learning (younger than baseline.warm_up) or live.",
                &["state"],
            )?,
            unconfirmed: make
                .level("records_unconfirmed", "Records held back until another one confirms their time.")?,
            dedup_events: make.level("dedup_events", "eventIDs remembered for deduplication now.")?,
            clock: make.levels(
                "clock_timestamp_seconds",
                "Newest event-time clock of a partition, seconds since 1970.",
                &["topic", "partition"],
            )?,
            insight_open: make.levels("insight_open", "1 while this insight is open.", &INSIGHT_LABELS)?,
            insight_rate: make.values(
                "insight_rate_calls_per_minute",
                "Rate of an open insight when it was found, in calls per minute as Insights records have it.",
                &INSIGHT_LABELS,
            )?,
            insight_baseline: make.values(
                "insight_baseline_calls_per_minute",
                "Baseline of an open insight, in calls per minute as Insights records have it.",
                &INSIGHT_LABELS,
            )?,
            lag: make.levels(
                "kafka_lag_records",
                "Messages between the committed offset of a partition and its end.",
                &["topic", "partition"],
            )?,
            transactions: make.counters(
                "transactions_total",
                "Kafka transactions, by how they ended.",
                &["outcome"],
            )?,
            transaction_duration: make.histogram(
                "transaction_duration_seconds",
                "Time from the begin of a transaction to its end.",
                &TRANSACTION_BUCKETS_S,
            )?,
            kafka_errors: make.counters(
                "kafka_errors_total",
                "Errors that the Kafka client reported, by name of the code.",
                &["kind"],
            )?,
            broker_up: make.levels("broker_up", "1 while the worker reaches a Kafka broker, else 0.", &["worker"])?,
            rebalances: make.counters(
                "rebalances_total",
                "Rebalances, by what they did: assigned, revoked, lost.",
                &["kind"],
            )?,
            partitions_assigned: make.levels(
                "partitions_assigned",
                "Input partitions that the worker holds.",
                &["worker"],
            )?,
        };
        families.start_at_zero();
        Ok(families)
    }

    /// Shows every fixed label value from the start: a counter that appears with its first event hides that event from `rate`.
    fn start_at_zero(&self) {
        for (envelope, outcome) in Envelope::ALL.iter().flat_map(|e| Outcome::ALL.map(|o| (e, o))) {
            self.records.with_label_values(&[envelope.label(), outcome.label()]);
        }
        for (kind, state) in INSIGHT_TYPES.iter().flat_map(|k| STATES.map(|s| (k, s))) {
            self.insights.with_label_values(&[kind.label(), state.label()]);
        }
        touch(&self.malformed, DecodeError::ALL.map(DecodeError::label));
        touch(&self.shed, Limit::ALL.map(Limit::label));
        touch(&self.limits_reached, Limit::ALL.map(Limit::label));
        touch(&self.limits_reached, SOFT_LIMITS);
        touch(&self.payloads_skipped, Skipped::ALL.map(Skipped::label));
        touch(&self.dead_letters, DecodeError::ALL.map(DecodeError::label));
        touch(&self.records_cut, ["dead_letter", "insight"]);
        touch(&self.transactions, ["committed", "aborted", "fenced"]);
        touch(&self.rebalances, ["assigned", "revoked", "lost"]);
    }

    /// Adds the counts of a committed transaction. The caller holds the lock under which a scrape gathers.
    pub(super) fn add_tally(&self, tally: &Tally) {
        for (envelope, row) in Envelope::ALL.iter().zip(&tally.records) {
            for (outcome, &count) in Outcome::ALL.iter().zip(row) {
                add(&self.records, &[envelope.label(), outcome.label()], count);
            }
        }
        self.duplicates.inc_by(tally.outcome(Outcome::Duplicate));
        for (fault, &count) in DecodeError::ALL.iter().zip(&tally.malformed) {
            add(&self.malformed, &[fault.label()], count);
        }
        for (limit, &count) in Limit::ALL.iter().zip(&tally.shed) {
            add(&self.shed, &[limit.label()], count);
            add(&self.limits_reached, &[limit.label()], count);
        }
        add(&self.limits_reached, &[ATTRIBUTION_VALUES], tally.attributions_summarised);
        add(&self.limits_reached, &[DEDUP_EVENTS], tally.dedup_shortened);
        add(&self.limits_reached, &[HELD_RECORDS], tally.held_overflow);
        add(&self.limits_reached, &[PRINCIPALS], tally.principals_full);
        for (kind, &count) in Skipped::ALL.iter().zip(&tally.skipped) {
            add(&self.payloads_skipped, &[kind.label()], count);
        }
        for (kind, row) in INSIGHT_TYPES.iter().zip(&tally.insights) {
            for (state, &count) in STATES.iter().zip(row) {
                add(&self.insights, &[kind.label(), state.label()], count);
            }
        }
        self.late.inc_by(tally.late);
        self.read_only.inc_by(tally.read_only);
        self.inferred.inc_by(tally.inferred);
        self.misrouted.inc_by(tally.misrouted);
        self.payloads.inc_by(tally.payloads);
        self.payload_bytes.inc_by(tally.payload_bytes);
        self.add_delays(&tally.delays_s);
    }

    /// Sorts delays into buckets in plain memory first: one atomic addition per bucket and commit instead of three per record.
    fn add_delays(&self, delays_s: &[u32]) {
        let local = self.event_delay.local();
        for &delay in delays_s {
            local.observe(f64::from(delay));
        }
        local.flush();
    }

    /// Sets the gauges that are sums over tasks.
    pub(super) fn set_levels<'a>(&self, tasks: impl Iterator<Item = &'a Gauges>) {
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

    /// Sets the clock of a partition; 0 means that it has none yet.
    pub(super) fn set_clock(&self, task: &Task, clock: i64) {
        if clock != 0 {
            self.clock.with_label_values(&[&*task.topic, &task.partition.to_string()]).set(clock);
        }
    }

    /// Removes the label values of a partition.
    pub(super) fn forget_partition(&self, task: &Task) {
        let partition = task.partition.to_string();
        // Not there is as good as removed.
        let _ = self.clock.remove_label_values(&[&*task.topic, &partition]);
        let _ = self.lag.remove_label_values(&[&*task.topic, &partition]);
    }

    /// The counter of gauges that were not shown.
    pub(super) fn open_insights_reached(&self) -> IntCounter {
        self.limits_reached.with_label_values(&[OPEN_INSIGHTS])
    }

    /// The counter of one kind of cut record.
    pub(super) fn cut(&self, what: Cut) -> IntCounter {
        self.records_cut.with_label_values(&[match what {
            Cut::DeadLetterRecord => "dead_letter",
            Cut::Insight => "insight",
        }])
    }

    /// The counter of one outcome.
    pub(super) fn transaction(&self, outcome: Transaction) -> IntCounter {
        self.transactions.with_label_values(&[match outcome {
            Transaction::Committed => "committed",
            Transaction::Aborted => "aborted",
            Transaction::Fenced => "fenced",
        }])
    }

    /// The counter of one kind of rebalance.
    pub(super) fn rebalance(&self, what: Rebalance) -> IntCounter {
        self.rebalances.with_label_values(&[match what {
            Rebalance::Assigned => "assigned",
            Rebalance::Revoked => "revoked",
            Rebalance::Lost => "lost",
        }])
    }
}

fn touch<const N: usize>(counters: &IntCounterVec, labels: [&str; N]) {
    for label in labels {
        counters.with_label_values(&[label]);
    }
}

pub(super) fn add(counters: &IntCounterVec, labels: &[&str], count: u64) {
    // Most of a commit's cells are zero; looking their labels up would be the dearest part.
    if count > 0 {
        counters.with_label_values(labels).inc_by(count);
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Makes metrics with the common prefix and registers them.
pub(super) struct Make<'a>(pub(super) &'a Registry);

impl Make<'_> {
    fn opts(name: &str, help: &str) -> Opts {
        Opts::new(name, help).namespace("insightd")
    }

    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.add(IntCounter::with_opts(Self::opts(name, help))?)
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        self.add(IntCounterVec::new(Self::opts(name, help), labels)?)
    }

    fn level(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.add(IntGauge::with_opts(Self::opts(name, help))?)
    }

    pub(super) fn levels(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Self::opts(name, help), labels)?)
    }

    fn values(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.add(GaugeVec::new(Self::opts(name, help), labels)?)
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        let opts = HistogramOpts::new(name, help).namespace("insightd").buckets(buckets.to_vec());
        self.add(Histogram::with_opts(opts)?)
    }

    /// Build information, and the two process metrics (of Prometheus' own names) that an operator asks for first.
    fn process(&self) -> Result<()> {
        let build = self.levels("build_info", "Always 1; the labels tell what runs.", &["version", "revision"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("INSIGHTD_REVISION")]).set(1);
        let started =
            self.add(Gauge::new("process_start_time_seconds", "Start of the process, seconds since 1970.")?)?;
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        started.set(since_1970.as_secs_f64());
        if resident_bytes().is_some() {
            let read = Box::new(|| resident_bytes().unwrap_or(f64::NAN));
            let resident =
                PullingGauge::new("process_resident_memory_bytes", "Resident memory of the process in bytes.", read)?;
            self.0.register(Box::new(resident))?;
        }
        Ok(())
    }
}

/// Resident memory by Linux's /proc; absent elsewhere.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1024) as f64)
}
