//! Identifiers, times and numbers as text. Each depends only on its seed.

use crate::random::mix;

const HEX: &[u8; 16] = b"0123456789abcdef";
const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";
/// What follows `AKIA`, `AROA` and the like.
const KEY: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Base64 without `+`, which is rare enough not to be missed, so that six bits are one character.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+";

/// `count` characters of an alphabet of 2^`bits`.
fn push_letters(out: &mut Vec<u8>, mut seed: u64, count: usize, alphabet: &[u8], bits: u32) {
    let mask = alphabet.len() as u64 - 1;
    let per_word = (u64::BITS / bits) as usize;
    let mut left = count;
    while left > 0 {
        let mut word = seed;
        let now = left.min(per_word);
        let at = out.len();
        out.resize(at + now, 0);
        for letter in &mut out[at..] {
            *letter = alphabet[(word & mask) as usize];
            word >>= bits;
        }
        left -= now;
        seed = mix(seed, 1);
    }
}

/// Hexadecimal digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, seed: u64, digits: usize) {
    push_letters(out, seed, digits, HEX, 4);
}

/// Capitals and digits, as in access keys.
pub(crate) fn push_key(out: &mut Vec<u8>, seed: u64, letters: usize) {
    push_letters(out, seed, letters, KEY, 5);
}

/// Base64 letters.
pub(crate) fn push_base64(out: &mut Vec<u8>, seed: u64, letters: usize) {
    push_letters(out, seed, letters, BASE64, 6);
}

/// A random UUID (version 4).
pub(crate) fn push_uuid(out: &mut Vec<u8>, seed: u64, upper: bool) {
    let low = mix(seed, 1);
    let bits = (u128::from(seed) << 64 | u128::from(low)) & !(0xf << 76 | 0xc << 60) | 4 << 76 | 8 << 60;
    let alphabet = if upper { HEX_UPPER } else { HEX };
    let at = out.len();
    out.resize(at + 36, b'-');
    let mut shift = 128;
    for (place, letter) in out[at..].iter_mut().enumerate() {
        if !matches!(place, 8 | 13 | 18 | 23) {
            shift -= 4;
            *letter = alphabet[(bits >> shift & 15) as usize];
        }
    }
}

/// A whole number.
pub(crate) fn push_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn push_two(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

/// A moment of the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    /// Year.
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(crate) day: u32,
    /// 0 to 23.
    pub(crate) hour: u32,
    /// 0 to 59.
    pub(crate) minute: u32,
    /// 0 to 59.
    pub(crate) second: u32,
}

impl Civil {
    /// Of seconds since 1970 (days to civil date by Hinnant's algorithm, "chrono-Compatible Low-Level Date
    /// Algorithms").
    pub(crate) fn of(time: i64) -> Self {
        let (days, second) = (time.div_euclid(86_400) + 719_468, time.rem_euclid(86_400) as u32);
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60 }
    }
}

/// `2023-07-10T11:45:12Z`
pub(crate) fn push_time(out: &mut Vec<u8>, time: i64) {
    let civil = Civil::of(time);
    push_number(out, civil.year.unsigned_abs());
    for (before, value) in
        [(b'-', civil.month), (b'-', civil.day), (b'T', civil.hour), (b':', civil.minute), (b':', civil.second)]
    {
        out.push(before);
        push_two(out, value);
    }
    out.push(b'Z');
}

/// `Jul 10, 2023, 11:45:12 AM`, the form inside parameters and answers.
pub(crate) fn push_date(out: &mut Vec<u8>, time: i64) {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let civil = Civil::of(time);
    out.extend_from_slice(MONTHS[civil.month as usize - 1]);
    out.push(b' ');
    push_number(out, civil.day.into());
    out.extend_from_slice(b", ");
    push_number(out, civil.year.unsigned_abs());
    out.extend_from_slice(b", ");
    push_number(out, u64::from((civil.hour + 11).rem_euclid(12)) + 1);
    out.push(b':');
    push_two(out, civil.minute);
    out.push(b':');
    push_two(out, civil.second);
    out.extend_from_slice(if civil.hour < 12 { b" AM" } else { b" PM" });
}

/// A text as the inside of a JSON string. `<` is escaped as well: it begins a slot in a template.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '<' => out.push_str("\\u003c"),
            control if control < ' ' => {
                out.push_str("\\u00");
                let code = control as usize;
                out.push(char::from(HEX[code >> 4]));
                out.push(char::from(HEX[code & 15]));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for time in [0, 951_782_399, 951_782_400, 1_688_989_512, 1_709_164_800, 1_735_689_599, 4_102_444_800] {
            let expected = jiff::Timestamp::from_second(time).unwrap().to_string();
            assert_eq!(text(|out| push_time(out, time)), expected);
        }
        assert_eq!(text(|out| push_date(out, 1_688_989_512)), "Jul 10, 2023, 11:45:12 AM");
        assert_eq!(text(|out| push_date(out, 1_688_947_200)), "Jul 10, 2023, 12:00:00 AM");
        assert_eq!(text(|out| push_date(out, 1_688_992_509)), "Jul 10, 2023, 12:35:09 PM");
    }

    #[test]
    fn identifiers_have_their_form() {
        let uuid = text(|out| push_uuid(out, 7, false));
        assert_eq!(uuid::Uuid::parse_str(&uuid).unwrap().get_version_num(), 4);
        assert_eq!(text(|out| push_uuid(out, 7, true)), uuid.to_uppercase());
        assert_eq!(text(|out| push_hex(out, 3, 17)).len(), 17);
        assert_eq!(text(|out| push_base64(out, 3, 800)).len(), 800);
        assert!(text(|out| push_key(out, 9, 16)).bytes().all(|b| KEY.contains(&b)));
        for value in [0, 9, 10, u64::MAX] {
            assert_eq!(text(|out| push_number(out, value)), value.to_string());
        }
    }

    #[test]
    fn escaped_texts_are_read_back() {
        for wanted in ["plain", "a\"b\\c", "line\nend\u{1}", "<slot>", "dänà🎉", ""] {
            let json = format!("\"{}\"", escaped(wanted));
            assert!(!json.contains('<'));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), wanted);
        }
    }
}
