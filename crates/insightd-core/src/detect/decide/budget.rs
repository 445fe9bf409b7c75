//! The alarm budget of one account: how many insights as strong as this one it would raise in a week, against how many it may.
//!
//! Evidence is of one of four kinds ([`Reason`]); each has a share of the budget B = `detect.false_insights_per_account_per_week`, and a
//! strength x, in natural logarithms but for counts. From x = 0 on it is noted:
//!
//! | stratum | share | x | r0 a week | m0 | p |
//! |---|---|---|---|---|---|
//! | counts | .03 | score - base | 10 | .434 | 4 |
//! | new principal: first record in the account less than a day ago | .42 | ln(v / 1.5) | .5 | 1.2 | 3 |
//! | new to principal: its first call on the series, or with its tool, less than a day ago | .20 | ln(v / 1.5) | 1.2 | .6 | 4 |
//! | beyond profile: a principal that uses the series | .04 | ln(calls / (1.5 record)) and more | 4 | 1 | 4 |
//!
//! base is the score that a calibrated statistic reaches in 25 minutes a week over all series of the account, in some ten incidents, .434 = 1 / ln 10 its slope. v
//! is the weighted length of what is new ([`crate::detect::model::principals::Novelty`]).
//!
//! Events less than an hour apart are one incident, learnt with its peak when it is over. The rate of incidents that reach x is
//! modelled as `r exp(-x / m)` a week (a peaks-over-threshold model with an exponential tail), from the account's own incidents and a
//! prior of one week and four incidents:
//!
//! ```text
//! r = (K + r0) / (W + 1)     m = (E + 4 m0) / (K + 4)     K incidents, E their summed peaks, W weeks watched
//! ```
//!
//! all decayed with a half-life of two weeks. What is learnt is what is harmless: an incident counts by the probability that it was,
//!
//! ```text
//! w = h / (h + .8 B share)     h = r exp(-peak / m), the harmless incidents a week that are as strong
//! ```
//!
//! where attacks come .8 times as often as false insights are allowed: whoever allows one of them a week expects something for it. So
//! an attack, which nothing harmless explains, does not blind the account to the next one; what a series has raised an insight for in the
//! four weeks before is learnt in full, as attacks seldom repeat themselves and habits do; and a new profile of the account, explained the better
//! the more often it was seen, is learnt. Of an incident with evidence of a trend t ([`crate::detect::statistics::tail::IncidentTail`]) only 10^-t of that is
//! learnt. Of constructed organisations with nine attacks in 25 days in each account, strangers are found in .90 of the cases at one false
//! insight a week.
//!
//! The shares add up to less than 1, as what is learnt with a weight below 1 lets more pass than is allowed.
//!
//! An insight is raised if
//!
//! ```text
//! rho = r exp(-x / m) / (B share young) <= 10^-lift
//! ```
//!
//! *young* = min(1, age / 7 d)^p asks more of an account that has shown little; the seven days are 14/3 of `baseline.warm_up`, and shrink and grow
//! with it. *lift*: each Start adds 2, at most 6, and it fades by e an hour, so one deployment is one insight and not ten.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::insight::Reason;

const WEEK: f64 = 10_080.0;
/// Minutes without an event after which an incident is over; and in which lift fades by e.
const HOUR: i64 = 60;
/// Half-life of what is learnt, minutes.
const MEMORY: f64 = 2.0 * WEEK;
/// Weeks of prior in a rate.
const PRIOR_WEEKS: f64 = 1.0;
/// Incidents of prior in a slope.
const PRIOR_INCIDENTS: f64 = 4.0;
/// What one Start adds to what the next one has to show, decimal logarithm.
const LIFT: f64 = 2.0;
const LIFT_MAX: f64 = 6.0;
/// Attacks for each false insight that is allowed: what an incident may have been that nothing harmless explains.
const ATTACKS: f64 = 0.8;
/// An incident is learnt at most this many slopes high, so that one monster does not blind the account.
const PEAK_MAX: f64 = 6.0;
/// Warm-ups after which an account is of age: seven days of 36 hours.
const OF_AGE: f64 = 14.0 / 3.0;

/// Incidents a week at x = 0, and mean excess of x, before the account's own history speaks; share of the budget.
struct Prior {
    rate: f64,
    slope: f64,
    share: f64,
    /// Power of the age by which the budget of a young account is less.
    young: i32,
}

fn prior(reason: Reason) -> Prior {
    match reason {
        Reason::Counts => Prior {
            rate: crate::detect::model::series::RATE_AT_BASE,
            slope: std::f64::consts::LOG10_E,
            share: 0.03,
            young: 4,
        },
        Reason::NewPrincipal => Prior { rate: 0.5, slope: 1.2, share: 0.42, young: 3 },
        Reason::NewToPrincipal => Prior { rate: 1.2, slope: 0.6, share: 0.20, young: 4 },
        Reason::BeyondHabit => Prior { rate: 4.0, slope: 1.0, share: 0.04, young: 4 },
    }
}

impl Reason {
    /// Its share of the budget.
    pub fn share(self) -> f64 {
        prior(self).share
    }
}

/// How strong an event is, against its stratum's part of the budget.
#[derive(Clone, Copy, Debug)]
pub struct Strength {
    /// Incidents a week that are as strong.
    pub rate: f64,
    /// log10 of rho: at 0 and below it is within the budget.
    pub log_rho: f64,
    /// What earlier Starts add to what is asked, log10.
    pub lift: f64,
}

impl Strength {
    /// Whether an insight may be raised when a rule multiplies the budget by `factor`.
    pub fn fires(self, factor: f64) -> bool {
        self.log_rho - factor.log10() <= -self.lift
    }
}

/// The running incident of a stratum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Incident {
    last: i64,
    peak: f64,
    /// What of the peak is evidence of a trend, decimal logarithm.
    trend: f64,
    /// Whether its peak lies in a series that raised an insight before.
    known: bool,
}

/// What one stratum has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stratum {
    incidents: f64,
    excess: f64,
    weeks: f64,
    /// Minute up to which the three above are decayed.
    at: i64,
    running: Option<Incident>,
}

/// See the module. Times are minutes of event time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmBudget {
    begin: i64,
    /// Minutes after which the account is of age.
    of_age: f64,
    strata: [Stratum; Reason::ALL.len()],
    lift: f64,
    lifted: i64,
}

impl AlarmBudget {
    /// Nothing learnt, from minute `begin` on, of an account that raises nothing for `warm_up` minutes.
    pub fn new(begin: i64, warm_up: i64) -> Self {
        let strata = [Stratum { at: begin, ..Stratum::default() }; Reason::ALL.len()];
        Self { begin, of_age: OF_AGE * warm_up as f64, strata, lift: 0.0, lifted: begin }
    }

    /// The account raises nothing for `warm_up` minutes from its begin on, whatever held before. Returns whether that is another time.
    pub fn set_warm_up(&mut self, warm_up: i64) -> bool {
        let of_age = OF_AGE * warm_up as f64;
        std::mem::replace(&mut self.of_age, of_age) != of_age
    }

    /// Notes an event of strength `x` >= 0, of which `trend` (log10) is evidence of a trend, in a series which is `known` to raise insights, at
    /// minute `now`, of an account that may raise `budget` insights a week.
    pub fn note(&mut self, reason: Reason, (x, trend, known): (f64, f64, bool), now: i64, budget: f64) -> Strength {
        let prior = prior(reason);
        let (young, lift) = (self.young(now, prior.young), self.lift_at(now));
        let stratum = &mut self.strata[reason as usize];
        stratum.settle(&prior, budget * prior.share, now);
        let (rate, slope) = stratum.learnt(&prior);
        let incident = stratum.running.get_or_insert(Incident { last: now, peak: x, trend, known });
        incident.last = incident.last.max(now);
        if x > incident.peak {
            (incident.peak, incident.trend, incident.known) = (x, trend, known);
        }
        let rate = rate * (-x / slope).exp();
        Strength { rate, log_rho: (rate / (budget * prior.share * young)).log10(), lift }
    }

    /// Takes in what the account has shown before minute `until`, with which its own history began, when it may raise `budget` insights a week.
    pub fn absorb(&mut self, mut past: Self, until: i64, budget: f64) {
        self.begin = self.begin.min(past.begin);
        for (reason, (own, past)) in Reason::ALL.into_iter().zip(self.strata.iter_mut().zip(&mut past.strata)) {
            let prior = prior(reason);
            past.settle(&prior, budget * prior.share, until);
            past.pass(until);
            let keep = (-((own.at - until).max(0) as f64) / MEMORY).exp2();
            own.incidents += past.incidents * keep;
            own.excess += past.excess * keep;
            own.weeks += past.weeks * keep;
        }
    }

    /// A Start was raised at minute `now`.
    pub fn raised(&mut self, now: i64) {
        self.lift = (self.lift_at(now) + LIFT).min(LIFT_MAX);
        self.lifted = self.lifted.max(now);
    }

    fn young(&self, now: i64, power: i32) -> f64 {
        if self.of_age > 0.0 { ((now - self.begin).max(1) as f64 / self.of_age).min(1.0).powi(power) } else { 1.0 }
    }

    fn lift_at(&self, now: i64) -> f64 {
        self.lift * (-((now - self.lifted).max(0) as f64) / HOUR as f64).exp()
    }
}

impl Stratum {
    /// Rate (incidents a week at x = 0) and slope.
    fn learnt(&self, prior: &Prior) -> (f64, f64) {
        let rate = (self.incidents + PRIOR_WEEKS * prior.rate) / (self.weeks + PRIOR_WEEKS);
        let slope = (self.excess + PRIOR_INCIDENTS * prior.slope) / (self.incidents + PRIOR_INCIDENTS);
        (rate, slope)
    }

    /// Learns an incident that is over at minute `now`.
    fn settle(&mut self, prior: &Prior, allowed: f64, now: i64) {
        if self.running.is_some_and(|incident| now - incident.last < HOUR) {
            return;
        }
        self.pass(now);
        if let Some(incident) = self.running.take() {
            let (rate, slope) = self.learnt(prior);
            let harmless = rate * (-incident.peak / slope).exp();
            let weight = if incident.known { 1.0 } else { harmless / (harmless + ATTACKS * allowed) };
            // Evidence of a trend is odds against chance. Learnt in full, the steps of a patient attacker would teach the account his slope.
            let weight = weight * 10_f64.powf(-incident.trend);
            self.incidents += weight;
            self.excess += weight * incident.peak.min(PEAK_MAX * slope);
        }
    }

    fn pass(&mut self, now: i64) {
        let minutes = (now - self.at) as f64;
        if minutes > 0.0 {
            let keep = (-minutes / MEMORY).exp2();
            self.incidents *= keep;
            self.excess *= keep;
            // Weeks, each decayed since it was lived through.
            self.weeks = self.weeks * keep + (1.0 - keep) * MEMORY / std::f64::consts::LN_2 / WEEK;
            self.at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 1440;

    fn aged(weeks: i64) -> (AlarmBudget, i64) {
        (AlarmBudget::new(0, 2160), weeks * 7 * DAY)
    }

    #[test]
    fn a_stronger_event_has_a_lower_rate_and_the_budget_decides() {
        let (mut alarms, now) = aged(2);
        let weak = alarms.note(Reason::NewPrincipal, (0.1, 0.0, false), now, 1.0);
        let strong = alarms.note(Reason::NewPrincipal, (3.0, 0.0, false), now, 1.0);
        assert!(strong.rate < weak.rate);
        assert!(strong.fires(1.0));
        assert!(alarms.note(Reason::Counts, (2.0, 0.0, false), now, 10.0).fires(1.0));
        assert!(!alarms.note(Reason::Counts, (2.0, 0.0, false), now, 0.1).fires(1.0));
        assert!(alarms.note(Reason::Counts, (2.0, 0.0, false), now, 0.1).fires(100.0), "a rule multiplies it");
    }

    #[test]
    fn a_young_account_has_to_show_more() {
        let log_rho = |days: i64| {
            AlarmBudget::new(0, 2160).note(Reason::NewPrincipal, (2.0, 0.0, false), days * DAY, 1.0).log_rho
        };
        assert!(log_rho(2) > log_rho(6) && log_rho(6) > log_rho(7));
        let without_warm_up =
            AlarmBudget::new(0, 0).note(Reason::NewPrincipal, (2.0, 0.0, false), 2 * DAY, 1.0).log_rho;
        let mut restarted = AlarmBudget::new(0, 2160);
        assert!(restarted.set_warm_up(0) && !restarted.set_warm_up(0));
        let strength = restarted.note(Reason::NewPrincipal, (2.0, 0.0, false), 2 * DAY, 1.0);
        assert!(strength.log_rho == without_warm_up, "also of an account that was known before");
        assert!(without_warm_up < log_rho(2), "whoever wants insights from the first record on gets them");
    }

    #[test]
    fn a_start_lifts_what_the_next_one_has_to_show_for_some_hours() {
        let (mut alarms, now) = aged(2);
        alarms.raised(now);
        let at = |alarms: &AlarmBudget, hours: i64| alarms.lift_at(now + hours * 60);
        assert!((at(&alarms, 0) - LIFT).abs() < 1e-9 && at(&alarms, 5) < 0.02);
        (0..9).for_each(|_| alarms.raised(now));
        assert!((at(&alarms, 0) - LIFT_MAX).abs() < 1e-9);
    }

    #[test]
    fn an_account_with_many_incidents_raises_as_many_insights_as_it_may() {
        // One incident an hour or so with exponential peaks (quantiles in a scattered order): far more than the prior says.
        let (mut alarms, mut now) = aged(1);
        let (mut fired, mut weeks) = (0, 0.0);
        for i in 0..5000_u32 {
            let uniform = (f64::from(i) * 0.618_033_988_749_895).fract();
            let x = -1.5 * (1.0 - uniform).ln();
            let strength = alarms.note(Reason::NewToPrincipal, (x, 0.0, false), now, 1.0);
            if i >= 500 {
                fired += u32::from(strength.fires(1.0));
                weeks += 70.0 / WEEK;
            }
            now += 70;
        }
        let allowed = prior(Reason::NewToPrincipal).share;
        let rate = f64::from(fired) / weeks;
        assert!(rate > 0.4 * allowed && rate < 2.5 * allowed, "{rate:.3} a week, allowed {allowed}");
    }

    #[test]
    fn daily_steps_of_a_patient_attacker_once_raised_the_slope_until_none_of_them_was_found() {
        // Ten days, each burst half a decade stronger; all of that but the first step is evidence of a trend.
        let slope_after = |trend: fn(f64) -> f64| {
            let (mut alarms, mut now) = aged(4);
            for step in 1..=10 {
                let x = 0.5 * f64::from(step);
                alarms.note(Reason::Counts, (x, trend(x), false), now, 1.0);
                now += DAY;
            }
            alarms.strata[Reason::Counts as usize].learnt(&prior(Reason::Counts)).1
        };
        let (taught, guarded) = (slope_after(|_| 0.0), slope_after(|x| x - 0.5));
        assert!(guarded < 0.6 && taught > 1.5 * guarded, "slope {taught:.2}, with evidence of a trend {guarded:.2}");
    }
}
