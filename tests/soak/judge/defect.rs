//! Damages the insights that the judge read, to show that the judge detects it.

use clap::ValueEnum;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::Line;
use super::fold::event_id;

/// The damage to one insight.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Defect {
    /// The insight is missing.
    Drop,
    /// The insight occurs twice.
    Repeat,
    /// One digit of the insight differs.
    Digit,
}

/// Damages one insight. Returns a description.
pub fn damage(found: &mut Vec<Line>, defect: Defect, seed: u64) -> String {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut below = |most: usize| (random.next_u64() % most as u64) as usize;
    assert!(!found.is_empty(), "no insight to damage");
    let chosen = below(found.len());
    let name = format!("insight {} of account {} at {}", found[chosen].id, found[chosen].of, found[chosen].at);
    match defect {
        Defect::Drop => {
            found.remove(chosen);
            format!("dropped {name}")
        }
        Defect::Repeat => {
            let again = found[chosen].clone();
            let at = chosen + 1 + below(found.len() - chosen);
            found.insert(at, again);
            format!("repeated {name}")
        }
        Defect::Digit => {
            let line = &mut found[chosen];
            let digits: Vec<usize> =
                line.text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(n, _)| n).collect();
            let at = digits[below(digits.len())];
            let digit = line.text.as_bytes()[at] - b'0';
            let other = (digit + 1 + below(9) as u8) % 10;
            line.text.replace_range(at..=at, &other.to_string());
            line.id = event_id(&line.text).to_owned();
            format!("made byte {at} a {other} instead of a {digit} in {name}")
        }
    }
}
