//! Moves event-time clocks. A new minute ends insights and finds drops; a new hour and a new day sweep.

use crate::cloudtrail::insight::Insight;
use crate::detect::context::DetectorContext;
use crate::detect::decide::drop;
use crate::detect::model::account::Account;
use crate::detect::model::region::is_live;
use crate::detect::model::series::{Series, SeriesContext};
use crate::detect::model::slot::SeriesSlot;
use crate::detect::statistics::horizon::Direction;
use crate::invariants::{Invariant, clock_advances, idle_advance_is_elapsed};

impl Account {
    /// Moves the clock of the region at `region_index` to `time` (seconds), at wall time `wall` (seconds).
    /// Emits the Ends of open insights in the order of their Starts.
    pub(super) fn advance(
        &mut self,
        region_index: usize,
        time: i64,
        wall: i64,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) {
        let id = self.region_id(region_index);
        let clock = &mut self.regions[region_index].state.change(id, &mut context.transaction.regions).clock;
        let before = clock.time();
        let is_new_minute = clock.advance(time, wall);
        let (before, after) = (before.unwrap_or(i64::MIN), clock.time().unwrap_or(i64::MIN));
        context.violations.check(Invariant::Wm1, clock_advances(before, after), || {
            format!("a clock of account {} went from {before} to {after}", self.id)
        });
        if is_new_minute {
            self.minute_changed(region_index, context, emit);
        }
    }

    /// Advances an idle clock at wall time `now`, seconds (WM-2). Returns whether it has moved.
    pub(super) fn advance_idle(
        &mut self,
        region_index: usize,
        now: i64,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) -> bool {
        let (after_s, lateness_s) = (context.settings.idle_after_s, context.settings.lateness * 60);
        let Some(time) = self.regions[region_index].state.clock.idle_advance(now, after_s, lateness_s) else {
            return false;
        };
        let id = self.region_id(region_index);
        let clock = &mut self.regions[region_index].state.change(id, &mut context.transaction.regions).clock;
        let before = clock.when_idle();
        clock.advance_idle_to(time);
        context.violations.check(Invariant::Wm2, idle_advance_is_elapsed(before, now, lateness_s, time), || {
            format!("an idle clock of account {} went to {time} at wall time {now}: {before:?}", self.id)
        });
        // A time that some clock has reached is not ahead of the account.
        self.state.change(self.number, &mut context.transaction.accounts).observations.confirm(time);
        self.minute_changed(region_index, context, emit);
        true
    }

    /// Brings every clock to the newest one of the account, at the end of the input.
    pub(in crate::detect) fn bring_clocks_up(&mut self, context: &mut DetectorContext, emit: &mut dyn FnMut(Insight)) {
        let Some(newest) = self.regions.iter().filter_map(|region| region.state.clock.time()).max() else { return };
        for region_index in self.state.region_order.clone() {
            if self.regions[region_index as usize].state.clock.time().is_some() {
                self.advance(region_index as usize, newest, 0, context, emit);
            }
        }
    }

    fn minute_changed(&mut self, region_index: usize, context: &mut DetectorContext, emit: &mut dyn FnMut(Insight)) {
        let finds_drops = context.settings.direction == Direction::Both;
        self.end_insights(region_index, context, emit);
        if finds_drops {
            self.find_drops(region_index, context, emit);
        }
        let id = self.region_id(region_index);
        let state = &self.regions[region_index].state;
        let (Some(time), swept) = (state.clock.time(), state.swept) else { return };
        if time.div_euclid(3600) == swept.div_euclid(3600) {
            return;
        }
        let horizon = time - context.settings.dedup_horizon_s;
        context.totals.dedup_events -=
            self.regions[region_index].seen.expire(horizon, id, &mut context.transaction.dedup);
        if time.div_euclid(86_400) != swept.div_euclid(86_400) {
            self.sweep_daily(region_index, time.div_euclid(60), context);
        }
        let region = &mut self.regions[region_index];
        let state = region.state.change(id, &mut context.transaction.regions);
        state.swept = time;
        if finds_drops {
            let is_steady = |slot: &SeriesSlot| slot.state().active().is_some_and(Series::is_steady);
            let steady = region.series.iter().enumerate().filter(|(_, slot)| is_steady(slot));
            state.steady = steady.map(|(series_index, _)| series_index as u32).collect();
        }
    }

    fn end_insights(&mut self, region_index: usize, context: &mut DetectorContext, emit: &mut dyn FnMut(Insight)) {
        let (facts, id) = (self.facts(), self.region_id(region_index));
        let region = &mut self.regions[region_index];
        let Some(now) = region.state.clock.time() else { return };
        let region_facts = region.state.facts(&region.name, context.settings.lateness);
        let here = SeriesContext::new(facts, region_facts, &context.settings, &context.horizons);
        let mut ended = Vec::new();
        for &series_index in &region.state.open {
            let slot = region.series.at(series_index);
            if !slot.state().active().is_some_and(|series| series.is_due(&here)) {
                continue;
            }
            let series = slot.change_active(id, &mut context.transaction.series);
            if let Some(end) = series.and_then(|series| series.close_open_minutes(now, &here)) {
                ended.push(series_index);
                context.totals.open -= usize::from(end.finding.suppressed_by.is_none());
                emit(end);
            }
        }
        if !ended.is_empty() {
            let state = region.state.change(id, &mut context.transaction.regions);
            state.open.retain(|series_index| !ended.contains(series_index));
        }
    }

    fn find_drops(&mut self, region_index: usize, context: &mut DetectorContext, emit: &mut dyn FnMut(Insight)) {
        let (facts, id) = (self.facts(), self.region_id(region_index));
        let region = &mut self.regions[region_index];
        let Some(now) = region.state.clock.time() else { return };
        let region_facts = region.state.facts(&region.name, context.settings.lateness);
        let here = SeriesContext::new(facts, region_facts, &context.settings, &context.horizons);
        for i in 0..region.state.steady.len() {
            let series_index = region.state.steady[i];
            let slot = region.series.at(series_index);
            if slot.state().active().is_none() {
                continue;
            }
            let Some(series) = slot.change_active(id, &mut context.transaction.series) else { continue };
            let alarms = &mut self.state.change(self.number, &mut context.transaction.accounts).alarms;
            let Some(decision) = drop::decide(series, &here, alarms) else { continue };
            alarms.record_start(decision.evidence.minute);
            let start = series.start_drop(&decision, now, &here);
            region.state.change(id, &mut context.transaction.regions).open.push(series_index);
            context.totals.open += 1;
            emit(start);
        }
    }

    /// The daily sweep at `minute`: makes long-silent series dormant, and forgets series and principals
    /// beyond their time to live.
    fn sweep_daily(&mut self, region_index: usize, minute: i64, context: &mut DetectorContext) {
        let (begin, id) = (self.state.begin_or_max(), self.region_id(region_index));
        let region = &mut self.regions[region_index];
        let live_before = region.live();
        region.state.change(id, &mut context.transaction.regions).daily = minute;
        let closed = region.state.clock.closed(context.settings.lateness);
        for slot in region.series.iter_mut() {
            if let Some(series) = slot.state().active()
                && let Some(dormant) = series.dormant(closed, begin, &context.horizons)
            {
                series.release_values(&mut context.quota);
                slot.make_dormant(dormant, id, &mut context.transaction.series);
            }
            slot.set_live(is_live(slot.state().last(), minute), id, &mut context.transaction.live);
        }
        let ttl = context.settings.series_ttl;
        let is_open = |slot: &SeriesSlot| slot.state().active().is_some_and(Series::is_open);
        let expired = |slot: &SeriesSlot| minute - slot.state().last() >= ttl && !is_open(slot);
        if region.series.iter().any(expired) {
            // Indexes change, so the lists of series are mapped to the new ones.
            let (removed, moved_to) = region.series.remove(expired);
            region.state.change(id, &mut context.transaction.regions).move_series(&moved_to);
            for slot in removed {
                slot.state().release(&mut context.quota);
                context.totals.series -= 1;
                context.transaction.forget(id, slot);
            }
        }
        let live = self.state.live() - live_before + self.regions[region_index].live();
        self.state.change(self.number, &mut context.transaction.accounts).set_live(live);
        context.totals.principals -= self.principals.expire(minute, self.number, &mut context.transaction.principals);
    }
}
