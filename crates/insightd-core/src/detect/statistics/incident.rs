//! A tail that learns incidents instead of minutes, with evidence of a trend. The burst and the slow view use
//! it.
//!
//! **Incidents.** Exceedances that are less than an hour apart are one incident. It is learned once, when it
//! is over, with its peak: K += 1, X += min(peak, 3 b). Minutes of one incident are not independent of one
//! another: learned one by one, they would make the next attack look ordinary.
//!
//! An incident is also one alarm. In its first 15 minutes it scores in full; after that a minute scores at
//! most `1 + max(0, e - ref) / (b ln 10)`, where `ref` is the peak at the last 15-minute tick. Without this
//! rule high scores came 54 times as often as they promise.
//!
//! **Evidence of a trend**, against a patient attacker who raises the level step by step. If the peaks of
//! incidents were exchangeable (in random order), the k-th of them would be a record with probability 1/k. So
//! a run of records is evidence against chance, measured as decimal logarithm:
//!
//! * When an incident is learned and `cnt` were before it: a record (a peak above `top + .1`, where `top` is
//!   the highest peak so far) adds `log10(1 + cnt / 2)` to the evidence, up to 6; any other peak takes
//!   log10(2) off. Under exchangeability each step is a fair bet.
//! * When a minute is scored: an excess above `top + .1` adds `evidence + log10(1 + cnt / 2)` to its score.
//! * A record is learned with the weight `10^-evidence`, the odds of chance: an attacker cannot teach the
//!   detector a new normal step by step.

use serde::{Deserialize, Serialize};

use crate::detect::statistics::horizon::Horizons;
use crate::detect::statistics::prior::Prior;
use crate::detect::statistics::tail::{Fit, THRESHOLD, Tail, excess};

/// A peak is a record only if its excess is higher by this.
const RECORD_MARGIN: f64 = 0.1;
/// Most evidence of a trend, in score units.
pub(super) const EVIDENCE_MAX: f64 = 6.0;
/// What an incident that sets no record takes off the evidence: log10(2).
const EVIDENCE_LOSS: f64 = 0.301;
/// Incidents counted for the trend at most.
pub(super) const INCIDENTS_MAX: u32 = 20;

/// The latest incident of a view. It is over once `incident_gap` has passed since its last exceedance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    /// Minute of the first exceedance.
    start: i64,
    /// Minute of the last exceedance.
    last: i64,
    /// Minute in which the reference was last set, or `start`.
    tick: i64,
    /// Highest excess so far.
    peak: f64,
    /// Peak at the last tick; none before the first tick.
    reference: Option<f64>,
}

/// Decayed incidents, and how much they exceeded the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncidentSums {
    /// K: incidents.
    pub incidents: f64,
    /// X: their summed excess.
    pub excess: f64,
}

/// A tail that learns one peak per incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct IncidentTail {
    pub(super) tail: Tail,
    /// The latest incident, until it is learned.
    pub(super) running: Option<Incident>,
    /// Excess of the highest peak learned.
    pub(super) top: f64,
    /// Incidents learned, at most `INCIDENTS_MAX`.
    pub(super) incidents: u32,
    /// Evidence of a trend, decimal logarithm.
    pub(super) evidence: f64,
}

impl IncidentTail {
    /// See [`Tail::fit`].
    pub(super) fn fit(&self, minutes: f64, weight: f64, prior: Prior) -> Fit {
        self.tail.fit(minutes, weight, prior)
    }

    /// The incidents learned.
    pub(super) fn sums(&self) -> IncidentSums {
        IncidentSums { incidents: self.tail.count, excess: self.tail.excess }
    }

    /// Score of `z` at minute `now`. A further rise inside an incident scores only by what it adds to the
    /// reference.
    pub(super) fn score(&self, z: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        let trend = if self.is_record(excess(z)) { self.record_evidence() } else { 0.0 };
        self.score_with(trend, z, now, fit, horizons)
    }

    /// The same without evidence of a trend.
    pub(super) fn score_without_trend(&self, z: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        self.score_with(0.0, z, now, fit, horizons)
    }

    fn score_with(&self, trend: f64, z: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        if z <= THRESHOLD {
            return fit.score(z);
        }
        let (excess, full) = (excess(z), fit.score(z) + trend);
        match self.level_to_exceed(excess, now, horizons) {
            Some(reference) => full.min(1.0 + (excess - reference).max(0.0) / fit.excess_per_score),
            None => full,
        }
    }

    /// Adds what an earlier tail learned, decayed by `factor` since. Of an incident that was not over only
    /// the peak is known.
    pub(super) fn merge(&mut self, earlier: &Self, factor: f64) {
        self.tail.merge(&earlier.tail, factor);
        if self.incidents == 0 {
            self.evidence = earlier.evidence;
        }
        let unsettled = earlier.running.map(|incident| incident.peak);
        self.top = self.top.max(earlier.top).max(unsettled.unwrap_or(0.0));
        self.incidents = (self.incidents + earlier.incidents + u32::from(unsettled.is_some())).min(INCIDENTS_MAX);
    }

    /// Smallest excess (at least 0) whose score at minute `now` reaches `limit`.
    pub(super) fn trigger_excess(&self, limit: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        let plain = fit.excess_at(limit);
        let record = (plain - self.record_evidence() * fit.excess_per_score).max(self.top + RECORD_MARGIN);
        let trigger = plain.min(record).max(0.0);
        let running = self.running.filter(|i| now - i.last < horizons.incident_gap);
        match (self.reference(now, horizons), running) {
            (Some(reference), _) => trigger.max(reference + (limit - 1.0) * fit.excess_per_score),
            (None, Some(incident)) => trigger.max(incident.peak),
            (None, None) => trigger,
        }
    }

    /// Whether exceedances have gone on for so long at `now` that they are a new level.
    pub(super) fn is_level(&self, now: i64, horizons: &Horizons) -> bool {
        self.running.is_some_and(|i| now - i.last < horizons.incident_gap && now - i.start > horizons.new_level_after)
    }

    /// Closes minute `now` with deviation `z`. `fit` is the tail before it.
    pub(super) fn close(&mut self, z: f64, now: i64, fit: Fit, horizons: &Horizons) {
        self.settle(now, fit, horizons);
        self.tail.decay(horizons.tail.factor());
        if z > THRESHOLD {
            self.exceed(excess(z), now, horizons);
        }
    }

    /// Closes the minutes from `from` (exclusive) to `to` (inclusive), which had no call. An incident that
    /// ends on the way is learned in the minute in which it ends.
    pub(super) fn advance(&mut self, from: i64, to: i64, fit: Fit, horizons: &Horizons) {
        let over = self.running.map(|i| i.last + horizons.incident_gap).filter(|&over| over <= to);
        let mut at = from;
        if let Some(over) = over {
            let before = (over - 1).max(from);
            self.tail.decay(horizons.tail.factor_over((before - from) as f64));
            self.settle(over, fit, horizons);
            at = before;
        }
        self.tail.decay(horizons.tail.factor_over((to - at) as f64));
    }

    fn is_record(&self, excess: f64) -> bool {
        excess > self.top + RECORD_MARGIN
    }

    fn record_evidence(&self) -> f64 {
        self.evidence + (1.0 + f64::from(self.incidents) / 2.0).log10()
    }

    /// The excess that `excess` must exceed inside an incident: the reference, or, before the first tick, the
    /// peak so far unless `excess` is higher. So an incident scores in full once for each new peak, and a
    /// calibrated score of s comes in one minute of 10^s, not in all minutes of one incident of so many.
    fn level_to_exceed(&self, excess: f64, now: i64, horizons: &Horizons) -> Option<f64> {
        let incident = self.running.filter(|i| now - i.last < horizons.incident_gap)?;
        self.reference(now, horizons).or((excess <= incident.peak).then_some(incident.peak))
    }

    fn reference(&self, now: i64, horizons: &Horizons) -> Option<f64> {
        let incident = self.running?;
        if now - incident.last >= horizons.incident_gap {
            None
        } else if now - incident.tick > horizons.incident_hold {
            Some(incident.peak)
        } else {
            incident.reference
        }
    }

    /// Learns the running incident if it is over at minute `now`.
    fn settle(&mut self, now: i64, fit: Fit, horizons: &Horizons) {
        let Some(incident) = self.running else { return };
        if now - incident.last < horizons.incident_gap {
            return;
        }
        self.running = None;
        let is_record = self.is_record(incident.peak);
        self.tail.learn(incident.peak, if is_record { 10_f64.powf(-self.evidence) } else { 1.0 }, fit);
        // The first incident is no evidence: log10(1 + 0) is 0.
        self.evidence =
            if is_record { self.record_evidence().min(EVIDENCE_MAX) } else { (self.evidence - EVIDENCE_LOSS).max(0.0) };
        self.top = self.top.max(incident.peak);
        self.incidents = (self.incidents + 1).min(INCIDENTS_MAX);
    }

    /// Adds an exceedance to the running incident, or begins one.
    fn exceed(&mut self, excess: f64, now: i64, horizons: &Horizons) {
        let incident =
            self.running.get_or_insert(Incident { start: now, last: now, tick: now, peak: excess, reference: None });
        if now - incident.tick > horizons.incident_hold {
            incident.reference = Some(incident.peak);
            incident.tick = now;
        }
        incident.peak = incident.peak.max(excess);
        incident.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::statistics::horizon::Direction;

    fn fit() -> Fit {
        Tail::default().fit(10_080.0, 0.5, Prior::default())
    }

    #[test]
    fn trigger_excess_is_the_inverse_of_the_score() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut tail = IncidentTail::default();
        for (minute, z) in [(100, 9.0), (300, 14.0), (500, 30.0), (503, 31.0)] {
            let fit = tail.fit(5000.0, 0.5, Prior::default());
            tail.close(z, minute, fit, &horizons);
        }
        let fit = tail.fit(5000.0, 0.5, Prior::default());
        // Inside the incident's first 15 minutes, at its tick, in its last minute, and when it is over.
        for now in [504, 515, 516, 530, 562, 563, 700] {
            for limit in [3.0, 4.5, 7.0] {
                let e = tail.trigger_excess(limit, now, fit, &horizons);
                let score = |e: f64| tail.score(THRESHOLD * e.exp(), now, fit, &horizons);
                assert!(score(e + 1e-9) >= limit - 1e-6, "at {now}, limit {limit}: {} at {e}", score(e));
                assert!(e == 0.0 || score(e - 1e-3) < limit, "at {now}, limit {limit}: lower would do");
            }
        }
    }

    #[test]
    fn advancing_equals_closing_minutes_one_by_one() {
        let horizons = Horizons::per_minute(Direction::Up);
        let fit = fit();
        let mut lazy = IncidentTail { tail: Tail { count: 8.0, excess: 4.0 }, ..IncidentTail::default() };
        lazy.close(12.0, 1000, fit, &horizons);
        let mut eager = lazy;
        lazy.advance(1000, 1200, fit, &horizons);
        for minute in 1001..=1200 {
            eager.close(0.0, minute, fit, &horizons);
        }
        assert!((lazy.tail.count - eager.tail.count).abs() < 1e-12);
        assert!((lazy.tail.excess - eager.tail.excess).abs() < 1e-12);
        assert_eq!((lazy.running, lazy.incidents), (None, 1));
        assert_eq!(eager.running, None);
    }

    #[test]
    fn one_incident_is_one_alarm() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut tail = IncidentTail::default();
        let mut high = 0;
        for minute in 0..200 {
            let fit = tail.fit(10_000.0, 0.5, Prior::default());
            high += u32::from(tail.score(20.0, minute, fit, &horizons) > 4.0);
            tail.close(20.0, minute, fit, &horizons);
        }
        assert!((1..=17).contains(&high), "{high} minutes of 200 scored high");
    }

    #[test]
    fn a_run_of_records_is_evidence_of_a_trend() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut tail = IncidentTail::default();
        let mut z = 4.0;
        for step in 0..10 {
            let fit = tail.fit(10_000.0, 0.5, Prior::default());
            tail.close(z, step * 1440, fit, &horizons);
            z *= 1.3;
        }
        assert!(tail.evidence > 2.0, "evidence {}", tail.evidence);
        assert!(tail.sums().incidents < 4.0, "ten steps of one attack count as {} incidents", tail.sums().incidents);
        assert!(tail.evidence <= EVIDENCE_MAX);
    }

    #[test]
    fn exceedances_an_hour_apart_are_two_incidents() {
        let horizons = Horizons::per_minute(Direction::Up);
        for (apart, incidents) in [(59, 1), (60, 2)] {
            let mut tail = IncidentTail::default();
            tail.close(12.0, 1000, fit(), &horizons);
            tail.close(12.0, 1000 + apart, fit(), &horizons);
            tail.advance(1000 + apart, 3000, fit(), &horizons);
            assert_eq!((tail.incidents, tail.running), (incidents, None), "{apart} minutes apart");
        }
    }

    #[test]
    fn only_exceedances_of_more_than_a_day_are_a_new_level() {
        let horizons = Horizons::per_minute(Direction::Up);
        let incident = Incident { start: 1000, last: 2430, tick: 2430, peak: 1.0, reference: None };
        let tail = IncidentTail { running: Some(incident), ..IncidentTail::default() };
        assert!(!tail.is_level(2440, &horizons), "a day is not yet a level");
        assert!(tail.is_level(2441, &horizons));
        assert!(tail.is_level(2489, &horizons));
        assert!(!tail.is_level(2490, &horizons), "the incident is over");
        assert!(!IncidentTail::default().is_level(2441, &horizons));
    }

    /// A tail that knows `incidents` incidents with peaks up to `top`.
    fn known(incidents: u32, top: f64, evidence: f64) -> IncidentTail {
        IncidentTail { top, incidents, evidence, ..IncidentTail::default() }
    }

    #[test]
    fn a_merged_tail_keeps_the_trend_of_the_earlier_one() {
        let with_incident = |mut tail: IncidentTail, peak: f64| {
            tail.running = Some(Incident { start: 7, last: 9, tick: 7, peak, reference: None });
            tail
        };
        let merged = |mut later: IncidentTail, earlier: &IncidentTail| {
            later.merge(earlier, 0.5);
            (later.incidents, later.top, later.evidence)
        };
        assert_eq!(merged(known(0, 0.0, 0.0), &known(3, 1.5, 2.0)), (3, 1.5, 2.0));
        // What the later tail has seen itself counts: the trend went on, or it broke off.
        assert_eq!(merged(known(2, 1.8, 0.5), &known(3, 1.5, 2.0)), (5, 1.8, 0.5));
        assert_eq!(merged(known(18, 1.0, 0.5), &known(3, 1.5, 2.0)), (20, 1.5, 0.5), "at most 20 are counted");
        // An incident that was not over counts with its peak.
        assert_eq!(merged(known(2, 1.0, 0.0), &with_incident(known(3, 1.5, 2.0), 2.5)), (6, 2.5, 0.0));
        assert_eq!(merged(known(0, 0.0, 0.0), &with_incident(known(0, 0.0, 0.0), 0.2)), (1, 0.2, 0.0));
    }

    #[test]
    fn a_merged_tail_adds_the_decayed_incidents() {
        let tail = |count: f64, excess: f64| IncidentTail { tail: Tail { count, excess }, ..IncidentTail::default() };
        let mut later = tail(2.0, 1.0);
        later.merge(&tail(6.0, 5.0), 0.25);
        assert_eq!(later.sums(), IncidentSums { incidents: 3.5, excess: 2.25 });
    }

    #[test]
    fn an_incident_already_over_is_learned_in_the_next_minute() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut lazy = IncidentTail::default();
        lazy.close(12.0, 1000, fit(), &horizons);
        let mut eager = lazy;
        lazy.advance(1500, 9000, fit(), &horizons);
        for minute in 1501..=9000 {
            eager.close(0.0, minute, fit(), &horizons);
        }
        assert!((lazy.tail.count - eager.tail.count).abs() < 1e-12, "{} {}", lazy.tail.count, eager.tail.count);
    }

    #[test]
    fn a_peak_must_be_clearly_higher_to_be_a_record() {
        let horizons = Horizons::per_minute(Direction::Up);
        // Three incidents before: a record adds log10(1 + 3/2) and the evidence so far.
        let tail = known(3, 0.0, 0.5);
        assert!(!tail.is_record(0.1) && tail.is_record(0.1_f64.next_up()));
        let trend = |excess: f64| {
            let z = THRESHOLD * excess.exp();
            tail.score(z, 50, fit(), &horizons) - tail.score_without_trend(z, 50, fit(), &horizons)
        };
        assert_eq!(trend(0.09), 0.0);
        assert!((trend(0.11) - 0.5 - 2.5_f64.log10()).abs() < 1e-9);
    }
}
