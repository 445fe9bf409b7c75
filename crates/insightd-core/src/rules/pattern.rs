//! Case-sensitive globs: `*` matches any text, even an empty one; `?` matches any one character. A pattern
//! matches the whole text.
//!
//! The crate `wildmatch` supports exactly these two wildcards, in linear memory and without unsafe code.
//! `globset` is made for paths (`{`, `[` and `/` are special), and a regular expression needs escaping.
//! Nearly all patterns of rules are literal text around `*`, such as `arn:aws:sts::*:assumed-role/ci` or
//! `*prowler*`. Comparing and searching those as bytes is ten times faster; `wildmatch` handles only patterns
//! with a `?`.

use memchr::memmem::Finder;
use wildmatch::WildMatch;

/// Longest pattern, bytes. Matching costs at most pattern times text.
pub(crate) const PATTERN_BYTES_MAX: usize = 1024;

/// A glob that matches a whole text.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Box<str>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// No wildcard at all.
    Exact,
    /// The number of bytes before the first wildcard and after the last one, and what is between.
    Wild { prefix: usize, suffix: usize, middle: Middle },
}

/// From the first wildcard to the last one.
#[derive(Clone, Debug)]
enum Middle {
    /// `*` alone: the literal texts between them, in order. The leftmost place of each leaves the most to the
    /// next.
    Literals(Vec<Finder<'static>>),
    /// With `?`.
    Glob(WildMatch),
}

impl Middle {
    fn new(text: &str) -> Self {
        if text.contains('?') {
            return Self::Glob(WildMatch::new(text));
        }
        let literals = text.split('*').filter(|literal| !literal.is_empty());
        Self::Literals(literals.map(|literal| Finder::new(literal).into_owned()).collect())
    }

    fn matches(&self, text: &str) -> bool {
        let finders = match self {
            Self::Glob(glob) => return glob.matches(text),
            Self::Literals(finders) => finders,
        };
        let mut rest = text.as_bytes();
        finders.iter().all(|finder| {
            let found = finder.find(rest).map(|at| at + finder.needle().len());
            rest = &rest[found.unwrap_or_default()..];
            found.is_some()
        })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Whether a character is a wildcard.
fn is_wildcard(c: char) -> bool {
    c == '*' || c == '?'
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why the text is not a pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("must not be empty; * matches whatever a record has".to_owned());
        }
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!("has {} bytes, at most {PATTERN_BYTES_MAX}", text.len()));
        }
        let kind = match (text.find(is_wildcard), text.rfind(is_wildcard)) {
            (Some(first), Some(last)) => {
                let middle = Middle::new(&text[first..=last]);
                Kind::Wild { prefix: first, suffix: text.len() - last - 1, middle }
            }
            _ => Kind::Exact,
        };
        Ok(Self { text: text.into(), kind })
    }

    /// Whether it matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        let (prefix, suffix, middle) = match &self.kind {
            Kind::Exact => return *self.text == *text,
            Kind::Wild { prefix, suffix, middle } => (*prefix, *suffix, middle),
        };
        let tail = &self.text[self.text.len() - suffix..];
        // The end of an ARN is more selective than its beginning.
        let rest = text.strip_suffix(tail).and_then(|text| text.strip_prefix(&self.text[..prefix]));
        rest.is_some_and(|rest| middle.matches(rest))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches one text only.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.kind, Kind::Exact)
    }

    /// Whether it matches every text.
    pub(crate) fn is_all(&self) -> bool {
        self.text.bytes().all(|b| b == b'*')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    /// By the definition, in exponential time.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
            (Some(('?', rest)), Some((_, text))) => naive(rest, text),
            (Some((c, rest)), Some((d, text))) => c == d && naive(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_glob_is_what_its_definition_says(glob in "[ab/é*?]{1,8}", text in "[ab/é]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(pattern(&glob).matches(&text), naive(&chars(&glob), &chars(&text)), "{} on {}", glob, text);
        }

        #[test]
        fn no_text_breaks_a_pattern(glob in "\\PC{1,20}", text in "\\PC{0,30}") {
            if let Ok(pattern) = Pattern::parse(&glob) {
                let _ = pattern.matches(&text);
                prop_assert!(!pattern.is_exact() || pattern.matches(&glob));
            }
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_text_with_its_case() {
        let role = "arn:aws:sts::111122223333:assumed-role/ci-runner";
        for (glob, text, matches) in [
            (role, role, true),
            ("arn:aws:sts::*:assumed-role/ci-runner", role, true),
            ("arn:aws:sts::????????????:assumed-role/ci-*", role, true),
            ("arn:aws:sts::???????????:assumed-role/ci-*", role, false),
            ("ci-runner", role, false),
            ("*CI-RUNNER", role, false),
            ("*", "", true),
            ("?", "é", true),
            ("aba*aba", "aba", false),
            ("ab*ba", "aba", false),
            ("[a-z]", "a", false),
            ("{a,b}", "a", false),
        ] {
            assert_eq!(pattern(glob).matches(text), matches, "{glob} on {text}");
        }
    }

    #[test]
    fn empty_and_overlong_patterns_are_refused() {
        assert!(Pattern::parse("").is_err() && Pattern::parse("  ").is_err());
        assert!(Pattern::parse(&"a".repeat(PATTERN_BYTES_MAX)).is_ok());
        assert!(Pattern::parse(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_err());
    }
}
