//! The calibrated tail of one view: how improbable is a deviation of z standard deviations, by what this series has shown.
//!
//! Above the threshold u = 3 the excess e = ln(z / 3) is taken as exponential, which makes z itself Pareto distributed:
//! P(Z > z) = (k / n) (z / 3)^(-1/b), with k exceedances in n minutes and b the mean excess (the peaks-over-threshold method
//! of extreme value theory with Hill's estimator of the tail index: Hill, "A simple general approach to inference about the
//! tail of a distribution", Ann. Statist. 3, 1975). k, n and b start from a prior worth `w` exceedances. The sum is formed
//! in logarithms, so it never saturates. Unit of every score: -log10 of a probability per minute.

mod kept;

use std::f64::consts::LN_10;

use serde::{Deserialize, Serialize};

use crate::detect::statistics::horizon::Horizons;

/// Threshold above which the tail model holds, standard deviations.
pub const THRESHOLD: f64 = 3.0;
/// A peak counts as a new record only if its excess is higher by this.
const RECORD_MARGIN: f64 = 0.1;
/// Most evidence of a trend, in score units.
const EVIDENCE_MAX: f64 = 6.0;
/// What an incident that sets no record takes off the evidence: log10(2).
const EVIDENCE_LOSS: f64 = 0.301;
/// Incidents remembered for the trend.
const INCIDENTS_MAX: u32 = 20;
/// An excess is learnt at most this many mean excesses high, so that one monster does not flatten the tail.
const LEARN_CAP: f64 = 3.0;

/// What is known of an API's tail before its own history speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Exceedances per minute.
    pub rate: f64,
    /// Mean excess.
    pub excess: f64,
}

impl Default for Prior {
    fn default() -> Self {
        Self { rate: 2e-3, excess: 0.33 }
    }
}

/// Exceedances K and their summed excess X, decayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    count: f64,
    excess: f64,
}

/// The tail with its prior filled in: everything that a score needs.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// -log10(k / n): the score at the threshold.
    pub at_threshold: f64,
    /// b ln 10: excess per score unit.
    pub excess_per_score: f64,
}

impl Tail {
    /// The tail over `minutes` watched, with a prior worth `weight` exceedances.
    pub fn fit(&self, minutes: f64, weight: f64, prior: Prior) -> Fit {
        let k = self.count + weight;
        let n = minutes + weight / prior.rate;
        let b = (self.excess + weight * prior.excess) / k;
        Fit { at_threshold: -(k / n).log10(), excess_per_score: b * LN_10 }
    }

    /// Forgets by the factor `keep`.
    pub fn decay(&mut self, keep: f64) {
        self.count *= keep;
        self.excess *= keep;
    }

    /// Adds what was learnt earlier, of which `keep` is left.
    pub fn absorb(&mut self, past: &Self, keep: f64) {
        self.count += past.count * keep;
        self.excess += past.excess * keep;
    }

    /// Learns one exceedance with this excess, worth `weight` of an ordinary one.
    pub fn learn(&mut self, excess: f64, weight: f64, fit: Fit) {
        self.count += weight;
        self.excess += weight * excess.min(LEARN_CAP * fit.excess_per_score / LN_10);
    }
}

impl Fit {
    /// The same with a mean excess of at least `excess`.
    pub fn at_least(self, excess: f64) -> Self {
        Self { excess_per_score: self.excess_per_score.max(excess * LN_10), ..self }
    }

    /// Score of a deviation of `z` standard deviations, from 0 (usual).
    pub fn score(&self, z: f64) -> f64 {
        if z > THRESHOLD {
            self.at_threshold + excess(z) / self.excess_per_score
        } else {
            self.at_threshold.clamp(0.0, 2.0) * z.max(0.0) / THRESHOLD
        }
    }

    /// The excess whose score is `score`; may be negative (any exceedance reaches it).
    pub fn excess_at(&self, score: f64) -> f64 {
        (score - self.at_threshold) * self.excess_per_score
    }
}

/// e = ln(z / 3).
pub fn excess(z: f64) -> f64 {
    (z / THRESHOLD).ln()
}

/// The running or last incident of a view: exceedances close to one another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Incident {
    start: i64,
    last: i64,
    tick: i64,
    peak: f64,
    /// Peak at the last tick; none in the first minutes.
    reference: Option<f64>,
}

/// A tail that learns incidents, not minutes, with evidence of a trend.
///
/// *Trend evidence*: were the peaks of incidents exchangeable, the k-th would be a record with probability 1/k, so a run of
/// records is evidence of somebody who raises the level step by step; each step of it is a fair bet. A record is learnt by the odds
/// that the run before it leaves for chance: what somebody teaches step by step is not believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentTail {
    tail: Tail,
    running: Option<Incident>,
    top: f64,
    incidents: u32,
    evidence: f64,
}

impl IncidentTail {
    /// See [`Tail::fit`].
    pub fn fit(&self, minutes: f64, weight: f64, prior: Prior) -> Fit {
        self.tail.fit(minutes, weight, prior)
    }

    /// Incidents learnt and their summed excess, decayed.
    pub fn learnt(&self) -> (f64, f64) {
        (self.tail.count, self.tail.excess)
    }

    /// Score of `z` at minute `now`: a further rise inside an incident counts only by what it adds to the reference.
    pub fn score(&self, z: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        let trend = if self.is_record(excess(z)) { self.record_evidence() } else { 0.0 };
        self.score_with(trend, z, now, fit, horizons)
    }

    /// The same as if nothing were known of a trend.
    pub fn score_without_trend(&self, z: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        self.score_with(0.0, z, now, fit, horizons)
    }

    fn score_with(&self, trend: f64, z: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        if z <= THRESHOLD {
            return fit.score(z);
        }
        let (excess, full) = (excess(z), fit.score(z) + trend);
        match self.risen_from(excess, now, horizons) {
            Some(reference) => full.min(1.0 + (excess - reference).max(0.0) / fit.excess_per_score),
            None => full,
        }
    }

    /// Adds what was learnt earlier, of which `keep` is left. An incident that was not over is known by its peak alone.
    pub fn absorb(&mut self, past: &Self, keep: f64) {
        self.tail.absorb(&past.tail, keep);
        if self.incidents == 0 {
            self.evidence = past.evidence;
        }
        let unsettled = past.running.map(|incident| incident.peak);
        self.top = self.top.max(past.top).max(unsettled.unwrap_or(0.0));
        self.incidents = (self.incidents + past.incidents + u32::from(unsettled.is_some())).min(INCIDENTS_MAX);
    }

    fn is_record(&self, excess: f64) -> bool {
        excess > self.top + RECORD_MARGIN
    }

    /// What an excess is held against inside an incident: the reference, and in the first minutes, where there is none, the
    /// peak so far unless it is passed. So each incident has its full score once for each new peak, and a score of s is reached
    /// in one minute of 10^s, not in all minutes of one incident of so many.
    fn risen_from(&self, excess: f64, now: i64, horizons: &Horizons) -> Option<f64> {
        let incident = self.running.filter(|i| now - i.last < horizons.incident_gap)?;
        self.reference(now, horizons).or((excess <= incident.peak).then_some(incident.peak))
    }

    /// Smallest excess (at least 0) whose score at minute `now` reaches `limit`.
    pub fn excess_needed(&self, limit: f64, now: i64, fit: Fit, horizons: &Horizons) -> f64 {
        let plain = fit.excess_at(limit);
        let record = (plain - self.record_evidence() * fit.excess_per_score).max(self.top + RECORD_MARGIN);
        let needed = plain.min(record).max(0.0);
        let running = self.running.filter(|i| now - i.last < horizons.incident_gap);
        match (self.reference(now, horizons), running) {
            (Some(reference), _) => needed.max(reference + (limit - 1.0) * fit.excess_per_score),
            (None, Some(incident)) => needed.max(incident.peak),
            (None, None) => needed,
        }
    }

    fn record_evidence(&self) -> f64 {
        self.evidence + (1.0 + f64::from(self.incidents) / 2.0).log10()
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

    /// Whether exceedances have gone on for so long at `now` that they are a new level.
    pub fn is_level(&self, now: i64, horizons: &Horizons) -> bool {
        self.running.is_some_and(|i| now - i.last < horizons.incident_gap && now - i.start > horizons.stretch)
    }

    /// Closes minute `now` with deviation `z`. `fit` is the tail before it.
    pub fn close(&mut self, z: f64, now: i64, fit: Fit, horizons: &Horizons) {
        self.settle(now, fit, horizons);
        self.tail.decay(horizons.tail.keep());
        if z > THRESHOLD {
            self.exceed(excess(z), now, horizons);
        }
    }

    /// Passes over empty minutes from `from` (exclusive) to `to` (inclusive); an incident that ends on the way is learnt in its
    /// own minute.
    pub fn advance(&mut self, from: i64, to: i64, fit: Fit, horizons: &Horizons) {
        let over = self.running.map(|i| i.last + horizons.incident_gap).filter(|&over| over <= to);
        let mut at = from;
        if let Some(over) = over {
            let before = (over - 1).max(from);
            self.tail.decay(horizons.tail.keep_over((before - from) as f64));
            self.settle(over.max(from + 1), fit, horizons);
            at = before;
        }
        self.tail.decay(horizons.tail.keep_over((to - at) as f64));
    }

    fn settle(&mut self, now: i64, fit: Fit, horizons: &Horizons) {
        let Some(incident) = self.running else { return };
        if now - incident.last < horizons.incident_gap {
            return;
        }
        self.running = None;
        let is_record = self.is_record(incident.peak);
        self.tail.learn(incident.peak, if is_record { 10_f64.powf(-self.evidence) } else { 1.0 }, fit);
        if self.incidents > 0 {
            self.evidence = if is_record {
                self.record_evidence().min(EVIDENCE_MAX)
            } else {
                (self.evidence - EVIDENCE_LOSS).max(0.0)
            };
        }
        self.top = self.top.max(incident.peak);
        self.incidents = (self.incidents + 1).min(INCIDENTS_MAX);
    }

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
    use super::super::horizon::Direction;
    use super::*;

    fn fit() -> Fit {
        Tail::default().fit(10_080.0, 0.5, Prior::default())
    }

    #[test]
    fn two_calls_on_nothing_score_as_the_formula_says() {
        // z = 4: -log10(.5 / 10330) + ln(4/3) / (.33 ln 10), evaluated by hand.
        let by_hand = (10_330.0_f64 / 0.5).log10() + (4.0_f64 / 3.0).ln() / (0.33 * LN_10);
        assert!((fit().score(4.0) - by_hand).abs() < 1e-12);
        assert!(fit().score(4.0) > 4.6 && fit().score(4.0) < 4.8);
    }

    /// Scores by the module's formula, evaluated with 40 digits by mpmath: K, X, minutes, w, q, B, z, score.
    const BY_MPMATH: [[f64; 8]; 30] = [
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 3.0000001, 4.3151303610517],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 4.0, 4.69373254933],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 17.25, 6.6171540889704],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 1e6, 21.051126515003],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 1e60, 184.68749015137],
        [0.0, 0.0, 10080.0, 0.5, 0.002, 0.33, 1e300, 911.96021742409],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 3.0000001, 4.0606978593659],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 4.0, 4.2247824850549],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 17.25, 5.0583854412593],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 1e6, 11.31400951333],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 1e60, 82.233334091191],
        [3.0, 2.5, 40000.0, 0.5, 0.002, 0.33, 1e300, 397.43033221502],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 3.0000001, 2.50863836348],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 4.0, 3.0032871995064],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 17.25, 5.5162632340557],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 1e6, 24.374441767684],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 1e60, 238.16754521596],
        [120.0, 30.0, 38000.0, 4.0, 0.002, 0.33, 1e300, 1188.3591160972],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 3.0000001, 2.8653014310377],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 4.0, 2.907894177219],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 17.25, 3.1242791004286],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 1e6, 4.7481009983572],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 1e60, 23.157191907448],
        [0.25, 1.75, 500.0, 0.5, 0.01, 0.9, 1e300, 104.97537372563],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 3.0000001, 3.4471611334456],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 4.0, 30.219744447406],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 17.25, 166.23312475055],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 1e6, 1186.9211748771],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 1e60, 12758.349746306],
        [7.0, 0.01, 20000.0, 0.5, 0.0005, 0.05, 1e300, 64186.921174877],
    ];

    #[test]
    fn scores_equal_a_table_of_high_precision_far_into_the_tail() {
        for [count, excess, minutes, weight, rate, mean, z, score] in BY_MPMATH {
            let fit = Tail { count, excess }.fit(minutes, weight, Prior { rate, excess: mean });
            let got = fit.score(z);
            assert!((got - score).abs() <= 1e-12 * score.abs(), "z {z}: {got} is not {score}");
        }
    }

    #[test]
    fn score_rises_with_z_and_never_saturates() {
        let fit = fit();
        let scores: Vec<f64> =
            [0.0, 1.0, 2.9, 3.1, 10.0, 1e3, 1e9, 1e100, 1e300].iter().map(|&z| fit.score(z)).collect();
        assert!(scores.windows(2).all(|w| w[0] < w[1]), "{scores:?}");
        assert!(scores.iter().all(|s| s.is_finite()));
        assert_eq!(fit.score(-5.0), 0.0);
    }

    #[test]
    fn needed_excess_is_the_inverse_of_the_score() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut tail = IncidentTail::default();
        for (minute, z) in [(100, 9.0), (300, 14.0), (500, 30.0), (503, 31.0)] {
            let fit = tail.fit(5000.0, 0.5, Prior::default());
            tail.close(z, minute, fit, &horizons);
        }
        let fit = tail.fit(5000.0, 0.5, Prior::default());
        for now in [504, 530, 700] {
            for limit in [3.0, 4.5, 7.0] {
                let e = tail.excess_needed(limit, now, fit, &horizons);
                let score = |e: f64| tail.score(THRESHOLD * e.exp(), now, fit, &horizons);
                assert!(score(e + 1e-9) >= limit - 1e-6, "at {now}, limit {limit}: {} at {e}", score(e));
                assert!(e == 0.0 || score(e - 1e-3) < limit, "at {now}, limit {limit}: lower would do");
            }
        }
    }

    #[test]
    fn passing_over_minutes_equals_closing_them_one_by_one() {
        let horizons = Horizons::per_minute(Direction::Up);
        let fit = fit();
        let mut lazy = IncidentTail::default();
        lazy.close(12.0, 1000, fit, &horizons);
        let mut eager = lazy;
        lazy.advance(1000, 1200, fit, &horizons);
        for minute in 1001..=1200 {
            eager.close(0.0, minute, fit, &horizons);
        }
        assert!((lazy.tail.count - eager.tail.count).abs() < 1e-12);
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
    fn a_run_of_records_gathers_evidence() {
        let horizons = Horizons::per_minute(Direction::Up);
        let mut tail = IncidentTail::default();
        let mut z = 4.0;
        for step in 0..10 {
            let fit = tail.fit(10_000.0, 0.5, Prior::default());
            tail.close(z, step * 1440, fit, &horizons);
            z *= 1.3;
        }
        assert!(tail.evidence > 2.0, "evidence {}", tail.evidence);
        assert!(tail.learnt().0 < 4.0, "ten steps of one attack count as {} incidents", tail.learnt().0);
        assert!(tail.evidence <= EVIDENCE_MAX);
    }
}
