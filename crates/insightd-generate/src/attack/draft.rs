//! The calls of an attack before it has an attacker, and the label that describes it.

use crate::call::Api;
use crate::catalog::region_of;
use crate::label::{Attack, Attacker, Label, LabelSeries};
use crate::principal::Principal;
use crate::workload::script::Step;

/// The attack to place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttackRequest {
    pub(crate) attack: Attack,
    pub(crate) attacker: Attacker,
    /// Start, seconds since 1970; an attack that follows another workload may move within that day.
    pub(crate) start: i64,
    /// The attack must lie between these, seconds since 1970.
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// An attack without attacker: its calls in order of time.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) region: &'static str,
    pub(crate) steps: Vec<Step>,
    /// The principal whose workload the attack imitates, if any.
    pub(crate) user: Option<Principal>,
}

impl Draft {
    /// The label of the attack: its calls by the series they enter.
    pub(crate) fn label(&self, account: String, wanted: AttackRequest, principal: String) -> Label {
        let mut series: Vec<LabelSeries> = Vec::new();
        let mut count = |api: &Api, error: Option<&str>| {
            let source = api.source();
            let same = |one: &&mut LabelSeries| {
                one.event_source == source && one.event_name == api.name && one.error_code.as_deref() == error
            };
            if let Some(one) = series.iter_mut().find(same) {
                one.calls += 1;
            } else {
                let (event_name, error_code) = (api.name.to_owned(), error.map(str::to_owned));
                series.push(LabelSeries { event_source: source.clone(), event_name, error_code, calls: 1 });
            }
        };
        for step in &self.steps {
            if !step.api.read {
                count(step.api, None);
            }
            if step.error.is_some() {
                count(step.api, step.error);
            }
        }
        series.sort_by_key(|one| std::cmp::Reverse(one.calls));
        let time = |step: Option<&Step>| step.map_or(wanted.start, |step| step.time);
        Label {
            account,
            region: self.steps.first().map_or(self.region, |step| region_of(step.api, self.region)).to_owned(),
            attack: wanted.attack,
            attacker: wanted.attacker,
            principal,
            start: time(self.steps.first()),
            end: time(self.steps.last()),
            calls: self.steps.len() as u64,
            series,
        }
    }
}
