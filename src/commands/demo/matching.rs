//! Insights against the labels of what was injected: which attack an insight belongs to, and which are false.

use insightd_core::cloudtrail::insight::Severity;
use insightd_generate::label::{Label, LabelSeries};

use super::super::insight_text::InsightText;

/// An insight may begin this much before the first call of its attack: its Start minute is the first that stands out.
const BEFORE_S: i64 = 5 * 60;
/// And this much after the last call: a rate that the attack has raised is looked at for a while.
const AFTER_S: i64 = 60 * 60;

/// All attacks with what was found of them, and the insights that belong to none.
#[derive(Debug)]
pub(super) struct Ledger {
    /// In order of their beginnings.
    pub attacks: Vec<Injected>,
    /// Starts that belong to no attack, by severity (in the order of [`Severity::ALL`]).
    pub false_insights: [u64; Severity::ALL.len()],
    /// Starts, all of them.
    pub starts: u64,
    /// Ends.
    pub ends: u64,
}

/// One injected attack.
#[derive(Debug)]
pub(super) struct Injected {
    /// What was injected.
    pub label: Label,
    /// The first insight that belongs to it.
    pub found: Option<Found>,
    /// Insights that belong to it.
    pub insights: u64,
}

/// How an attack was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Seconds of event time from its first call to the call that tipped the scales.
    pub after_s: i64,
    /// Highest severity of its insights.
    pub severity: Severity,
}

/// What an insight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The first insight of an attack (by index).
    Finds(usize),
    /// A further insight of an attack.
    Follows(usize),
    /// Nothing was injected there.
    False,
}

impl Ledger {
    /// Nothing is found yet.
    pub(super) fn new(mut labels: Vec<Label>) -> Self {
        labels.sort_by_key(|label| label.start);
        let attacks = labels.into_iter().map(|label| Injected { label, found: None, insights: 0 }).collect();
        Self { attacks, false_insights: [0; Severity::ALL.len()], starts: 0, ends: 0 }
    }

    /// Enters an insight; an End has no verdict of its own.
    pub(super) fn enter(&mut self, insight: &InsightText) -> Option<Verdict> {
        if !insight.is_start {
            self.ends += 1;
            return None;
        }
        self.starts += 1;
        let nearest = (0..self.attacks.len())
            .filter(|&n| self.attacks[n].explains(insight))
            .min_by_key(|&n| (insight.detected_at - self.attacks[n].label.start).abs());
        let Some(n) = nearest else {
            self.false_insights[insight.severity as usize] += 1;
            return Some(Verdict::False);
        };
        let attack = &mut self.attacks[n];
        attack.insights += 1;
        let after_s = (insight.detected_at - attack.label.start).max(0);
        let first = attack.found.is_none();
        let found = attack.found.get_or_insert(Found { after_s, severity: insight.severity });
        // Insights of several partitions come in no certain order.
        found.after_s = found.after_s.min(after_s);
        found.severity = found.severity.max(insight.severity);
        Some(if first { Verdict::Finds(n) } else { Verdict::Follows(n) })
    }

    /// Starts that belong to no attack.
    pub(super) fn false_total(&self) -> u64 {
        self.false_insights.iter().sum()
    }
}

impl Injected {
    fn explains(&self, insight: &InsightText) -> bool {
        let label = &self.label;
        let same_series = |series: &LabelSeries| {
            (&series.event_source, &series.event_name, &series.error_code)
                == (&insight.source, &insight.name, &insight.error)
        };
        label.account == insight.account
            && (label.start - BEFORE_S..=label.end + AFTER_S).contains(&insight.event_time)
            && label.series.iter().any(same_series)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use insightd_generate::label::{Attack, Attacker};

    use super::*;

    pub(crate) const NOON: i64 = 1_794_000_000;

    pub(crate) fn label(account: &str, start: i64) -> Label {
        let series = |name: &str, error: Option<&str>| LabelSeries {
            event_source: "iam.amazonaws.com".into(),
            event_name: name.into(),
            error_code: error.map(str::to_owned),
            calls: 20,
        };
        Label {
            account: account.into(),
            region: "us-east-1".into(),
            attack: Attack::CredentialBurst,
            attacker: Attacker::Stranger,
            principal: format!("arn:aws:iam::{account}:user/mallory"),
            start,
            end: start + 600,
            calls: 40,
            series: vec![series("CreateUser", None), series("CreateAccessKey", Some("AccessDenied"))],
        }
    }

    pub(crate) fn start(account: &str, name: &str, error: Option<&str>, time: i64) -> InsightText {
        InsightText {
            detected_at: time,
            is_start: true,
            severity: Severity::Medium,
            account: account.into(),
            region: "us-east-1".into(),
            source: "iam.amazonaws.com".into(),
            name: name.into(),
            error: error.map(str::to_owned),
            event_time: time - time % 60,
            calls: 41,
            minutes: 5,
            usual_calls: 3,
            usual_minutes: 10_800,
            principals: Vec::new(),
            agents: Vec::new(),
            suppressed_by: None,
        }
    }

    #[test]
    fn an_insight_belongs_to_an_attack_by_account_series_and_time() {
        let table = [
            (start("1", "CreateUser", None, NOON), true),
            (start("1", "CreateAccessKey", Some("AccessDenied"), NOON), true),
            (start("1", "CreateUser", None, NOON - 5 * 60), true),
            (start("1", "CreateUser", None, NOON - 6 * 60), false),
            (start("1", "CreateUser", None, NOON + 600 + 3600), true),
            (start("1", "CreateUser", None, NOON + 600 + 3660), false),
            (start("1", "CreateAccessKey", None, NOON), false),
            (start("1", "CreateUser", Some("AccessDenied"), NOON), false),
            (start("1", "DeleteUser", None, NOON), false),
            (start("2", "CreateUser", None, NOON), false),
        ];
        for (insight, belongs) in table {
            let mut ledger = Ledger::new(vec![label("1", NOON)]);
            let verdict = ledger.enter(&insight);
            assert_eq!(verdict == Some(Verdict::Finds(0)), belongs, "{insight:?}");
            assert_eq!((ledger.attacks[0].insights, ledger.false_total()), (u64::from(belongs), u64::from(!belongs)));
        }
    }

    #[test]
    fn a_second_insight_follows_the_first_and_the_earliest_counts() {
        let mut ledger = Ledger::new(vec![label("1", NOON)]);
        let mut second = start("1", "CreateAccessKey", Some("AccessDenied"), NOON + 17);
        second.severity = Severity::High;
        assert_eq!(ledger.enter(&start("1", "CreateUser", None, NOON + 90)), Some(Verdict::Finds(0)));
        assert_eq!(ledger.enter(&second), Some(Verdict::Follows(0)));
        assert_eq!(ledger.attacks[0].found, Some(Found { after_s: 17, severity: Severity::High }));
        assert_eq!((ledger.attacks[0].insights, ledger.starts), (2, 2));
    }

    #[test]
    fn of_two_attacks_that_explain_an_insight_the_nearer_one_has_it() {
        let mut ledger = Ledger::new(vec![label("1", NOON + 1800), label("1", NOON)]);
        assert_eq!(ledger.attacks[0].label.start, NOON, "attacks are in order of time");
        assert_eq!(ledger.enter(&start("1", "CreateUser", None, NOON + 1830)), Some(Verdict::Finds(1)));
    }

    #[test]
    fn an_end_is_counted_and_not_judged() {
        let mut ledger = Ledger::new(Vec::new());
        let end = InsightText { is_start: false, ..start("1", "CreateUser", None, NOON) };
        assert_eq!(ledger.enter(&end), None);
        assert_eq!((ledger.ends, ledger.starts, ledger.false_total()), (1, 0, 0));
    }
}
