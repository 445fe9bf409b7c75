//! All randomness of a run comes from one seeded generator, in one order.

use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

/// The generator.
#[derive(Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// A generator for this seed; `purpose` separates streams of the same seed.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = Self(Pcg64Mcg::new(u128::from(purpose) << 64 | u128::from(mixed)));
        random.0.next_u64();
        random
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    /// A number in `from..to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        // Draws in any case, so that a probability of 0 does not shift later draws.
        ((self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64) < probability
    }

    /// A random element.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// A time between two numbers of milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }
}
