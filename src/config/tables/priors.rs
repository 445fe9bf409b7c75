//! The file of `detect.priors`: how often, and by how much, each API exceeds three standard deviations in an
//! account without data of its own. `insightd backtest --learn-priors` writes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use insightd_core::detect::statistics::prior::{Prior, Priors, ViewPriors};

use super::{Reader, check_name, check_source, document};

/// `config/priors.toml`.
pub const BUILT_IN: &str = include_str!("../../../config/priors.toml");

/// The mean excess is a logarithm: 100 is already a factor of 10^43.
const EXCESS_MAX: f64 = 100.0;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Event source and event name; `None` for an error code of any API.
    pub api: Option<(String, String)>,
    /// Error code of an error-rate series.
    pub error: Option<String>,
    /// Expected rate and excess of both views.
    pub pair: ViewPriors,
    /// Number of incidents that it was learned from, both views together; informational.
    pub incidents: f64,
}

/// Reads the table.
///
/// # Errors
/// Everything that is wrong with it, each with its entry.
pub fn parse(text: &str) -> Result<Priors, Vec<String>> {
    let mut errors = Vec::new();
    let mut priors = Priors::default();
    if let Some(mut reader) = document(text, &mut errors) {
        if let Some(table) = reader.left.remove("default") {
            match table.try_into() {
                Ok(table) => default(reader.inside("default".to_owned(), table), &mut priors),
                Err(_) => reader.refuse("default must be a table"),
            }
        }
        let mut given = BTreeSet::new();
        for (index, table) in reader.tables("error").into_iter().enumerate() {
            error(reader.inside(format!("error {}", index + 1), table), &mut given, &mut priors);
        }
        for (index, table) in reader.tables("api").into_iter().enumerate() {
            api(reader.inside(format!("api {}", index + 1), table), &mut given, &mut priors);
        }
        reader.finish(&["version", "default", "error", "api"]);
    }
    if errors.is_empty() { Ok(priors) } else { Err(errors) }
}

fn default(mut reader: Reader<'_>, priors: &mut Priors) {
    if let Some(pair) = pair(&mut reader) {
        priors.set_default(pair);
    }
    reader.finish(&["burst", "slow"]);
}

fn error(mut reader: Reader<'_>, given: &mut BTreeSet<String>, priors: &mut Priors) {
    let code = reader.required_text("error");
    let pair = pair(&mut reader);
    let _ = reader.left.remove("incidents");
    if let (Some(code), Some(pair)) = (code, pair) {
        if !given.insert(code.clone()) {
            reader.refuse(format!("{code} is given twice"));
        }
        priors.set_error(&code, pair);
    }
    reader.finish(&["error", "burst", "slow", "incidents"]);
}

fn api(mut reader: Reader<'_>, given: &mut BTreeSet<String>, priors: &mut Priors) {
    let source = reader.required_text("source");
    let name = reader.required_text("name");
    let error = reader.text("error");
    let pair = pair(&mut reader);
    let _ = reader.left.remove("incidents");
    if let (Some(source), Some(name)) = (&source, &name) {
        for check in [check_source(source), check_name(name, false)] {
            if let Err(reason) = check {
                reader.refuse(reason);
            }
        }
        let error = error.as_deref().unwrap_or_default();
        if !given.insert(format!("{source}:{name}:{error}")) {
            reader.refuse(format!("{source}:{name} {error} is given twice"));
        }
        if let Some(pair) = pair {
            priors.set(source, name, error, pair);
        }
    }
    reader.finish(&["source", "name", "error", "burst", "slow", "incidents"]);
}

fn pair(reader: &mut Reader<'_>) -> Option<ViewPriors> {
    let burst = prior(reader, "burst");
    let slow = prior(reader, "slow");
    Some(ViewPriors { burst: burst?, slow: slow? })
}

fn prior(reader: &mut Reader<'_>, view: &str) -> Option<Prior> {
    let Some(Ok(table)) = reader.left.remove(view).map(toml::Value::try_into) else {
        reader.refuse(format!("{view} must be a table, such as {{ rate = 2e-3, excess = 0.33 }}"));
        return None;
    };
    let mut reader = reader.inside(view.to_owned(), table);
    // There is at most one exceedance a minute.
    let rate = reader.positive("rate", 1.0);
    let excess = reader.positive("excess", EXCESS_MAX);
    reader.finish(&["rate", "excess"]);
    Some(Prior { rate: rate?, excess: excess? })
}

/// Writes a table that [`parse`] reads, with the entries in the given order; `head` is a comment of one or
/// more lines.
pub fn write(head: &str, default: ViewPriors, entries: &[Entry]) -> String {
    let mut text = String::new();
    for line in head.lines() {
        let line = line.trim_end();
        let gap = if line.is_empty() { "" } else { " " };
        let _ = writeln!(text, "#{gap}{line}");
    }
    let _ = write!(text, "\nversion = 1\n\n[default]\n{}", views(&default));
    for entry in entries {
        let _ = writeln!(text, "\n[[{}]]", if entry.api.is_some() { "api" } else { "error" });
        if let Some((source, name)) = &entry.api {
            let _ = writeln!(text, "source = {}\nname = {}", quoted(source), quoted(name));
        }
        if let Some(error) = &entry.error {
            let _ = writeln!(text, "error = {}", quoted(error));
        }
        let _ = writeln!(text, "{}incidents = {}", views(&entry.pair), entry.incidents.round());
    }
    text
}

fn views(pair: &ViewPriors) -> String {
    let line =
        |view: &str, prior: &Prior| format!("{view} = {{ rate = {:.3e}, excess = {:.4} }}\n", prior.rate, prior.excess);
    line("burst", &pair.burst) + &line("slow", &pair.slow)
}

fn quoted(text: &str) -> toml::Value {
    toml::Value::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rate: f64) -> ViewPriors {
        ViewPriors { burst: Prior { rate, excess: 0.5 }, slow: Prior { rate: rate / 2.0, excess: 0.25 } }
    }

    #[test]
    fn the_built_in_table_loads() {
        parse(BUILT_IN).unwrap_or_else(|errors| panic!("{}", errors.join("\n")));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let entry = |api: Option<(&str, &str)>, error: Option<&str>, rate| Entry {
            api: api.map(|(source, name)| (source.to_owned(), name.to_owned())),
            error: error.map(str::to_owned),
            pair: of(rate),
            incidents: 12.0,
        };
        let entries = [
            entry(None, Some("Odd \"code\""), 1e-3),
            entry(Some(("iam.amazonaws.com", "CreateUser")), None, 2e-4),
            entry(Some(("iam.amazonaws.com", "CreateUser")), Some("AccessDenied"), 4e-5),
        ];
        let text = write("a head\n\nof three lines", of(1e-2), &entries);
        assert!(text.starts_with("# a head\n#\n# of three lines\n"), "{text}");
        let read = parse(&text).unwrap_or_else(|errors| panic!("{}\n{text}", errors.join("\n")));
        assert_eq!(read.lookup("iam.amazonaws.com", "CreateUser", None), of(2e-4));
        assert_eq!(read.lookup("iam.amazonaws.com", "CreateUser", Some("AccessDenied")), of(4e-5));
        assert_eq!(read.lookup("iam.amazonaws.com", "DeleteUser", Some("Odd \"code\"")), of(1e-3));
        assert_eq!(read.lookup("iam.amazonaws.com", "DeleteUser", None), of(1e-2));
    }

    #[test]
    fn every_error_is_reported_with_its_place() {
        let good = "burst = { rate = 1e-3, excess = 0.3 }\nslow = { rate = 1e-3, excess = 0.3 }\n";
        let text = format!(
            "version = 1\n[default]\nburst = {{ rate = 2, excess = 0.3 }}\n\
             [[error]]\n{good}[[error]]\nerror = \"E\"\n{good}[[error]]\nerror = \"E\"\n{good}\
             [[api]]\nsource = \"IAM\"\nname = \"x y\"\n{good}inzidents = 3\n\
             [[api]]\nname = \"A\"\nburst = {{ rate = 0, excess = inf, more = 1 }}\nslow = 3\n"
        );
        let errors = parse(&text).expect_err("it is wrong").join("\n");
        for wanted in [
            "default: burst: rate must be a number above 0 and up to 1",
            "default: slow must be a table",
            "error 1: error is missing",
            "error 3: E is given twice",
            "api 1: \"IAM\" is no event source",
            "api 1: \"x y\" is no event name",
            "api 1: unknown key inzidents; did you mean incidents?",
            "api 2: source is missing",
            "api 2: burst: rate must be",
            "api 2: burst: excess must be",
            "api 2: burst: unknown key more",
            "api 2: slow must be a table",
        ] {
            assert!(errors.contains(wanted), "{wanted} is not in:\n{errors}");
        }
    }
}
