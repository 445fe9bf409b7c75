//! Logarithms of tail probabilities, valid far beyond the point where the probabilities themselves underflow
//! to zero.

use std::f64::consts::{LN_2, LN_10, PI};

use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

/// Beyond this the complementary error function loses digits, and an asymptotic series is exact enough.
const FAR: f64 = 25.0;
/// Maximum number of terms of the continued fraction, which needs about the square root of the larger
/// parameter.
const TERMS_MAX: usize = 100_000;

/// `ln P(Z >= z)` of a standard normal Z.
pub fn normal_ln_sf(z: f64) -> f64 {
    if z < FAR {
        return (0.5 * erfc(z / std::f64::consts::SQRT_2)).ln();
    }
    // Asymptotic series of Mills' ratio. The first omitted term is below 1e-11 here.
    let s = z.powi(-2);
    -0.5 * z * z - (z * (2.0 * PI).sqrt()).ln() + (s * (-1.0 + s * (3.0 + s * (-15.0 + s * 105.0)))).ln_1p()
}

/// A negative binomial (Gamma-Poisson) distribution: counts with a variance above their mean.
#[derive(Clone, Copy, Debug)]
pub struct NegativeBinomial {
    size: f64,
    /// Probability of a success; `mean = size (1 - p) / p`.
    success: f64,
}

impl NegativeBinomial {
    /// Fits by moments as the reference script for labeled counts does: a mean of at least 1e-3, a size from
    /// 1e-3 to 1e7 (in effect Poisson).
    pub fn by_moments(mean: f64, variance: f64) -> Self {
        let mean = mean.max(1e-3);
        let size = (mean * mean / (variance - mean).max(1e-6 * mean)).clamp(1e-3, 1e7);
        Self { size, success: size / (size + mean) }
    }

    /// `ln P(X >= count)`.
    pub fn ln_at_least(self, count: f64) -> f64 {
        if count <= 0.0 { 0.0 } else { ln_beta_regularized(count, self.size, 1.0 - self.success, self.success) }
    }

    /// `ln P(X <= count)`.
    pub fn ln_at_most(self, count: f64) -> f64 {
        ln_beta_regularized(self.size, count + 1.0, self.success, 1.0 - self.success)
    }
}

/// `ln I_x(a, b)` of the regularized incomplete beta function; `rest` is `1 - x`.
///
/// The continued fraction by Lentz's method (Press et al., Numerical Recipes, 6.4). Its factor stays a
/// logarithm, so a tail of 10^-1000 is represented as well as any other.
fn ln_beta_regularized(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return (-ln_beta_fraction(b, a, rest, x).exp()).ln_1p();
    }
    ln_beta_fraction(a, b, x, rest)
}

fn ln_beta_fraction(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    let front = a * x.ln() + b * rest.ln() - a.ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let nonzero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..TERMS_MAX {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            last = c * d;
            fraction *= last;
        }
        if (last - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front + fraction.ln()
}

/// Score of the logarithm of a one-sided tail: -log10 of the tail.
pub fn score(ln_tail: f64) -> f64 {
    -ln_tail.min(0.0) / LN_10
}

/// Score of the smaller of two tails, doubled because both sides were tested.
pub fn two_sided(ln_tail: f64) -> f64 {
    score(ln_tail + LN_2)
}
