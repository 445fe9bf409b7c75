//! Colors on standard output.

#[cfg(feature = "generate")]
use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;

/// Whether to write ANSI escape sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// No escape sequences.
    Plain,
    /// ANSI escape sequences.
    Color,
}

impl Paint {
    /// Color on a terminal that supports it, unless `NO_COLOR` is set. `CLICOLOR_FORCE` also colors what is
    /// not a terminal.
    pub(crate) fn for_stdout() -> Self {
        match AutoStream::choice(&std::io::stdout()) {
            ColorChoice::Never => Self::Plain,
            ColorChoice::Auto | ColorChoice::Always | ColorChoice::AlwaysAnsi => Self::Color,
        }
    }

    /// The text in this style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Color => format!("{style}{text}{style:#}"),
        }
    }

    /// The text in faint color.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// The text in bold type.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }
}

/// Whether standard output is a terminal.
#[cfg(feature = "generate")]
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn only_color_writes_escapes_and_it_resets_them() {
        let red = AnsiColor::Red.on_default();
        assert_eq!(Paint::Plain.paint(red, "x"), "x");
        assert_eq!(Paint::Color.paint(red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
