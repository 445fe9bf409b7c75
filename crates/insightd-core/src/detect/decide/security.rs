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

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Security {
        let mut security = Security::default();
        let technique = |id: &str, weight| Technique { id: id.into(), weight };
        security.add(technique("T1098", 3.0), [("iam.amazonaws.com", "AttachUserPolicy")], []);
        security.add(technique("T1087", 2.0), [("iam.amazonaws.com", "List*")], ["AccessDenied"]);
        security.add(technique("T1069", 1.5), [("iam.amazonaws.com", "ListGroups*")], []);
        security.add(technique("", 0.5), [("iam.amazonaws.com", "ListUsers")], []);
        security
    }

    /// If it breaks, what attackers need weighs no more than what everybody calls.
    #[test]
    fn an_exact_api_comes_before_a_prefix_and_an_error() {
        let table = table();
        let id = |source, name, error| table.technique(source, name, error).map(|technique| &*technique.id);
        assert_eq!(id("iam.amazonaws.com", "AttachUserPolicy", Some("AccessDenied")), Some("T1098"));
        assert_eq!(id("iam.amazonaws.com", "ListUsers", None), Some(""), "its own entry, not the prefix");
        assert_eq!(id("iam.amazonaws.com", "ListGroupsForUser", None), Some("T1087"), "the first prefix added");
        assert_eq!(id("iam.amazonaws.com", "GetUser", Some("AccessDenied")), Some("T1087"), "by its error");
        assert_eq!(id("iam.amazonaws.com", "GetUser", Some("NoSuchEntity")), None);
        assert_eq!(id("iam.amazonaws.com", "AttachUserPolicyX", None), None, "an exact name is no prefix");
        assert_eq!(id("s3.amazonaws.com", "ListBuckets", None), None, "a prefix holds in its own service");
        assert_eq!(id("s3.amazonaws.com", "AttachUserPolicy", None), None);
        assert_eq!(table.technique("iam.amazonaws.com", "ListUsers", None).map(|routine| routine.weight), Some(0.5));
    }
}
