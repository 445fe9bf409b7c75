//! Ordered rules of the operator: which records do not count, which are judged more or less strictly, and which insights are marked
//! or dropped.
//!
//! Pure: rules look at one record and its time, never at a clock, at counts or at other records; time zones come from the
//! database that is compiled in. The first rule of the list whose conditions all hold decides, whatever its action is; none of
//! the later ones is looked at.
//!
//! * [`facts`]: what a rule sees of a record. [`pattern`]: globs. [`schedule`]: weekly windows.
//! * [`reach`]: rules that can never decide, and conditions that probably match nothing.

use std::sync::Arc;

pub mod facts;
pub mod pattern;
pub mod reach;
pub mod schedule;

pub use facts::{Facts, Field};
pub use pattern::Pattern;
pub use schedule::Schedule;

/// Rules in a configuration at most. Each is a label value of two metrics and may be looked at for every record; many names
/// belong into one rule as a list of patterns.
pub const RULES_MAX: usize = 500;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// The record is not counted.
    Exclude,
    /// The alarm budget of a Start that such a record tips is multiplied by this factor: .1 makes it ten times rarer, 10 ten
    /// times readier. 1 changes nothing, and so makes an exception from the rules below.
    Sensitivity(f64),
    /// The insight is published, with the header `suppressed-by`.
    Mark,
    /// The insight is not published, neither its Start nor its End.
    Drop,
}

impl Action {
    /// As in the configuration, and the label value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Sensitivity(_) => "sensitivity",
            Self::Mark => "mark",
            Self::Drop => "drop",
        }
    }

    /// What the alarm budget is multiplied by.
    pub fn factor(self) -> f64 {
        if let Self::Sensitivity(factor) = self { factor } else { 1.0 }
    }

    /// Whether nobody is to be alarmed by an insight under it.
    pub fn suppresses(self) -> bool {
        matches!(self, Self::Mark | Self::Drop)
    }
}

/// One field of a record and the patterns of which one must match it.
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
    /// All of them must hold; in the order of [`Field::ALL`], the cheap and telling ones first.
    pub conditions: Vec<Condition>,
    /// From this event time on (seconds since 1970) it holds no longer.
    pub until: Option<i64>,
    /// It holds only inside these windows of event time.
    pub schedule: Option<Schedule>,
}

impl Rule {
    /// Whether it decides about this record, dated `time` (seconds since 1970).
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
    /// These rules in this order. Whoever reads them from a configuration has checked that the names differ.
    pub fn new(rules: Vec<Rule>) -> Self {
        assert!(rules.len() <= RULES_MAX, "{} rules, at most {RULES_MAX}", rules.len());
        Self(rules)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.0.iter()
    }

    /// The rule at a position that [`Rules::first_match`] gave.
    pub fn at(&self, position: u32) -> &Rule {
        &self.0[position as usize]
    }

    /// Position of the rule of this name.
    pub fn position(&self, name: &str) -> Option<u32> {
        self.0.iter().position(|rule| &*rule.name == name).map(|at| at as u32)
    }

    /// Position of the rule that decides about this record, dated `time` (seconds since 1970).
    pub fn first_match<'a>(&self, facts: impl Into<Facts<'a>>, time: i64) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        let facts = facts.into();
        self.0.iter().position(|rule| rule.matches(&facts, time)).map(|position| position as u32)
    }

    /// Rules that hold no longer at `now` (seconds since 1970).
    pub fn expired(&self, now: i64) -> impl Iterator<Item = &Rule> {
        self.0.iter().filter(move |rule| rule.until.is_some_and(|until| until <= now))
    }
}

#[cfg(test)]
mod tests;
