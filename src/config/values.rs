//! Values as written, and a parser for each kind. Environment variables are always text, so every parser
//! accepts text too.

use std::time::Duration;

use bytesize::ByteSize;

use super::mask;

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Raw>),
    /// A value that no key accepts (a date, a table in a list, an empty section), as text for the error.
    Other(String),
}

impl Raw {
    /// The value as shown in errors, secrets masked. Masks before quoting, which would escape the quotes of
    /// secrets.
    pub(super) fn show(&self, key: &str) -> String {
        match self {
            Self::Bool(value) => mask::value(key, &value.to_string()),
            Self::Integer(value) => mask::value(key, &value.to_string()),
            Self::Float(value) => mask::value(key, &value.to_string()),
            Self::Text(value) => format!("{:?}", mask::value(key, value)),
            Self::List(values) => format!("[{}]", values.iter().map(|v| v.show(key)).collect::<Vec<_>>().join(", ")),
            Self::Other(text) => mask::value(key, text),
        }
    }
}

type Parsed<T> = Result<T, String>;

/// `true` or `false`.
pub(super) fn flag(raw: &Raw) -> Parsed<bool> {
    match raw {
        Raw::Bool(value) => Ok(*value),
        Raw::Text(text) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
        Raw::Text(text) if text.trim().eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// A whole number, also with underscores between digits as in TOML.
pub(super) fn whole(raw: &Raw) -> Option<i128> {
    match raw {
        Raw::Integer(value) => Some(*value),
        Raw::Text(text) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

/// A number.
pub(super) fn real(raw: &Raw) -> Option<f64> {
    match raw {
        Raw::Integer(value) => Some(*value as f64),
        Raw::Float(value) => Some(*value),
        Raw::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Text in quotes. A number in the file is refused: 000123456789 would lose its zeros.
pub(super) fn text(raw: &Raw) -> Parsed<String> {
    match raw {
        Raw::Text(text) => Ok(text.trim().to_owned()),
        _ => Err("must be a text in quotes".to_owned()),
    }
}

/// A list of texts. A single text is split at commas, unless it is itself a TOML array (for patterns with a
/// comma).
pub(super) fn list(raw: &Raw) -> Parsed<Vec<String>> {
    let items = match raw {
        Raw::List(items) => items.iter().map(text).collect::<Parsed<Vec<_>>>(),
        // "[::1]:9092" begins with a bracket too.
        Raw::Text(written) if written.trim_start().trim_start_matches(['[', ' ']).starts_with(['"', '\'']) => {
            toml_array(written).ok_or_else(|| "begins with [ but is not a TOML array of texts".to_owned())
        }
        Raw::Text(written) => Ok(written.split(',').map(|item| item.trim().to_owned()).collect()),
        _ => Err("must be a list of texts, or one text with commas".to_owned()),
    }?;
    match items.iter().any(String::is_empty) || items.is_empty() {
        true => Err("must not be empty or contain an empty item".to_owned()),
        false => Ok(items),
    }
}

fn toml_array(written: &str) -> Option<Vec<String>> {
    let document: toml::Table = format!("list = {written}").parse().ok()?;
    document.get("list")?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A duration with its unit; 0 needs none.
pub(super) fn duration(raw: &Raw) -> Parsed<Duration> {
    let wrong = || "must be a duration with its unit, such as 100ms, 45s, 10min, 36h or 7d".to_owned();
    match raw {
        Raw::Integer(0) => Ok(Duration::ZERO),
        Raw::Text(text) => humantime::parse_duration(text.trim()).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// A size in bytes.
pub(super) fn size(raw: &Raw) -> Parsed<u64> {
    let wrong = || "must be a size such as 512 KiB or 32 MiB, or a number of bytes".to_owned();
    match raw {
        Raw::Integer(bytes) => u64::try_from(*bytes).map_err(|_| wrong()),
        Raw::Text(text) => text.trim().replace('_', "").parse().map(|ByteSize(bytes)| bytes).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// A duration as `config/default.toml` writes it: in the largest unit that needs no fraction.
pub(super) fn show_duration(duration: Duration) -> String {
    const UNITS: [(u128, &str); 7] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let nanos = duration.as_nanos();
    let whole = UNITS.iter().find(|(unit, _)| nanos > 0 && nanos.is_multiple_of(*unit));
    whole.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", nanos / unit))
}

/// A size as `config/default.toml` writes it: in the largest unit that needs no fraction.
pub(super) fn show_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = UNITS.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{bytes} B"), |(unit, name)| format!("{} {name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_shown_duration_reads_back(nanos in any::<u64>()) {
            let written = Duration::from_nanos(nanos);
            prop_assert_eq!(duration(&Raw::Text(show_duration(written))), Ok(written));
        }

        #[test]
        fn a_shown_size_reads_back(bytes in any::<u64>()) {
            prop_assert_eq!(size(&Raw::Text(show_size(bytes))), Ok(bytes));
        }

        #[test]
        fn no_text_breaks_a_parser(text in "\\PC{0,30}") {
            let raw = Raw::Text(text);
            let _ = (flag(&raw), whole(&raw), real(&raw), list(&raw), duration(&raw), size(&raw));
        }
    }

    #[test]
    fn durations_and_sizes_are_shown_in_the_largest_whole_unit() {
        let shown = [0, 100, 1000, 90_000, 600_000, 129_600_000, 604_800_000]
            .map(|ms| show_duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["0s", "100ms", "1s", "90s", "10min", "36h", "7d"]);
        assert_eq!([0, 1, 1024, 1536, 32 << 20].map(show_size), ["0 B", "1 B", "1 KiB", "1536 B", "32 MiB"]);
    }
}
