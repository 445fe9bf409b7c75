//! Random numbers. Each purpose has its own stream, derived from the seed, so that no purpose changes
//! another.
//!
//! Reproducible to the bit on one machine; across platforms, the logarithms of `rand_distr` may differ in the
//! last digit.

use rand_distr::{Distribution, Exp1, Poisson, StandardNormal};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

/// Mixes two numbers into one that looks random (the finalizer of SplitMix64; Steele, Lea and Flood 2014).
pub(crate) const fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Hashes a text (FNV-1a, mixed).
pub(crate) fn digest(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fold), 0)
}

/// The source of the streams of one account, or of the organization.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds(u64);

impl Seeds {
    /// The source of the whole organization.
    pub(crate) fn organization(seed: u64) -> Self {
        Self(mix(seed, 0))
    }

    /// The source of one account, by its number.
    pub(crate) fn account(seed: u64, account: usize) -> Self {
        Self(mix(mix(seed, 0), account as u64 + 1))
    }

    /// The key of the `nth` stream with the purpose `name`.
    pub(crate) fn key(self, name: &str, nth: usize) -> u64 {
        mix(self.0, mix(digest(name), nth as u64))
    }

    /// The `nth` stream with the purpose `name`.
    pub(crate) fn stream(self, name: &str, nth: usize) -> Draw {
        Draw::new(self.key(name, nth), 0)
    }
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Draw(Pcg64Mcg);

impl Draw {
    /// The stream of a key in a slot (an hour, a day).
    pub(crate) fn new(key: u64, slot: u64) -> Self {
        let low = mix(key, slot);
        Self(Pcg64Mcg::new(u128::from(mix(low, 1)) << 64 | u128::from(low)))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An integer below `n` (0 if `n` is 0).
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// An integer from `low` to `high`, both included.
    pub(crate) fn whole(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as usize) as i64
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A uniformly chosen element. The list must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// An element; the first ones are much more likely (density of the index ~ u^-2/3). The list must not be
    /// empty.
    pub(crate) fn pick_skewed<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let u = self.unit();
        &list[((u * u * u) * list.len() as f64) as usize]
    }

    /// An element; the first ones are more likely, but less so than in [`Self::pick_skewed`].
    pub(crate) fn pick_leaning<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let u = self.unit();
        &list[((u * u) * list.len() as f64) as usize]
    }

    /// `count` different elements, in random order.
    pub(crate) fn sample<'a, T>(&mut self, list: &'a [T], count: usize) -> Vec<&'a T> {
        let mut all: Vec<&T> = list.iter().collect();
        for at in 0..count.min(all.len()) {
            let other = at + self.below(all.len() - at);
            all.swap(at, other);
        }
        all.truncate(count);
        all
    }

    /// A Poisson number of events with this mean.
    pub(crate) fn poisson(&mut self, mean: f64) -> usize {
        if mean <= 0.0 {
            return 0;
        }
        // Most minutes of most workloads are empty: a single number decides.
        if mean < 0.05 {
            let u = self.unit();
            return usize::from(u < mean - mean * mean / 2.0) + usize::from(u < mean * mean / 2.0);
        }
        Poisson::new(mean.min(1e9)).map_or(0, |poisson| poisson.sample(&mut self.0) as usize)
    }

    /// Standard normal.
    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Log-normal with this median; `sigma` is the standard deviation of the natural logarithm.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        match rand_distr::LogNormal::new(0.0, sigma) {
            Ok(law) => median * law.sample(&mut self.0),
            Err(_) => median,
        }
    }

    /// Exponential with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.0);
        mean * unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 40_000;

    fn mean(mut of: impl FnMut(&mut Draw) -> f64) -> f64 {
        let mut draw = Draw::new(7, 1);
        (0..DRAWS).map(|_| of(&mut draw)).sum::<f64>() / DRAWS as f64
    }

    #[test]
    fn draws_have_their_means() {
        for expected in [0.003, 0.04, 0.7, 5.0, 40.0] {
            let got = mean(|draw| draw.poisson(expected) as f64);
            let error = (expected / DRAWS as f64).sqrt();
            assert!((got - expected).abs() < 5.0 * error, "{got} for {expected}");
        }
        assert!((mean(Draw::unit) - 0.5).abs() < 0.01);
        assert!((mean(|draw| draw.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!((mean(|draw| draw.whole(-2, 4) as f64) - 1.0).abs() < 0.05);
        let half = mean(|draw| f64::from(u8::from(draw.log_normal(9.0, 1.1) < 9.0)));
        assert!((half - 0.5).abs() < 0.015, "{half} lie below the median");
    }

    #[test]
    fn whole_numbers_reach_both_ends_and_nothing_else() {
        let mut draw = Draw::new(1, 2);
        let seen: std::collections::BTreeSet<i64> = (0..2000).map(|_| draw.whole(3, 9)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((draw.below(0), draw.whole(5, 5)), (0, 5));
    }

    #[test]
    fn a_sample_repeats_nothing() {
        let list: Vec<u32> = (0..30).collect();
        let sample = Draw::new(3, 4).sample(&list, 12);
        let different: std::collections::BTreeSet<_> = sample.iter().collect();
        assert_eq!((sample.len(), different.len()), (12, 12));
        assert_eq!(Draw::new(3, 4).sample(&list, 99).len(), 30);
    }

    #[test]
    fn streams_differ_by_purpose_account_and_slot() {
        let seeds = Seeds::account(1, 0);
        let keys =
            [seeds.key("job", 0), seeds.key("job", 1), seeds.key("person", 0), Seeds::account(1, 1).key("job", 0)];
        let different: std::collections::BTreeSet<u64> = keys.iter().map(|key| Draw::new(*key, 0).bits()).collect();
        assert_eq!(different.len(), keys.len());
        assert_ne!(Draw::new(keys[0], 0).bits(), Draw::new(keys[0], 1).bits());
        assert_eq!(Draw::new(keys[0], 5).bits(), Draw::new(keys[0], 5).bits());
    }
}
