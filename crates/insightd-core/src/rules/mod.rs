//! The operator's ordered rules: which records do not count, which are judged more or less strictly, and
//! which insights are marked or dropped (docs/rules.md).
//!
//! Pure: a rule sees one record and its time, never a clock, counts or other records; time zones come from
//! the compiled-in database. The first matching rule decides, whatever its action; later rules are not
//! tested.
//!
//! * [`facts`]: what a rule sees of a record. [`pattern`]: globs. [`schedule`]: weekly windows.
//! * [`reach`]: rules that can never decide, and conditions that probably match nothing.

use std::sync::Arc;

mod facts;
mod pattern;
pub mod reach;
mod schedule;

pub use facts::{Facts, Field};
pub use pattern::Pattern;
pub use schedule::Schedule;

/// Most rules in a configuration. Each is a label value of two metrics and may be tested for every record;
/// many names belong in one rule as a list of patterns.
pub const RULES_MAX: usize = 500;

/// The effect of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// The record is not counted.
    Exclude,
    /// Multiplies the alarm rate of a Start whose tipping record matches: 0.1 makes false alarms ten times
    /// rarer, 10 ten times more frequent. 1 changes nothing: an exception from later rules.
    Sensitivity(f64),
    /// The insight is published, with the header `suppressed-by`.
    Mark,
    /// The insight is not published, neither its Start nor its End.
    Drop,
}

impl Action {
    /// The name in the configuration, and the label value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Sensitivity(_) => "sensitivity",
            Self::Mark => "mark",
            Self::Drop => "drop",
        }
    }

    /// The factor for the alarm rate.
    pub fn factor(self) -> f64 {
        if let Self::Sensitivity(factor) = self { factor } else { 1.0 }
    }

    /// Whether an insight under this rule is suppressed: published with a mark, or not at all.
    pub fn suppresses(self) -> bool {
        matches!(self, Self::Mark | Self::Drop)
    }
}

/// A field of a record, and patterns of which one must match.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Which field.
    pub field: Field,
    /// One of these must match.
    pub patterns: Vec<Pattern>,
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        facts.with(self.field, |text| self.patterns.iter().any(|pattern| pattern.matches(text)))
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, unique in the list.
    pub name: Arc<str>,
    /// What it does.
    pub action: Action,
    /// All of these must hold; in the order of [`Field::ALL`], cheap and selective ones first.
    pub conditions: Vec<Condition>,
    /// Event time at which the rule expires, seconds since 1970.
    pub until: Option<i64>,
    /// The rule applies only inside these windows of event time.
    pub schedule: Option<Schedule>,
}

impl Rule {
    /// Whether the rule matches this record of event time `time` (seconds since 1970).
    pub fn matches(&self, facts: &Facts<'_>, time: i64) -> bool {
        self.until.is_none_or(|until| time < until)
            && self.conditions.iter().all(|condition| condition.holds(facts))
            && self.schedule.as_ref().is_none_or(|schedule| schedule.contains(time))
    }
}

/// The rules, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// These rules in this order. The caller has checked that the names differ.
    pub fn new(rules: Vec<Rule>) -> Self {
        assert!(rules.len() <= RULES_MAX, "{} rules, at most {RULES_MAX}", rules.len());
        Self(rules)
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.0.iter()
    }

    /// The rule at a position returned by [`Rules::first_match`].
    pub fn at(&self, position: u32) -> &Rule {
        &self.0[position as usize]
    }

    /// Position of the rule of this name.
    pub fn position(&self, name: &str) -> Option<u32> {
        self.0.iter().position(|rule| &*rule.name == name).map(|at| at as u32)
    }

    /// Position of the first rule that matches this record of event time `time` (seconds since 1970).
    pub fn first_match<'a>(&self, facts: impl Into<Facts<'a>>, time: i64) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        let facts = facts.into();
        self.0.iter().position(|rule| rule.matches(&facts, time)).map(|position| position as u32)
    }

    /// Rules that have expired at `now` (seconds since 1970).
    pub fn expired(&self, now: i64) -> impl Iterator<Item = &Rule> {
        self.0.iter().filter(move |rule| rule.until.is_some_and(|until| until <= now))
    }
}

#[cfg(test)]
mod tests;
