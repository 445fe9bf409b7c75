//! Applies what any record, counted or not, shows of its account: its age and its principals.

use crate::detect::context::DetectorContext;
use crate::detect::decide::budget::AlarmBudget;
use crate::detect::intake::incoming::{Arrival, IncomingRecord};
use crate::detect::intake::observations::Observation;
use crate::detect::model::account::Account;
use crate::detect::model::principals::Observed;

impl Account {
    /// Applies what a record shows now, or quarantines it until another record confirms its time.
    pub(super) fn observe(
        &mut self,
        record: &IncomingRecord<'_>,
        region_index: Option<usize>,
        arrival: Arrival,
        context: &mut DetectorContext,
    ) {
        let mut observation = record.observation(region_index);
        let jump_s = context.settings.clock_jump_s;
        let state = self.state.change(self.number, &mut context.transaction.accounts);
        if !state.observations.is_settled() {
            observation.identify(record.event);
            if state.observations.is_quarantined(&observation) {
                return;
            }
            let sure = arrival.near_wall || !state.observations.is_ahead(observation.time, jump_s);
            for earlier in state.observations.confirmed_by(observation.time, jump_s, sure) {
                self.confirm_observation(&earlier, context);
            }
        }
        if arrival.near_wall || !self.state.observations.is_ahead(observation.time, jump_s) {
            return self.confirm_observation(&observation, context);
        }
        observation.identify(record.event);
        let records_max = context.settings.quarantined_max;
        let state = self.state.change(self.number, &mut context.transaction.accounts);
        if let Some(earliest) = state.observations.quarantine(observation, records_max) {
            // A record that can count also overflows its clock's quarantine, and is counted there.
            context.events.quarantine_overflow += u64::from(!earliest.counts);
            self.confirm_observation(&earliest, context);
        }
    }

    /// Applies an observation whose time is confirmed, or that leaves quarantine unconfirmed.
    pub(super) fn confirm_observation(&mut self, observation: &Observation, context: &mut DetectorContext) {
        let minute = observation.time.div_euclid(60);
        let warm_up = context.settings.warm_up;
        let state = self.state.change(self.number, &mut context.transaction.accounts);
        let was = state.maturity();
        state.observations.confirm(observation.time);
        if state.begin.is_none() {
            state.begin = Some(minute);
            state.alarms = AlarmBudget::new(minute, warm_up);
        } else if context.settings.moves_back && minute < state.begin_or_max() {
            state.begin = Some(minute);
        }
        state.mature |= minute - state.begin_or_max() >= warm_up;
        context.totals.account_matured(was, state.maturity());
        if let Some(region_index) = observation.region_index
            && self.regions[region_index].state.begin.is_none()
        {
            state.region_order.push(region_index as u32);
            let id = self.region_id(region_index);
            self.regions[region_index].state.change(id, &mut context.transaction.regions).begin = Some(minute);
        }
        let has_room = context.totals.principals < context.settings.principals_max;
        let (id, changes) = (self.principal_id(observation.principal), &mut context.transaction.principals);
        match self.principals.observe(id, minute, has_room, changes) {
            Observed::New => context.totals.principals += 1,
            Observed::Known => {}
            Observed::NoRoom => context.events.principals_full += 1,
        }
    }

    /// Applies, at the end of the input, the observations that are still quarantined.
    pub(super) fn confirm_all_observations(&mut self, context: &mut DetectorContext) {
        let state = self.state.change(self.number, &mut context.transaction.accounts);
        for observation in state.observations.confirmed_by(i64::MAX, 0, true) {
            self.confirm_observation(&observation, context);
        }
    }
}
