//! Counts a record in its series. The evidence that it gives may start an insight.

use crate::cloudtrail::event::Category;
use crate::cloudtrail::insight::{Insight, SourceCategory};
use crate::cloudtrail::outcome::Limit;
use crate::detect::DAY;
use crate::detect::context::DetectorContext;
use crate::detect::decide::evidence::{self, Caller};
use crate::detect::decide::start::{self, Trigger};
use crate::detect::detector::Verdict;
use crate::detect::ids::SeriesId;
use crate::detect::intake::incoming::{Arrival, IncomingRecord};
use crate::detect::model::account::Account;
use crate::detect::model::key::{SeriesKey, error_code};
use crate::detect::model::region::is_live;
use crate::detect::model::series::{Call, Series, SeriesContext};
use crate::detect::model::slot::{SeriesSlot, SeriesState};

/// One record on its way through its series.
struct CallInSeries<'a> {
    call: Call<'a>,
    /// Hash of its principal.
    principal: u64,
    /// Whether its principal's novelty already includes it.
    novelty_counted: bool,
}

impl Account {
    /// Counts a record of the region at `region_index` in its series, after moving the clock.
    pub(super) fn count_record(
        &mut self,
        region_index: usize,
        record: &IncomingRecord<'_>,
        arrival: Arrival,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) -> Verdict {
        let IncomingRecord { event, scope, rule, principal, .. } = *record;
        self.advance(region_index, event.time, arrival.wall, context, emit);
        context.totals.newest = context.totals.newest.max(event.time);
        let minute = event.time.div_euclid(60);
        let late = minute <= self.regions[region_index].state.clock.closed(context.settings.lateness);
        let error = error_code(event);
        let call = Call {
            minute,
            time: event.time,
            late,
            event_id: event.id.as_deref().unwrap_or_default(),
            principal: &event.principal,
            agent: &event.agent,
            error: error.unwrap_or("null"),
            rule,
        };
        let mut call = CallInSeries { call, principal, novelty_counted: false };
        let category = if event.category == Category::Data { SourceCategory::Data } else { SourceCategory::Management };
        let mut entered = false;
        for (in_scope, error) in [(scope.call_rate, None), (scope.error_rate, error)] {
            if in_scope {
                let key = SeriesKey { source: &event.source, name: &event.name, error, category };
                entered |= self.count_call(region_index, key, &mut call, context, emit);
            }
        }
        context.events.late += u64::from(entered && late);
        if entered { Verdict::Counted } else { Verdict::Shed(Limit::Series) }
    }

    /// Counts one call in the series `key` of the region at `region_index`, and raises the Start that it
    /// triggers. False when there is no room for the series.
    fn count_call(
        &mut self,
        region_index: usize,
        key: SeriesKey<'_>,
        counted_call: &mut CallInSeries<'_>,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) -> bool {
        let Some(series_index) = self.find_or_create(region_index, key, &counted_call.call, context) else {
            return false;
        };
        let (facts, id, principal_id) =
            (self.facts(), self.region_id(region_index), self.principal_id(counted_call.principal));
        let call = &counted_call.call;
        let region = &mut self.regions[region_index];
        let region_facts = region.state.facts(&region.name, context.settings.lateness);
        let here = SeriesContext::new(facts, region_facts, &context.settings, &context.horizons);
        let changes = &mut context.transaction;
        let slot = region.series.at(series_index);
        // A record from quarantine may be too old to make its series live; a restore decides the same way.
        let becomes_live = !slot.is_live() && is_live(slot.state().last().max(call.minute), region.state.daily);
        if becomes_live {
            slot.set_live(true, id, &mut changes.live);
        }
        let state = self.state.change(self.number, &mut changes.accounts);
        let series = slot.change(id, &mut changes.series).activate(here.begin, here.settings, here.horizons);
        let mut caller = Caller {
            principal: self.principals.change(principal_id, &mut changes.principals),
            novelty_counted: counted_call.novelty_counted,
        };
        let counted = series.count(call, &here, &mut context.quota);
        let evidence = evidence::of_call(series, counted, call, &here, &mut caller);
        counted_call.novelty_counted = caller.novelty_counted;
        if let Some(decision) = start::decide(series, evidence, &mut state.alarms, call, &here) {
            state.alarms.record_start(call.minute);
            series.principals.acknowledge(counted.who, call.minute);
            let known_for = caller.principal.map(|principal| {
                principal.acknowledge(call.minute);
                principal.known_for(decision.evidence.minute)
            });
            let principal_new_to_account = known_for.is_some_and(|minutes| minutes < DAY);
            let start = series.start(&decision, Trigger { call, who: counted.who, principal_new_to_account }, &here);
            region.state.change(id, &mut changes.regions).open.push(series_index);
            context.totals.open += usize::from(start.finding.suppressed_by.is_none());
            emit(start);
        }
        if becomes_live {
            state.set_live(state.live() + 1);
        }
        true
    }

    /// Index of the series `key`, created if it is new; none if there is no room for it, or for the values
    /// of a dormant one.
    fn find_or_create(
        &mut self,
        region_index: usize,
        key: SeriesKey<'_>,
        call: &Call<'_>,
        context: &mut DetectorContext,
    ) -> Option<u32> {
        let (facts, id) = (self.facts(), self.region_id(region_index));
        let region = &mut self.regions[region_index];
        if let Some(series_index) = region.series.find(key) {
            let has_room =
                region.series[series_index].state().active().is_some() || context.quota.can_activate(call.attributes());
            return has_room.then_some(series_index);
        }
        if !context.has_room(1) || !context.quota.admit(key.bytes(), call.attributes()) {
            return None;
        }
        let region_facts = region.state.facts(&region.name, context.settings.lateness);
        let here = SeriesContext::new(facts, region_facts, &context.settings, &context.horizons);
        let state = SeriesState::Active(Box::new(Series::new(key, call.minute, &here)));
        let id = SeriesId { region: id, number: context.totals.series_begun };
        context.totals.series += 1;
        context.totals.series_begun += 1;
        Some(region.series.push(SeriesSlot::created(id, state, false, &mut context.transaction.series)))
    }
}
