//! The table `detect.security`: weights of APIs that attackers need, by ATT&CK technique, and of routine
//! APIs. A versioned part of the configuration, which the detector never writes.

use hashbrown::HashMap;

/// One technique of the table, or its group of routine APIs.
#[derive(Clone, Debug, PartialEq)]
pub struct Technique {
    /// ATT&CK id, such as `T1098`; empty for routine APIs.
    pub id: String,
    /// How many ordinary calls one of these calls weighs: more than 1 for what attackers need, less for what
    /// every new principal calls.
    pub weight: f64,
}

/// The table: techniques, and the APIs and error codes that stand for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Security {
    techniques: Vec<Technique>,
    apis: HashMap<(Box<str>, Box<str>), usize>,
    prefixes: Vec<(Box<str>, Box<str>, usize)>,
    errors: HashMap<Box<str>, usize>,
}

impl Security {
    /// Adds a technique with its APIs (event source and name; a final `*` in a name matches any rest) and
    /// with its error codes, which count on any API.
    pub fn add<'a>(
        &mut self,
        technique: Technique,
        apis: impl IntoIterator<Item = (&'a str, &'a str)>,
        errors: impl IntoIterator<Item = &'a str>,
    ) {
        let at = self.techniques.len();
        self.techniques.push(technique);
        for (source, name) in apis {
            match name.strip_suffix('*') {
                Some(prefix) => self.prefixes.push((source.into(), prefix.into(), at)),
                None => {
                    self.apis.insert((source.into(), name.into()), at);
                }
            }
        }
        self.errors.extend(errors.into_iter().map(|code| (code.into(), at)));
    }

    /// The technique of a series: by its exact API, else by prefix (the first added), else by its error code.
    pub fn technique(&self, source: &str, name: &str, error: Option<&str>) -> Option<&Technique> {
        let exact = self.apis.get(&(source.into(), name.into()));
        let by_prefix =
            || self.prefixes.iter().find(|(s, p, _)| **s == *source && name.starts_with(&**p)).map(|(_, _, at)| at);
        let by_error = || error.and_then(|code| self.errors.get(code));
        exact.or_else(by_prefix).or_else(by_error).map(|&at| &self.techniques[at])
    }
}
