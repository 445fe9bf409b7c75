//! Numbers and counted things as people write them.

/// Three significant digits below a hundred, no decimals above, commas between thousands. For numbers
/// from 0 on.
pub(crate) fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        return thousands(value.round().max(0.0) as u64);
    }
    let decimals = if value >= 10.0 { 1 } else { 2 };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 call`, `3,204 calls`.
pub(crate) fn counted(count: u64, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", thousands(count))
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_thousands_separators() {
        let table = [
            (0.0, "0"),
            (0.25, "0.25"),
            (1.0, "1"),
            (3.999, "4"),
            (12.34, "12.3"),
            (99.96, "100"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (1_234_567.8, "1,234,568"),
        ];
        for (value, text) in table {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn only_one_is_singular() {
        assert_eq!([0, 1, 2, 3204].map(|n| counted(n, "call")), ["0 calls", "1 call", "2 calls", "3,204 calls"]);
    }
}
