//! The statistic as docs/detection.md defines it: every sum is formed anew over the whole history, with the
//! numbers of the document. If the two disagree, users read one formula and are alarmed by another.

use super::*;
use crate::detect::statistics::prior::ViewPriors;

/// Half-lives and time limits, in buckets, as the document states them.
#[derive(Clone, Copy)]
struct Lives {
    moments: f64,
    sum: f64,
    level: f64,
    error: f64,
    tail: f64,
    gap: i64,
    hold: i64,
    new_level: i64,
    drops: bool,
}

const MINUTES: Lives = Lives {
    moments: 7.0 * 24.0 * 60.0,
    sum: 60.0,
    level: 10.0,
    error: 80.0,
    tail: 28.0 * 24.0 * 60.0,
    gap: 60,
    hold: 15,
    new_level: 24 * 60,
    drops: false,
};
/// Buckets of an hour: a week has 168, and the short horizons span their least number of buckets.
const HOURS: Lives = Lives {
    moments: 7.0 * 24.0,
    sum: 2.0,
    level: 6.0,
    error: 48.0,
    tail: 28.0 * 24.0,
    gap: 3,
    hold: 3,
    new_level: 24,
    drops: false,
};

/// Sum of the values, each `(age, value)` halved once per half-life.
fn decayed(values: impl Iterator<Item = (f64, f64)>, half_life: f64) -> f64 {
    values.map(|(age, value)| value * 0.5_f64.powf(age / half_life)).sum()
}

/// Values in the order in which they were learned, with their ages.
fn aged<T: Copy>(learned: &[T]) -> impl Iterator<Item = (f64, T)> {
    learned.iter().rev().enumerate().map(|(age, &value)| (age as f64, value))
}

#[derive(Clone, Copy)]
struct TailOf {
    at_threshold: f64,
    b: f64,
}

/// k, n and b of the document, b with its lower bound.
fn tail_of(k: f64, x: f64, n: f64, [w, q, prior_b]: [f64; 3], sd: f64) -> TailOf {
    let b = (x + w * prior_b) / (k + w);
    let least = ((3.0 + 1.0 / sd) / 3.0).ln() / 3.0;
    TailOf { at_threshold: -((k + w) / (n + w / q)).log10(), b: b.max(least) }
}

impl TailOf {
    fn score(self, z: f64) -> f64 {
        if z > 3.0 {
            self.at_threshold + (z / 3.0).ln() / (self.b * 10_f64.ln())
        } else {
            self.at_threshold.clamp(0.0, 2.0) * z.max(0.0) / 3.0
        }
    }
}

/// The burst view or the slow view.
struct Moments {
    lives: Lives,
    prior: Prior,
    /// Values and their weights when they were learned.
    learned: Vec<(f64, f64)>,
    /// Incidents learned: minute, weight and learned excess.
    incidents: Vec<(i64, f64, f64)>,
    /// Exceedances of the latest incident, while it is not learned: minute and excess.
    running: Vec<(i64, f64)>,
    peaks: Vec<f64>,
    evidence: f64,
}

impl Moments {
    fn weight(&self) -> f64 {
        decayed(aged(&self.learned).map(|(age, (_, w))| (age, w)), self.lives.moments)
    }

    /// Mean, variance and standard deviation.
    fn moments(&self) -> [f64; 3] {
        let weight = self.weight();
        if weight == 0.0 {
            return [0.0, 0.0, 0.5_f64.sqrt()];
        }
        let mean = decayed(aged(&self.learned).map(|(age, (x, w))| (age, x * w)), self.lives.moments) / weight;
        let square = decayed(aged(&self.learned).map(|(age, (x, w))| (age, x * x * w)), self.lives.moments) / weight;
        let variance = (square - mean * mean).max(0.0);
        let p = 3.0 / (weight + 3.0);
        [mean, variance, (variance * (1.0 - p) + 0.25 * p + 0.25).sqrt()]
    }

    /// K and X after minute `closed`.
    fn sums(&self, closed: i64) -> [f64; 2] {
        let age = |minute: i64| (closed - minute + 1) as f64;
        let k = decayed(self.incidents.iter().map(|&(minute, w, _)| (age(minute), w)), self.lives.tail);
        let x = decayed(self.incidents.iter().map(|&(minute, w, e)| (age(minute), w * e)), self.lives.tail);
        [k, x]
    }

    fn now(&self, closed: i64, n: f64) -> Now {
        let ([k, x], [mean, _, sd]) = (self.sums(closed), self.moments());
        Now { mean, sd, tail: tail_of(k, x, n, [0.5, self.prior.rate, self.prior.excess], sd) }
    }

    fn top(&self) -> f64 {
        self.peaks.iter().copied().fold(0.0, f64::max)
    }

    /// Evidence with one more record.
    fn with_record(&self) -> f64 {
        self.evidence + (1.0 + self.peaks.len().min(20) as f64 / 2.0).log10()
    }

    fn goes_on(&self, now: i64) -> bool {
        self.running.last().is_some_and(|&(last, _)| now - last < self.lives.gap)
    }

    /// The score, and the score without evidence of a trend.
    fn score(&self, z: f64, now: i64, tail: TailOf) -> [f64; 2] {
        let e = (z / 3.0).ln();
        let plain = tail.score(z);
        if z <= 3.0 {
            return [plain; 2];
        }
        let trend = if e > self.top() + 0.1 { self.with_record() } else { 0.0 };
        let Some(to_exceed) = self.to_exceed(e, now) else { return [plain + trend, plain] };
        let rise = 1.0 + (e - to_exceed).max(0.0) / (tail.b * 10_f64.ln());
        [(plain + trend).min(rise), plain.min(rise)]
    }

    /// The excess beyond which a minute of the running incident scores more than 1.
    fn to_exceed(&self, e: f64, now: i64) -> Option<f64> {
        if !self.goes_on(now) {
            return None;
        }
        let (mut tick, mut peak, mut reference) = (self.running[0].0, 0.0_f64, None);
        for &(minute, e) in &self.running {
            if minute - tick > self.lives.hold {
                (tick, reference) = (minute, Some(peak));
            }
            peak = peak.max(e);
        }
        if now - tick > self.lives.hold {
            reference = Some(peak);
        }
        reference.or((e <= peak).then_some(peak))
    }

    fn close(&mut self, x: f64, z: f64, now: i64, b: f64, frozen: bool) {
        if !self.running.is_empty() && !self.goes_on(now) {
            let peak = self.running.drain(..).map(|(_, e)| e).fold(0.0, f64::max);
            let record = peak > self.top() + 0.1;
            let weight = if record { 10_f64.powf(-self.evidence) } else { 1.0 };
            self.incidents.push((now, weight, peak.min(3.0 * b)));
            if !self.peaks.is_empty() {
                self.evidence = if record { self.with_record().min(6.0) } else { (self.evidence - 0.301).max(0.0) };
            }
            self.peaks.push(peak);
        }
        if z > 3.0 {
            self.running.push((now, (z / 3.0).ln()));
        }
        if !frozen {
            self.learn(x, now);
        }
    }

    fn learn(&mut self, x: f64, now: i64) {
        let ([mean, _, sd], weight) = (self.moments(), self.weight());
        if self.goes_on(now) && now - self.running[0].0 > self.lives.new_level {
            let scale = (self.lives.new_level as f64 / weight).min(1.0);
            self.learned.iter_mut().for_each(|(_, w)| *w *= scale);
            self.learned.push((x, 1.0));
        } else {
            let clipped = if weight >= 5.0 { x.clamp(mean - 3.0 * sd, mean + 3.0 * sd) } else { x };
            self.learned.push((clipped, 1.0));
        }
    }
}

struct Level {
    lives: Lives,
    learned: Vec<f64>,
    errors: Vec<f64>,
    run: u32,
    /// Exceedances: minute and learned excess.
    exceeded: Vec<(i64, f64)>,
}

impl Level {
    /// Mean, standard deviation and weight of the mean.
    fn moments(&self) -> [f64; 3] {
        let weight = decayed(aged(&self.learned).map(|(age, _)| (age, 1.0)), self.lives.level);
        let sum = decayed(aged(&self.learned), self.lives.level);
        let v = decayed(aged(&self.errors).map(|(age, e)| (age, e * e)), self.lives.error);
        let wv = decayed(aged(&self.errors).map(|(age, _)| (age, 1.0)), self.lives.error);
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        [mean, ((v + 0.75) / (wv + 3.0) + 0.25).sqrt(), weight]
    }

    fn now(&self, closed: i64, n: f64) -> Now {
        let age = |minute: i64| (closed - minute) as f64;
        let k = decayed(self.exceeded.iter().map(|&(minute, _)| (age(minute), 1.0)), self.lives.tail);
        let x = decayed(self.exceeded.iter().map(|&(minute, e)| (age(minute), e)), self.lives.tail);
        let [mean, sd, _] = self.moments();
        Now { mean, sd, tail: tail_of(k, x, n, [4.0, 0.002, 0.33], sd) }
    }

    fn close(&mut self, c: f64, z: f64, now: i64, b: f64) {
        if z > 3.0 {
            self.exceeded.push((now, (z / 3.0).ln().min(3.0 * b)));
        }
        let [mean, sd, weight] = self.moments();
        self.run = if (c - mean).abs() > 3.0 * sd { self.run + 1 } else { 0 };
        let clipped = weight >= 5.0 && self.run <= 6;
        let x = if clipped { c.clamp(mean - 3.0 * sd, mean + 3.0 * sd) } else { c };
        self.errors.push(x - mean);
        self.learned.push(x);
    }
}

/// A view just before a minute: its moments and its tail.
#[derive(Clone, Copy)]
struct Now {
    mean: f64,
    sd: f64,
    tail: TailOf,
}

impl Now {
    fn z(self, x: f64) -> f64 {
        (x - self.mean) / self.sd
    }
}

/// The series just before a minute; formed once for all the counts that are tried in it.
struct Open {
    minutes: f64,
    /// S without the calls of the minute.
    sum: f64,
    variance: f64,
    burst: Now,
    slow: Now,
    level: Now,
}

/// One series by definition.
struct Definition {
    lives: Lives,
    closed: i64,
    counts: Vec<f64>,
    burst: Moments,
    slow: Moments,
    level: Level,
}

impl Definition {
    fn new(lives: Lives, priors: ViewPriors) -> Self {
        let view = |prior| Moments {
            lives,
            prior,
            learned: Vec::new(),
            incidents: Vec::new(),
            running: Vec::new(),
            peaks: Vec::new(),
            evidence: 0.0,
        };
        let level = Level { lives, learned: Vec::new(), errors: Vec::new(), run: 0, exceeded: Vec::new() };
        Self { lives, closed: 0, counts: Vec::new(), burst: view(priors.burst), slow: view(priors.slow), level }
    }

    fn open(&self) -> Open {
        let minutes = decayed(aged(&self.counts).map(|(age, _)| (age, 1.0)), self.lives.tail);
        Open {
            minutes,
            sum: decayed(aged(&self.counts).map(|(age, c)| (age + 1.0, c)), self.lives.sum),
            variance: self.burst.moments()[1],
            burst: self.burst.now(self.closed, minutes),
            slow: self.slow.now(self.closed, minutes),
            level: self.level.now(self.closed, minutes),
        }
    }

    /// Value, trend, and whether the level view scores highest.
    fn score(&self, open: &Open, c: f64, side: Side) -> (f64, f64, bool) {
        let side = |z: f64| match side {
            Side::Rise => z,
            Side::Fall => -z,
            Side::Either => z.abs(),
        };
        let now = self.closed + 1;
        let level = open.level.tail.score(side(open.level.z(c)));
        let burst = self.burst.score(side(open.burst.z(c)), now, open.burst.tail);
        let slow = self.slow.score(side(open.slow.z(open.sum + c)), now, open.slow.tail);
        let [value, plain] = [0, 1].map(|i| (burst[i].max(slow[i]).max(level) - 0.2).max(0.0));
        (value, value - plain, level > burst[0].max(slow[0]))
    }

    fn close(&mut self, open: &Open, c: f64, frozen: bool) {
        let (now, s) = (self.closed + 1, open.sum + c);
        let counts = |z: f64| if self.lives.drops { z.abs() } else { z };
        let z = [open.burst.z(c), open.slow.z(s), open.level.z(c)].map(counts);
        self.burst.close(c, z[0], now, open.burst.tail.b, frozen);
        self.slow.close(s, z[1], now, open.slow.tail.b, frozen);
        self.level.close(c, z[2], now, open.level.tail.b);
        self.counts.push(c);
        self.closed = now;
    }
}

fn near(name: &str, minute: i64, got: f64, expected: f64) {
    assert!(
        (got - expected).abs() <= 1e-7 * expected.abs().max(1.0),
        "{name} of minute {minute}: {got}, not {expected}"
    );
}

/// Compares everything that a statistic says of its next minute.
fn compare(statistic: &Statistic, definition: &Definition, open: &Open, horizons: &Horizons) {
    let now = definition.closed + 1;
    let before = statistic.sum_at(now, horizons);
    near("sum", now, before, open.sum);
    near("minutes", now, statistic.minutes(), open.minutes);
    for (sums, view) in statistic.incident_sums().iter().zip([&definition.burst, &definition.slow]) {
        let [incidents, excess] = view.sums(definition.closed);
        near("incidents", now, sums.incidents, incidents);
        near("summed excess", now, sums.excess, excess);
    }
    near("mean", now, statistic.expectation().mean, open.burst.mean);
    near("sd", now, statistic.expectation().sd, open.burst.sd);
    near("usual mean", now, statistic.usual_rate().mean, open.burst.mean);
    near("usual spread", now, statistic.usual_rate().sd.powi(2), open.burst.mean.max(open.variance));
    for side in [Side::Rise, Side::Fall, Side::Either] {
        for c in [0.0, 1.0, 2.0, 7.0, 40.0, 900.0] {
            let score = statistic.score(now, c, before + c, side, horizons);
            let (value, trend, by_level) = definition.score(open, c, side);
            near("score", now, score.value, value);
            near("trend", now, score.trend, trend);
            let expected = if by_level { open.level } else { open.burst };
            near("expected mean", now, score.expected.mean, expected.mean);
            near("expected sd", now, score.expected.sd, expected.sd);
        }
    }
}

/// Feeds the counts to both and compares them each minute; `silent` minutes come before them.
fn follow(lives: Lives, horizons: &Horizons, silent: i64, counts: impl Iterator<Item = (f64, bool)>) -> Definition {
    let priors = ViewPriors { burst: Prior { rate: 0.004, excess: 0.4 }, slow: Prior { rate: 0.001, excess: 0.25 } };
    let mut statistic = Statistic::new(1, silent, priors, horizons);
    let mut definition = Definition::new(lives, priors);
    for _ in 0..silent {
        definition.close(&definition.open(), 0.0, false);
    }
    for (c, frozen) in counts {
        let open = definition.open();
        compare(&statistic, &definition, &open, horizons);
        statistic.close(definition.closed + 1, c, frozen, horizons);
        definition.close(&open, c, frozen);
    }
    definition
}

/// Noise of mean `mean`, and on top of it bursts that rise, as an attacker would have them.
fn noise_and_bursts(mean: f64, minutes: i64, every: i64, width: i64) -> Vec<(f64, bool)> {
    let mut random = rand_pcg::Pcg64Mcg::new(11);
    let noise = rand_distr::Poisson::new(mean).expect("a mean");
    (0..minutes)
        .map(|minute| {
            let c: f64 = rand_distr::Distribution::sample(&noise, &mut random);
            let burst = if minute % every < width { 12.0 * (1 + minute / every) as f64 } else { 0.0 };
            (c + burst + (minute % 3) as f64 * burst / 10.0, false)
        })
        .collect()
}

#[test]
fn scores_by_minutes_are_those_of_the_document() {
    let counts = noise_and_bursts(0.4, 420, 130, 22);
    let end = follow(MINUTES, &Horizons::per_minute(Direction::Up), 90, counts.into_iter());
    assert!(end.burst.peaks.len() >= 3 && end.level.exceeded.len() > 20, "the series must try every rule");
}

#[test]
fn scores_by_hours_are_those_of_the_document() {
    let counts = noise_and_bursts(3.0, 360, 17, 2);
    let end = follow(HOURS, &Horizons::per_bucket(3600, Direction::Up), 0, counts.into_iter());
    assert!(end.burst.evidence > 1.0 && end.burst.peaks.len() > 20, "the series must try every rule");
}

#[test]
fn a_new_level_is_learned_as_the_document_says() {
    let counts =
        (0..140).map(|hour| (if hour < 70 { 3.0 + f64::from(hour % 2) } else { 60.0 + f64::from(hour % 4) }, false));
    let end = follow(HOURS, &Horizons::per_bucket(3600, Direction::Up), 0, counts);
    assert!(end.burst.moments()[0] > 40.0, "a day after the change the new level is usual");
}

#[test]
fn drops_and_open_insights_score_as_the_document_says() {
    let lives = Lives { drops: true, ..MINUTES };
    let counts = (0..300).map(|minute| match minute {
        120..=150 => (0.0, false),
        200..=230 => (70.0, true),
        _ => (20.0 + f64::from(minute % 5), false),
    });
    let end = follow(lives, &Horizons::per_minute(Direction::Both), 0, counts);
    assert!(!end.burst.peaks.is_empty(), "the fall must be an incident");
}
