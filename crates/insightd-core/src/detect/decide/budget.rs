//! The alarm budget of one account: how many insights a week would be as strong as this one, and how many may
//! be?
//!
//! Each account may raise B = `detect.false_insights_per_account_per_week` false insights a week. There are
//! four strata, one for each kind of evidence ([`Reason`]), and each has a share of B. Evidence has a
//! strength x, a decimal logarithm for counts and a natural one for the others. Evidence counts as an event
//! from x = 0 on:
//!
//! | stratum | share | x | r0 a week | m0 | p |
//! |---|---|---|---|---|---|
//! | counts | .03 | score - floor | 10 | .434 | 4 |
//! | new principal | .42 | ln(v / 1.5) | .5 | 1.2 | 3 |
//! | new to the principal | .20 | ln(v / 1.5) | 1.2 | .6 | 4 |
//! | beyond habit | .04 | ln(calls / (1.5 record)) and more | 4 | 1 | 4 |
//!
//! * *Counts*: the score floor of an account is the score that a calibrated statistic exceeds in 25 minutes a
//!   week over all L live series of the account, in about ten incidents; .434 = 1 / ln 10 is the slope of
//!   such a score. Accounts with few series get a lower floor: `log10(10080 L^2 / (L + 10) / 25)`.
//! * *New principal*: its first record in the account is less than a day old. *New to the principal*: its
//!   first call on the series, or its first with the tool that it uses, is less than a day old. v is the
//!   weighted length of what is new ([`crate::detect::model::principals::Novelty`]).
//! * *Beyond habit*: a principal that uses the series calls more often than its record.
//!
//! r0, m0 and p are explained below.
//!
//! **Rate of an event.** Events less than an hour apart are one incident, learned with its peak when it is
//! over. The rate of incidents of strength x or more is modeled as `r exp(-x / m)` a week: peaks over the
//! threshold x = 0 with an exponential tail. r and m come from the account's own incidents and from a prior,
//! worth one week for r and four incidents for m:
//!
//! ```text
//! r = (K + r0) / (W + 1)     m = (E + 4 m0) / (K + 4)     K incidents, E their summed peaks, W weeks watched
//! ```
//!
//! K, E and W decay with a half-life of two weeks.
//!
//! **Learning.** Only harmless incidents should be learned, so an incident weighs the probability that it was
//! one:
//!
//! ```text
//! w = h / (h + .8 B share)     h = r exp(-peak / m), the harmless incidents a week that are as strong
//! ```
//!
//! This assumes .8 attacks for each false insight allowed: who accepts one false insight a week expects
//! attacks that are worth it. So an attack, which nothing harmless explains, does not blind the account to
//! the next one, while a new habit of the account is learned the faster the more often it was seen. An
//! incident in a series that raised an insight in the four weeks before is learned in full: attacks seldom
//! repeat themselves, habits do. Of an incident with evidence of a trend t
//! ([`crate::detect::statistics::incident`]) only the share 10^-t is learned.
//!
//! The shares add up to less than 1, because learning with weights below 1 lets more pass than allowed. In
//! constructed organizations with nine attacks in 25 days in each account, .90 of the attacks by new
//! principals are found at one false insight a week.
//!
//! **Decision.** An insight starts if
//!
//! ```text
//! rho = r exp(-x / m) / (B share maturity) <= 10^-cooldown
//! ```
//!
//! *Maturity*: new accounts need stronger evidence until they are seven days old (14/3 x `baseline.warm_up`):
//! maturity = min(1, age / 7 d)^p. *Cooldown*: each Start adds 2 to it, at most 6 in all, and it fades by the
//! factor e an hour, so one deployment is one insight and not ten.

use serde::{Deserialize, Serialize};

use crate::cloudtrail::insight::Reason;

/// Minutes a week, over all live series of an account, in which a calibrated score exceeds the score floor.
pub(crate) const MINUTES_ABOVE_FLOOR: f64 = 25.0;
/// Incidents a week that these minutes belong to.
pub(crate) const INCIDENTS_ABOVE_FLOOR: f64 = 10.0;
/// Minutes in a week.
const WEEK: f64 = 10_080.0;
/// Minutes without an event after which an incident is over, and in which the cooldown fades by the factor e.
const HOUR: i64 = 60;
/// Half-life of what is learned, minutes.
const MEMORY: f64 = 2.0 * WEEK;
/// Weeks that the prior of a rate is worth.
const PRIOR_WEEKS: f64 = 1.0;
/// Incidents that the prior of a slope is worth.
const PRIOR_INCIDENTS: f64 = 4.0;
/// What one Start adds to the cooldown, decimal logarithm.
const COOLDOWN: f64 = 2.0;
const COOLDOWN_MAX: f64 = 6.0;
/// Attacks expected for each false insight that is allowed.
const ATTACKS: f64 = 0.8;
/// An incident is learned at most this many slopes high, so that one huge incident does not blind the
/// account.
const PEAK_MAX: f64 = 6.0;
/// Warm-ups after which an account is mature: seven days at the default warm-up of 36 hours.
const MATURE_WARM_UPS: f64 = 14.0 / 3.0;

/// Constants of a stratum.
struct StratumPrior {
    /// r0: incidents a week at x = 0 before the account has shown any.
    rate: f64,
    /// m0: mean x of an incident before the account has shown any.
    slope: f64,
    /// Share of the budget.
    share: f64,
    /// p: power of the age by which the budget of a new account is lower.
    maturity_power: i32,
}

fn prior(reason: Reason) -> StratumPrior {
    match reason {
        Reason::Counts => StratumPrior {
            rate: INCIDENTS_ABOVE_FLOOR,
            slope: std::f64::consts::LOG10_E,
            share: 0.03,
            maturity_power: 4,
        },
        Reason::NewPrincipal => StratumPrior { rate: 0.5, slope: 1.2, share: 0.42, maturity_power: 3 },
        Reason::NewToPrincipal => StratumPrior { rate: 1.2, slope: 0.6, share: 0.20, maturity_power: 4 },
        Reason::BeyondHabit => StratumPrior { rate: 4.0, slope: 1.0, share: 0.04, maturity_power: 4 },
    }
}

impl Reason {
    /// Its share of the budget.
    pub(crate) fn share(self) -> f64 {
        prior(self).share
    }
}

/// Evidence that is strong enough to count: an event of its stratum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BudgetEvent {
    /// Stratum.
    pub(crate) reason: Reason,
    /// Minute of event time.
    pub(crate) minute: i64,
    /// Strength, from 0.
    pub(crate) x: f64,
    /// The part of `x` that is evidence of a trend, decimal logarithm.
    pub(crate) trend: f64,
    /// Whether the series raised an insight in the four weeks before.
    pub(crate) repeats: bool,
}

/// How an event compares with its stratum's share of the budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strength {
    /// Incidents a week that are as strong or stronger.
    pub(crate) rate: f64,
    /// log10 of rho: at 0 and below the event is within the budget.
    pub(crate) log_rho: f64,
    /// How much lower log10 of rho has to be because of earlier Starts.
    pub(crate) cooldown: f64,
}

impl Strength {
    /// Whether an insight may start if a rule multiplies the budget by `factor`.
    pub(crate) fn fires(self, factor: f64) -> bool {
        self.log_rho - factor.log10() <= -self.cooldown
    }
}

/// The running incident of a stratum: that of its latest event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Incident {
    /// Minute of the latest event.
    last: i64,
    /// Highest x.
    peak: f64,
    /// The part of the peak that is evidence of a trend, decimal logarithm.
    trend: f64,
    /// Whether the peak lies in a series that raised an insight in the four weeks before.
    repeats: bool,
}

/// What one stratum has learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stratum {
    /// K: decayed incidents.
    incidents: f64,
    /// E: their decayed summed peaks.
    excess: f64,
    /// W: decayed weeks watched.
    weeks: f64,
    /// Minute up to which the three above are decayed.
    at: i64,
    running: Option<Incident>,
}

/// The alarm budget of one account. Times are minutes of event time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlarmBudget {
    /// First minute of the account's history.
    begin: i64,
    /// Age at which the account is mature, minutes.
    mature_age: f64,
    strata: [Stratum; Reason::ALL.len()],
    /// Cooldown as of `cooldown_at`, decimal logarithm.
    cooldown: f64,
    /// Minute of the latest Start, else the beginning.
    cooldown_at: i64,
}

impl AlarmBudget {
    /// The budget of an account whose history begins at minute `begin` and which raises nothing for `warm_up`
    /// minutes.
    pub(crate) fn new(begin: i64, warm_up: i64) -> Self {
        let strata = [Stratum { at: begin, ..Stratum::default() }; Reason::ALL.len()];
        Self { begin, mature_age: MATURE_WARM_UPS * warm_up as f64, strata, cooldown: 0.0, cooldown_at: begin }
    }

    /// Sets the warm-up, minutes, from which the age of maturity follows. Returns whether that age has
    /// changed.
    pub(crate) fn set_warm_up(&mut self, warm_up: i64) -> bool {
        let mature_age = MATURE_WARM_UPS * warm_up as f64;
        std::mem::replace(&mut self.mature_age, mature_age) != mature_age
    }

    /// Adds an event, and compares it with its share of `budget`, insights a week.
    pub(crate) fn note(&mut self, event: &BudgetEvent, budget: f64) -> Strength {
        let &BudgetEvent { reason, minute: now, x, trend, repeats } = event;
        let prior = prior(reason);
        let (maturity, cooldown) = (self.maturity(now, prior.maturity_power), self.cooldown_at(now));
        let stratum = &mut self.strata[reason as usize];
        stratum.settle(&prior, budget * prior.share, now);
        let (rate, slope) = stratum.fit(&prior);
        let incident = stratum.running.get_or_insert(Incident { last: now, peak: x, trend, repeats });
        incident.last = incident.last.max(now);
        if x > incident.peak {
            (incident.peak, incident.trend, incident.repeats) = (x, trend, repeats);
        }
        let rate = rate * (-x / slope).exp();
        Strength { rate, log_rho: (rate / (budget * prior.share * maturity)).log10(), cooldown }
    }

    /// Adds what the account learned before minute `until`, with which its own history began. `budget` is in
    /// insights a week.
    pub(crate) fn merge(&mut self, mut earlier: Self, until: i64, budget: f64) {
        self.begin = self.begin.min(earlier.begin);
        for (reason, (own, earlier)) in Reason::ALL.into_iter().zip(self.strata.iter_mut().zip(&mut earlier.strata)) {
            let prior = prior(reason);
            earlier.settle(&prior, budget * prior.share, until);
            earlier.decay_to(until);
            let factor = (-((own.at - until).max(0) as f64) / MEMORY).exp2();
            own.incidents += earlier.incidents * factor;
            own.excess += earlier.excess * factor;
            own.weeks += earlier.weeks * factor;
        }
    }

    /// Adds a Start at minute `now` to the cooldown.
    pub(crate) fn record_start(&mut self, now: i64) {
        self.cooldown = (self.cooldown_at(now) + COOLDOWN).min(COOLDOWN_MAX);
        self.cooldown_at = self.cooldown_at.max(now);
    }

    fn maturity(&self, now: i64, power: i32) -> f64 {
        // Without a warm-up the quotient is infinite, and an account is mature at once.
        ((now - self.begin).max(1) as f64 / self.mature_age).min(1.0).powi(power)
    }

    fn cooldown_at(&self, now: i64) -> f64 {
        self.cooldown * (-((now - self.cooldown_at).max(0) as f64) / HOUR as f64).exp()
    }
}

impl Stratum {
    /// Rate r (incidents a week at x = 0) and slope m.
    fn fit(&self, prior: &StratumPrior) -> (f64, f64) {
        let rate = (self.incidents + PRIOR_WEEKS * prior.rate) / (self.weeks + PRIOR_WEEKS);
        let slope = (self.excess + PRIOR_INCIDENTS * prior.slope) / (self.incidents + PRIOR_INCIDENTS);
        (rate, slope)
    }

    /// Learns the running incident if it is over at minute `now`. `allowed` is the stratum's share of the
    /// budget.
    fn settle(&mut self, prior: &StratumPrior, allowed: f64, now: i64) {
        if self.running.is_some_and(|incident| now - incident.last < HOUR) {
            return;
        }
        self.decay_to(now);
        if let Some(incident) = self.running.take() {
            let (rate, slope) = self.fit(prior);
            let harmless = rate * (-incident.peak / slope).exp();
            let weight = if incident.repeats { 1.0 } else { harmless / (harmless + ATTACKS * allowed) };
            // Evidence of a trend is odds against chance. Learned in full, the steps of a patient attacker
            // would teach the account the slope of the attack.
            let weight = weight * 10_f64.powf(-incident.trend);
            self.incidents += weight;
            self.excess += weight * incident.peak.min(PEAK_MAX * slope);
        }
    }

    fn decay_to(&mut self, now: i64) {
        // No minutes for an event that is older than the latest: factor 1, which changes nothing.
        let minutes = (now - self.at).max(0) as f64;
        let factor = (-minutes / MEMORY).exp2();
        self.incidents *= factor;
        self.excess *= factor;
        // The integral of the decay over these minutes, in weeks.
        self.weeks = self.weeks * factor + (1.0 - factor) * MEMORY / std::f64::consts::LN_2 / WEEK;
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 1440;

    fn event(reason: Reason, minute: i64, x: f64) -> BudgetEvent {
        BudgetEvent { reason, minute, x, trend: 0.0, repeats: false }
    }

    fn aged(weeks: i64) -> (AlarmBudget, i64) {
        (AlarmBudget::new(0, 2160), weeks * 7 * DAY)
    }

    #[test]
    fn a_stronger_event_has_a_lower_rate() {
        let (mut alarms, now) = aged(2);
        let weak = alarms.note(&event(Reason::NewPrincipal, now, 0.1), 1.0);
        let strong = alarms.note(&event(Reason::NewPrincipal, now, 3.0), 1.0);
        assert!(strong.rate < weak.rate);
        assert!(strong.fires(1.0));
        assert!(alarms.note(&event(Reason::Counts, now, 2.0), 10.0).fires(1.0));
        assert!(!alarms.note(&event(Reason::Counts, now, 2.0), 0.1).fires(1.0));
        assert!(alarms.note(&event(Reason::Counts, now, 2.0), 0.1).fires(100.0), "a rule multiplies it");
    }

    #[test]
    fn a_new_account_needs_stronger_evidence() {
        let log_rho =
            |days: i64| AlarmBudget::new(0, 2160).note(&event(Reason::NewPrincipal, days * DAY, 2.0), 1.0).log_rho;
        assert!(log_rho(2) > log_rho(6) && log_rho(6) > log_rho(7));
        let without_warm_up = AlarmBudget::new(0, 0).note(&event(Reason::NewPrincipal, 2 * DAY, 2.0), 1.0).log_rho;
        let mut restarted = AlarmBudget::new(0, 2160);
        assert!(restarted.set_warm_up(0) && !restarted.set_warm_up(0));
        let strength = restarted.note(&event(Reason::NewPrincipal, 2 * DAY, 2.0), 1.0);
        assert!(strength.log_rho == without_warm_up, "a new warm-up applies to a known account");
        assert!(without_warm_up < log_rho(2), "without a warm-up the first record counts in full");
        assert!(restarted.set_warm_up(2160) && restarted.maturity(7 * DAY - 1, 1) < 1.0, "it is new once more");
        assert!(restarted.maturity(7 * DAY, 1) == 1.0, "14/3 of 36 hours");
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-6 * expected.abs()
    }

    /// If it breaks, the operator's budget no longer means insights a week: new accounts alarm too much or
    /// old ones too little.
    #[test]
    fn rho_follows_the_documented_formula() {
        // docs/detection.md, "The decision": W = (1 - 2^(-weeks / 2)) 2 / ln 2, r = .5 / (W + 1), and the
        // rate is r e^-1 at x = m = 1.2. Half a week is half of the age of maturity: .5^3 of the share .42.
        for (weeks, rate, log_rho) in [
            (0.5, 0.126_065_902, 0.380_438_333),
            (1.0, 0.099_690_318, -0.624_596_310),
            (2.0, 0.075_301_958, -0.746_443_019),
        ] {
            let now = 100_000 + (weeks * WEEK) as i64;
            let strength = AlarmBudget::new(100_000, 2160).note(&event(Reason::NewPrincipal, now, 1.2), 1.0);
            assert!(close(strength.rate, rate), "{weeks} weeks: rate {}", strength.rate);
            assert!(close(strength.log_rho, log_rho), "{weeks} weeks: log rho {}", strength.log_rho);
            let triple = AlarmBudget::new(100_000, 2160).note(&event(Reason::NewPrincipal, now, 1.2), 3.0);
            assert!(close(strength.log_rho - triple.log_rho, 3.0_f64.log10()), "three times the budget");
        }
    }

    /// If it breaks, `backtest` raises more or fewer insights than the budget that its user sets.
    #[test]
    fn a_backtest_gives_counts_the_whole_budget() {
        let (mut alarms, now) = aged(2);
        let strength = alarms.note(&event(Reason::Counts, now, 2.0), 5.0 / Reason::Counts.share());
        assert!(close(strength.log_rho, (strength.rate / 5.0).log10()));
    }

    #[test]
    fn an_insight_starts_at_exactly_its_share() {
        let fires = |log_rho, cooldown, factor| Strength { rate: 1.0, log_rho, cooldown }.fires(factor);
        assert!(fires(0.0, 0.0, 1.0) && !fires(0.001, 0.0, 1.0));
        assert!(fires(-2.0, 2.0, 1.0) && !fires(-1.999, 2.0, 1.0), "the cooldown asks for more");
        assert!(fires(-1.0, 2.0, 10.0) && !fires(-1.0, 2.0, 9.9), "a rule asks for less");
    }

    #[test]
    fn the_cooldown_fades_by_the_factor_e_an_hour() {
        let (mut alarms, now) = aged(2);
        alarms.record_start(now);
        let cooldown = |hours: i64| alarms.cooldown_at(now + hours * 60);
        assert!(close(cooldown(1), 2.0 * (-1.0_f64).exp()) && close(cooldown(3), 2.0 * (-3.0_f64).exp()));
        assert!(close(cooldown(-5), 2.0), "a late event meets the whole cooldown");
    }

    /// K and E an hour after these events (minute after two weeks, x, trend, repeats), at a budget of 2.
    fn learned(events: &[(i64, f64, f64, bool)]) -> (f64, f64) {
        let (mut alarms, begin) = aged(2);
        let mut last = begin;
        for &(minute, x, trend, repeats) in events {
            last = begin + minute;
            alarms.note(&BudgetEvent { reason: Reason::NewToPrincipal, minute: last, x, trend, repeats }, 2.0);
        }
        alarms.note(&event(Reason::NewToPrincipal, last + HOUR, 0.0), 2.0);
        let stratum = alarms.strata[Reason::NewToPrincipal as usize];
        (stratum.incidents, stratum.excess)
    }

    /// If it breaks, one attack blinds the account to the next, or a new habit is never learned.
    #[test]
    fn an_incident_is_learned_by_how_harmless_it_was() {
        // Two weeks and an hour: W = 1.445668, r = 1.2 / (W + 1) = .490663. At the slope .6: h = r e^-1 =
        // .180505, w = h / (h + .8 x 2 x .20).
        let (incidents, excess) = learned(&[(0, 0.6, 0.0, false)]);
        assert!(close(incidents, 0.360_645_747) && close(excess, 0.216_387_448), "{incidents} {excess}");
        let (by_trend, _) = learned(&[(0, 0.6, 1.0, false)]);
        assert!(close(by_trend, 0.036_064_575), "a tenth of it with a decade of evidence of a trend");
        let (attack, _) = learned(&[(0, 6.0, 0.0, false)]);
        assert!(attack < 1e-4, "nothing harmless explains ten slopes: {attack}");
        assert_eq!(learned(&[(0, 0.6, 0.0, true)]), (1.0, 0.6), "what repeats itself is a habit");
        assert!(close(learned(&[(0, 6.0, 0.0, true)]).1, 3.6), "at most six slopes of .6");
    }

    /// If it breaks, one deployment of many calls teaches the account as many incidents.
    #[test]
    fn events_less_than_an_hour_apart_are_one_incident() {
        let habit = |minute, x| (minute, x, 0.0, true);
        assert_eq!(learned(&[habit(0, 0.6), habit(59, 0.3)]), (1.0, 0.6), "the peak came first");
        assert_eq!(learned(&[habit(0, 0.3), habit(59, 0.6)]), (1.0, 0.6), "the peak came last");
        let (incidents, _) = learned(&[habit(0, 0.6), habit(60, 0.6)]);
        assert!(close(incidents, 1.0 + (-60.0_f64 / 20_160.0).exp2()), "two incidents, the first one hour old");
        assert_eq!(learned(&[habit(0, 0.6), (9, 0.6, 5.0, false)]), (1.0, 0.6), "of equal peaks the first counts");
    }

    /// If it breaks, an account with a backfill alarms as if it had no past, or the wrong one.
    #[test]
    fn a_merged_budget_equals_one_that_watched_it_all() {
        let (begin, until, now) = (0, 14 * DAY, 28 * DAY);
        let (first, second) = (event(Reason::NewPrincipal, 7 * DAY, 1.0), event(Reason::NewPrincipal, 21 * DAY, 0.5));
        let settle = |alarms: &mut AlarmBudget, minute: i64| {
            // The share .42 of a budget of 2.
            alarms.strata[Reason::NewPrincipal as usize].settle(&prior(Reason::NewPrincipal), 0.84, minute);
        };
        // Watches from `since`; both settle what they learned before `until` at `until`.
        let watch = |since: i64| {
            let mut alarms = AlarmBudget::new(since, 2160);
            if since < until {
                alarms.note(&first, 2.0);
                settle(&mut alarms, until);
            }
            alarms.note(&BudgetEvent { repeats: true, ..second }, 2.0);
            settle(&mut alarms, now);
            alarms
        };
        let (whole, mut merged, mut earlier) = (watch(begin), watch(until), AlarmBudget::new(begin, 2160));
        earlier.note(&first, 2.0);
        merged.merge(earlier, until, 2.0);
        let [whole_stratum, merged_stratum] =
            [whole, merged].map(|alarms| alarms.strata[Reason::NewPrincipal as usize]);
        assert!(close(merged_stratum.incidents, whole_stratum.incidents), "{merged_stratum:?} {whole_stratum:?}");
        assert!(close(merged_stratum.weeks, whole_stratum.weeks), "{merged_stratum:?} {whole_stratum:?}");
        assert!(close(merged_stratum.excess, whole_stratum.excess), "{merged_stratum:?} {whole_stratum:?}");
        assert!(merged.maturity(until, 1) == 1.0, "as old as its backfill");
    }

    #[test]
    fn a_start_begins_a_cooldown_of_some_hours() {
        let (mut alarms, now) = aged(2);
        alarms.record_start(now);
        let at = |alarms: &AlarmBudget, hours: i64| alarms.cooldown_at(now + hours * 60);
        assert!((at(&alarms, 0) - COOLDOWN).abs() < 1e-9 && at(&alarms, 5) < 0.02);
        (0..9).for_each(|_| alarms.record_start(now));
        assert!((at(&alarms, 0) - COOLDOWN_MAX).abs() < 1e-9);
    }

    #[test]
    fn a_busy_account_raises_as_many_insights_as_it_may() {
        // One incident an hour or so with exponential peaks (quantiles in a scattered order): far more than
        // the prior expects.
        let (mut alarms, mut now) = aged(1);
        let (mut fired, mut weeks) = (0, 0.0);
        for i in 0..5000_u32 {
            let uniform = (f64::from(i) * 0.618_033_988_749_895).fract();
            let x = -1.5 * (1.0 - uniform).ln();
            let strength = alarms.note(&event(Reason::NewToPrincipal, now, x), 1.0);
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

    /// The daily steps of a patient attacker once raised the slope until none of them was found.
    #[test]
    fn the_steps_of_a_patient_attacker_leave_the_slope() {
        // Ten days, each burst half a decade stronger; all of that but the first step is evidence of a trend.
        let slope_after = |trend: fn(f64) -> f64| {
            let (mut alarms, mut now) = aged(4);
            for step in 1..=10 {
                let x = 0.5 * f64::from(step);
                alarms.note(&BudgetEvent { trend: trend(x), ..event(Reason::Counts, now, x) }, 1.0);
                now += DAY;
            }
            alarms.strata[Reason::Counts as usize].fit(&prior(Reason::Counts)).1
        };
        let (taught, guarded) = (slope_after(|_| 0.0), slope_after(|x| x - 0.5));
        assert!(guarded < 0.6 && taught > 1.5 * guarded, "slope {taught:.2}, with evidence of a trend {guarded:.2}");
    }
}
