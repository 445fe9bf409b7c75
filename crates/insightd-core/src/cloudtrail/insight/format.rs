//! The formats in which an insight is published. A format is one constant and its place in [`Format::ALL`]:
//! configuration, command line, stream and documentation read the list.

use std::fmt;

use super::{Insight, eventbridge};

/// The JSON in which an insight is published: `output.format`, and `--format` of `insightd replay`.
#[derive(Clone, Copy)]
pub struct Format {
    name: &'static str,
    about: &'static str,
    /// Appends one JSON object without a newline; the flag adds the fields of `--explain`.
    write: fn(&Insight, &mut Vec<u8>, bool),
}

impl Format {
    /// The record alone, as AWS writes it to a trail's bucket.
    pub const CLOUDTRAIL: Self = Self {
        name: "cloudtrail",
        about: "The bare record, as in a trail's S3 files",
        write: |insight, out, explain| insight.write_json(out, explain),
    };

    /// The record as `detail` of an EventBridge event.
    pub const EVENTBRIDGE: Self = Self {
        name: "eventbridge",
        about: "The record as `detail` of an EventBridge event",
        write: eventbridge::write,
    };

    /// Every format.
    pub const ALL: [Self; 2] = [Self::CLOUDTRAIL, Self::EVENTBRIDGE];

    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name == name)
    }

    /// The name in the configuration and on the command line.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// One line of help.
    pub fn about(self) -> &'static str {
        self.about
    }

    /// Appends the insight as one JSON object, without a newline. With `explain` its record has two more
    /// top-level fields.
    pub fn write(self, insight: &Insight, out: &mut Vec<u8>, explain: bool) {
        (self.write)(insight, out, explain);
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_own_name() {
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Some(format));
        }
        assert_eq!(Format::named("avro"), None);
    }
}
