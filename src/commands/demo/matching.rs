//! Matches insights with the labels of the injected attacks: which attack an insight belongs to, and which
//! insights are false.

use insightd_core::cloudtrail::insight::Severity;
use insightd_generate::label::{Label, LabelSeries};

use crate::commands::console::insight_text::InsightText;

/// An insight may begin this many seconds before the first call of its attack: its Start minute is the first
/// unusual one.
const BEFORE_S: i64 = 5 * 60;
/// An insight may begin this many seconds after the last call: the raised rate stays visible for a while.
const AFTER_S: i64 = 60 * 60;

/// All attacks with the insights that found them, and the insights that belong to no attack.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// In the order of their first calls.
    pub(crate) attacks: Vec<Injected>,
    /// Starts that belong to no attack, by severity (in the order of [`Severity::ALL`]).
    pub(crate) false_insights: [u64; Severity::ALL.len()],
    /// All Starts.
    pub(crate) starts: u64,
    /// All Ends.
    pub(crate) ends: u64,
}

/// One injected attack.
#[derive(Debug)]
pub(crate) struct Injected {
    /// The label that the generator gave it.
    pub(crate) label: Label,
    /// How it was found, if it was.
    pub(crate) found: Option<Detection>,
    /// Number of its insights.
    pub(crate) insights: u64,
}

/// How an attack was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detection {
    /// Seconds of event time from its first call to the call that raised the first insight.
    pub(crate) after_s: i64,
    /// Highest severity of its insights.
    pub(crate) severity: Severity,
}

/// What a Start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first insight of an attack (by index).
    Finds(usize),
    /// A further insight of an attack.
    Follows(usize),
    /// It belongs to no attack.
    False,
}

impl Ledger {
    /// No attack is found yet.
    pub(crate) fn new(mut labels: Vec<Label>) -> Self {
        labels.sort_by_key(|label| label.start);
        let attacks = labels.into_iter().map(|label| Injected { label, found: None, insights: 0 }).collect();
        Self { attacks, false_insights: [0; Severity::ALL.len()], starts: 0, ends: 0 }
    }

    /// Enters an insight. An End gets no verdict.
    pub(crate) fn enter(&mut self, insight: &InsightText) -> Option<Verdict> {
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
        let found = attack.found.get_or_insert(Detection { after_s, severity: insight.severity });
        // Insights of several partitions arrive in any order.
        found.after_s = found.after_s.min(after_s);
        found.severity = found.severity.max(insight.severity);
        Some(if first { Verdict::Finds(n) } else { Verdict::Follows(n) })
    }

    /// Starts that belong to no attack.
    pub(crate) fn false_total(&self) -> u64 {
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
        assert_eq!(ledger.attacks[0].found, Some(Detection { after_s: 17, severity: Severity::High }));
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
