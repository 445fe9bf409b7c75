//! The counts of a replay as one JSON object.
//!
//! `records` is the sum of `counted`, `duplicates`, `out_of_scope`, `too_late`, `malformed` and `shed`
//! (CNT-1). The other numbers are not part of that sum.

use std::io::{self, Write};

use insightd_core::cloudtrail::insight::{InsightType, State};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use insightd_core::pipeline::{Gauges, Outcome, Tally};
use insightd_core::rules::{Rule, Rules};
use serde_json::{Map, Value, json};

/// Writes the object and a newline.
///
/// # Errors
/// Those of writing.
pub(crate) fn write(out: &mut impl Write, tally: &Tally, gauges: &Gauges, rules: &Rules) -> io::Result<()> {
    let insights =
        |state: State| InsightType::ALL.iter().map(|&k| tally.insights[k as usize][state as usize]).sum::<u64>();
    let by_envelope = |e: Envelope| tally.records[e as usize].iter().sum::<u64>();
    let stats = json!({
        "records": tally.total(),
        "counted": tally.outcome(Outcome::Counted),
        "duplicates": tally.outcome(Outcome::Duplicate),
        "out_of_scope": tally.outcome(Outcome::OutOfScope),
        "too_late": tally.outcome(Outcome::TooLate),
        "malformed": tally.outcome(Outcome::Malformed),
        "shed": tally.outcome(Outcome::Shed),
        "read_only": tally.read_only,
        "late": tally.late,
        "unconfirmed": gauges.unconfirmed,
        "inferred": tally.inferred,
        "series": gauges.series,
        "accounts": gauges.accounts_learning + gauges.accounts_live,
        "insights_started": insights(State::Start),
        "insights_ended": insights(State::End),
        "insights_open": gauges.insights_open,
        "payloads_skipped": named(&Skipped::ALL, Skipped::label, |k| tally.skipped[k as usize]),
        "records_by_envelope": named(&Envelope::ALL, Envelope::label, by_envelope),
        "malformed_by_reason": named(&DecodeError::ALL, DecodeError::label, |k| tally.malformed[k as usize]),
        "shed_by_limit": named(&Limit::ALL, Limit::label, |k| tally.shed[k as usize]),
        "attributions_summarised": tally.attributions_summarized,
        "dedup_shortened": tally.dedup_shortened,
        "held_overflow": tally.quarantine_overflow,
        "principals_full": tally.principals_full,
        "rules": by_rule(rules, tally),
    });
    serde_json::to_writer_pretty(&mut *out, &stats)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// What each rule did, in the order of the rules. Includes rules that matched nothing: an operator looks for
/// those.
fn by_rule(rules: &Rules, tally: &Tally) -> Vec<Value> {
    let count = |counts: &[u64], position: usize| counts.get(position).copied().unwrap_or_default();
    let one = |(position, rule): (usize, &Rule)| {
        json!({
            "rule": &*rule.name,
            "action": rule.action.label(),
            "records": count(&tally.rule_records, position),
            "insights": count(&tally.rule_insights, position),
        })
    };
    rules.iter().enumerate().map(one).collect()
}

/// Counts above zero, by label.
fn named<T: Copy>(all: &[T], label: impl Fn(T) -> &'static str, count: impl Fn(T) -> u64) -> Map<String, Value> {
    let counts = all.iter().map(|&kind| (label(kind), count(kind)));
    counts.filter(|&(_, count)| count > 0).map(|(label, count)| (label.to_owned(), count.into())).collect()
}
