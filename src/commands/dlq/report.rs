//! The outcomes of a replay of dead-letter records: counts, and their text for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::config::Config;

/// Why a dead-letter record cannot be sent, although it may be decodable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Obstacle {
    Cut,
    Empty,
    NoOrigin,
    OtherTopic,
    NoPartition,
    TooLarge,
}

impl Obstacle {
    fn text(self) -> &'static str {
        match self {
            Self::Cut => "were cut to dlq.record_bytes_max or to the topic's limit: send the original again",
            Self::Empty => "have no contents",
            Self::NoOrigin => "do not say where they came from: another program wrote them",
            Self::OtherTopic => "came from a topic that input.topics does not name",
            Self::NoPartition => "came from a partition that the topic no longer has",
            Self::TooLarge => "are larger than the input topic accepts (its max.message.bytes)",
        }
    }
}

/// Dead-letter records that were sent, with the usable records in them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) dead_letters: u64,
    pub(crate) records: u64,
    /// Records that still fail, in dead-letter records with usable records.
    pub(crate) failing: u64,
    /// Usable records beyond the deduplication horizon.
    pub(crate) old: u64,
}

impl Sent {
    pub(crate) fn add(&mut self, more: Self) {
        self.dead_letters += more.dead_letters;
        self.records += more.records;
        self.failing += more.failing;
        self.old += more.old;
    }
}

/// The outcomes of the dead-letter records.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: Sent,
    /// Dead-letter records that an earlier run has replayed.
    pub(crate) replayed_before: u64,
    /// Dead-letter records that still fail, by reason.
    pub(crate) failing: BTreeMap<&'static str, u64>,
    /// Dead-letter records that hold no records by today's rules.
    pub(crate) no_records: u64,
    obstructed: BTreeMap<Obstacle, u64>,
}

impl Counts {
    pub(crate) fn obstruct(&mut self, obstacle: Obstacle) {
        *self.obstructed.entry(obstacle).or_default() += 1;
    }

    pub(crate) fn report(&self, config: &Config, dry_run: bool) -> String {
        let mut report = String::new();
        // Writing to a string cannot fail.
        let mut line = |count: u64, text: &str| {
            let _ = writeln!(report, "{count:>9}  {text}");
        };
        let Sent { dead_letters, records, failing, old } = self.sent;
        let would = if dry_run { "would be replayed" } else { "replayed" };
        line(dead_letters, &format!("{would}: dead-letter records that can be decoded now, with {records} records"));
        line(self.replayed_before, "were replayed before and are skipped");
        for (reason, count) in &self.failing {
            line(*count, &format!("still fail: {reason}"));
        }
        if self.no_records > 0 {
            line(self.no_records, "hold no records by today's rules, so there is nothing to replay");
        }
        for (obstacle, count) in &self.obstructed {
            line(*count, obstacle.text());
        }
        if failing > 0 {
            line(failing, "records in them still fail: each becomes its own dead-letter record");
        }
        if old > 0 {
            let horizon = humantime::format_duration(config.input.dedup_horizon);
            line(
                old,
                &format!(
                    "warning: records are older than input.dedup_horizon ({horizon}): the daemon counts them as too_late, unless \
                     nothing newer has arrived for their account and region"
                ),
            );
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_what_occurred_and_nothing_else() {
        let config = Config::default_config();
        let mut counts = Counts { replayed_before: 3, ..Counts::default() };
        let text = counts.report(&config, false);
        assert_eq!(text.lines().count(), 2, "{text}");
        counts.sent = Sent { dead_letters: 2, records: 5, failing: 1, old: 4 };
        counts.failing.insert("not_json", 7);
        counts.no_records = 6;
        counts.obstruct(Obstacle::Cut);
        let text = counts.report(&config, true);
        for said in [
            "2  would be replayed",
            "5 records",
            "3  were",
            "7  still fail: not_json",
            "6  hold no",
            "1  were cut",
            "4  warning",
            "3h",
        ] {
            assert!(text.contains(said), "{said}:\n{text}");
        }
        assert_eq!(text.lines().count(), 7, "{text}");
    }
}
