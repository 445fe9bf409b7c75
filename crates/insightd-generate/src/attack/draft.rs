//! What an attack consists of, before somebody is found to do it; and how it becomes calls and a label.

mod kinds;

pub(super) use kinds::draft;

use crate::call::Api;
use crate::catalogue::region_of;
use crate::habit::{Act, Sink, Who, Window};
use crate::label::{Attack, Attacker, Label, LabelSeries};
use crate::random::Draw;

/// What is to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) attack: Attack,
    pub(super) attacker: Attacker,
    /// When, seconds since 1970; an attack that hangs on something else may move on that day.
    pub(super) start: i64,
    /// It must lie between these, seconds since 1970.
    pub(super) from: i64,
    pub(super) until: i64,
}

/// One call of an attack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(super) time: i64,
    pub(super) api: &'static Api,
    pub(super) error: Option<&'static str>,
}

/// An attack without attacker: its calls in order of time.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) region: &'static str,
    pub(super) steps: Vec<Step>,
    /// Somebody who does this anyway, where the attack hides behind a habit.
    pub(super) user: Option<Who>,
}

impl Draft {
    /// The label of the attack: its calls by the series they enter.
    pub(super) fn label(&self, account: String, wanted: Wanted, principal: String) -> Label {
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

/// Calls at fixed times by one principal.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(super) who: Who,
    pub(super) region: &'static str,
    pub(super) steps: Vec<Step>,
}

impl Act for Script {
    fn act(&self, _key: u64, window: Window, draw: &mut Draw, sink: &mut Sink<'_>) {
        let first = self.steps.partition_point(|step| step.time < window.start);
        for step in self.steps[first..].iter().take_while(|step| step.time < window.end()) {
            sink.call(step.time, self.who.any(draw), self.region, step.api, step.error);
        }
    }

    fn uses(&self, see: &mut dyn FnMut(Who, &'static Api)) {
        self.steps.iter().for_each(|step| see(self.who, step.api));
    }
}
