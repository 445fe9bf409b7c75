//! Colour and numbers in what people read.

use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;

/// Whether styles show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Text alone.
    Plain,
    /// With ANSI escapes.
    Color,
}

impl Paint {
    /// For standard output: colour where it is a terminal that has it and `NO_COLOR` is not set (`CLICOLOR_FORCE` overrules the first).
    pub fn for_stdout() -> Self {
        match AutoStream::choice(&std::io::stdout()) {
            ColorChoice::Never => Self::Plain,
            ColorChoice::Auto | ColorChoice::Always | ColorChoice::AlwaysAnsi => Self::Color,
        }
    }

    /// The text in this style.
    pub fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Color => format!("{style}{text}{style:#}"),
        }
    }

    /// Set back.
    pub fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// Brought forward.
    pub fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }
}

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// A number as people write it: three significant digits below a hundred, none after the point above, commas between thousands.
pub(super) fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        return thousands(value.round().max(0.0) as u64);
    }
    let decimals = if value >= 10.0 { 1 } else { 2 };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
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
    fn plain_text_has_no_escapes_and_coloured_text_ends_its_style() {
        let red = AnsiColor::Red.on_default();
        assert_eq!(Paint::Plain.paint(red, "x"), "x");
        assert_eq!(Paint::Color.paint(red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
