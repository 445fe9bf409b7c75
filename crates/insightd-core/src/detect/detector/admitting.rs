//! Whether a record counts now, later or not at all: too late, a repeat, or quarantined until another record
//! confirms its time.

use crate::cloudtrail::insight::Insight;
use crate::cloudtrail::outcome::Limit;
use crate::detect::context::DetectorContext;
use crate::detect::detector::Verdict;
use crate::detect::intake::clock::QuarantinedRecord;
use crate::detect::intake::incoming::{Arrival, IncomingRecord};
use crate::detect::intake::scope::Scope;
use crate::detect::model::account::Account;

impl Account {
    /// Whether a record dated `time` (seconds) is older than the deduplication horizon of its region, which
    /// the bound on eventIDs may have shortened.
    pub(super) fn is_too_late(&self, region_index: usize, time: i64, context: &DetectorContext) -> bool {
        let state = &self.regions[region_index].state;
        let horizon = state.clock.time().map_or(i64::MIN, |clock| clock - context.settings.dedup_horizon_s);
        time < horizon.max(state.dedup_floor)
    }

    /// Counts a record of the region at `region_index`, or quarantines it.
    pub(super) fn admit(
        &mut self,
        region_index: usize,
        record: &IncomingRecord<'_>,
        arrival: Arrival,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) -> Verdict {
        let (jump_s, time) = (context.settings.clock_jump_s, record.event.time);
        let id = self.region_id(region_index);
        let state = self.regions[region_index].state.change(id, &mut context.transaction.regions);
        if state.clock.quarantined() > 0 {
            // A repeat must not confirm another record, and may itself be quarantined.
            if self.is_repeat(region_index, record) {
                return Verdict::Duplicate;
            }
            let state = self.regions[region_index].state.change(id, &mut context.transaction.regions);
            for confirmed in state.clock.confirmed_by(time, jump_s) {
                self.release(region_index, &confirmed, arrival, context, emit);
            }
        }
        if arrival.near_wall || !self.regions[region_index].state.clock.is_ahead(time, jump_s) {
            if !self.remember(region_index, record, context) {
                return Verdict::Duplicate;
            }
            return self.count_record(region_index, record, arrival, context, emit);
        }
        // The outcome of a quarantined record is `counted` (CNT-1), so it needs a reservation now. Its
        // eventID is remembered when it is applied: the index holds only hours that the clock has reached.
        let Some(reserved) = context.reserve(record.event) else { return Verdict::Shed(Limit::Series) };
        let state = self.regions[region_index].state.change(id, &mut context.transaction.regions);
        if let Some(earliest) = state.clock.quarantine(record.event, reserved, context.settings.quarantined_max) {
            context.events.quarantine_overflow += 1;
            self.release(region_index, &earliest, arrival, context, emit);
        }
        Verdict::Counted
    }

    /// Releases the quarantined records of all regions in order of time; those ahead of the account only if
    /// `ahead`.
    pub(in crate::detect) fn release_quarantined(
        &mut self,
        ahead: bool,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) {
        while let Some((region_index, record)) = self.take_earliest_quarantined(ahead, context) {
            self.release(region_index, &record, Arrival::NONE, context, emit);
        }
    }

    fn take_earliest_quarantined(
        &mut self,
        ahead: bool,
        context: &mut DetectorContext,
    ) -> Option<(usize, QuarantinedRecord)> {
        let earliest = |region_index: usize| {
            self.regions[region_index].state.clock.earliest_quarantined().map(|time| (time, region_index))
        };
        let (time, region_index) = (0..self.regions.len()).filter_map(earliest).min()?;
        if !ahead && self.state.observations.is_ahead(time, context.settings.clock_jump_s) {
            return None;
        }
        let id = self.region_id(region_index);
        let state = self.regions[region_index].state.change(id, &mut context.transaction.regions);
        state.clock.take_earliest().map(|record| (region_index, record))
    }

    /// Counts a record that leaves the quarantine.
    fn release(
        &mut self,
        region_index: usize,
        quarantined: &QuarantinedRecord,
        arrival: Arrival,
        context: &mut DetectorContext,
        emit: &mut dyn FnMut(Insight),
    ) {
        context.release_reservation(quarantined.reserved);
        let (event, settings) = (&*quarantined.event, &context.settings);
        let rule = settings.rules.first_match(event, event.time);
        let record = IncomingRecord::new(event, Scope::of(event, settings.data_events), rule);
        // A bound or the end of the input releases it unconfirmed.
        self.confirm_observation(&record.observation(Some(region_index)), context);
        // Behind the horizon a repeat is too late anyway, and a sweep has expired its hour.
        if !self.is_too_late(region_index, event.time, context) {
            self.remember(region_index, &record, context);
        }
        let verdict = self.count_record(region_index, &record, arrival, context, emit);
        debug_assert_eq!(verdict, Verdict::Counted, "room was reserved");
    }

    fn is_repeat(&self, region_index: usize, record: &IncomingRecord<'_>) -> bool {
        let (Some(hash), Some(id)) = (record.id, &record.event.id) else { return false };
        let region = &self.regions[region_index];
        region.state.clock.is_quarantined(id, record.event.time) || region.seen.contains(hash, record.event.time)
    }

    /// Remembers the eventID of a record. False if it is a repeat.
    fn remember(&mut self, region_index: usize, record: &IncomingRecord<'_>, context: &mut DetectorContext) -> bool {
        let (Some(hash), time) = (record.id, record.event.time) else { return true };
        let (id, has_room) = (self.region_id(region_index), context.has_room_for_event_ids());
        let region = &mut self.regions[region_index];
        let changes = &mut context.transaction.dedup;
        if has_room {
            let is_new = region.seen.remember(hash, time, id, changes);
            context.totals.dedup_events += usize::from(is_new);
            return is_new;
        }
        if region.seen.contains(hash, time) {
            return false;
        }
        // Counting a repeat twice is better than losing a good record. So the index forgets its oldest hour;
        // if it has only one, the record counts but is not remembered.
        context.events.dedup_shortened += 1;
        if let Some(shortened) = region.seen.shorten(id, changes) {
            context.totals.dedup_events -= shortened.freed;
            let state = region.state.change(id, &mut context.transaction.regions);
            state.dedup_floor = state.dedup_floor.max(shortened.floor);
            // Below the new floor it need not be remembered: its repeats are too late, and a restore would
            // leave it out.
            if time >= state.dedup_floor && region.seen.remember(hash, time, id, changes) {
                context.totals.dedup_events += 1;
            }
        }
        true
    }
}
