//! The table of security-relevant APIs, by ATT&CK technique, and of routine ones: a versioned part of the configuration.

use hashbrown::HashMap;

/// One technique of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Technique {
    /// ATT&CK id, such as `T1098`; empty for what is routine.
    pub id: String,
    /// How many ordinary calls one of these weighs: more than 1 for what attackers need, less for what everything new calls anyway.
    pub weight: f64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Security {
    techniques: Vec<Technique>,
    apis: HashMap<(Box<str>, Box<str>), usize>,
    prefixes: Vec<(Box<str>, Box<str>, usize)>,
    errors: HashMap<Box<str>, usize>,
}

impl Security {
    /// Adds a technique with its APIs (event source and name; a name that ends with `*` stands for all that begin so) and its error
    /// codes of any API.
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

    /// The technique that a series stands for, if it is in the table.
    pub fn technique(&self, source: &str, name: &str, error: Option<&str>) -> Option<&Technique> {
        let exact = self.apis.get(&(source.into(), name.into()));
        let by_prefix =
            || self.prefixes.iter().find(|(s, p, _)| **s == *source && name.starts_with(&**p)).map(|(_, _, at)| at);
        let by_error = || error.and_then(|code| self.errors.get(code));
        exact.or_else(by_prefix).or_else(by_error).map(|&at| &self.techniques[at])
    }
}
