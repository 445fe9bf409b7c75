//! The parameters, answer and resources of each API. Forms follow published records: names and nesting are
//! AWS's, values are slots ([`super::template`]).
//!
//! An API without a form gets one derived from the words of its name ([`by_name`]).

mod by_name;
mod compute;
mod form;
mod identity;
mod operations;
mod storage;

use hashbrown::HashMap;
use std::sync::OnceLock;

use self::form::Form;
use super::template::Template;
use crate::call::Api;

/// What varies by API in a record.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) parameters: Template,
    pub(crate) answer: Template,
    pub(crate) resources: Option<Template>,
}

impl Shape {
    /// The shape of an API.
    pub(crate) fn of(api: &Api) -> Self {
        match known().get(&(api.service, api.name)) {
            Some(form) => Self::new(form.parameters, form.answer, form.resources),
            None => {
                let (parameters, answer) = by_name::form(api);
                Self::new(&parameters, &answer, "")
            }
        }
    }

    fn new(parameters: &str, answer: &str, resources: &str) -> Self {
        let resources = (!resources.is_empty()).then(|| Template::new(resources));
        Self { parameters: Template::new(parameters), answer: Template::new(answer), resources }
    }
}

fn known() -> &'static HashMap<(&'static str, &'static str), &'static Form> {
    static KNOWN: OnceLock<HashMap<(&str, &str), &Form>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let named = |form: &'static Form| form.names.split(' ').map(move |name| ((form.service, name), form));
        all().flat_map(named).collect()
    })
}

fn all() -> impl Iterator<Item = &'static Form> {
    [compute::FORMS, identity::FORMS, operations::FORMS, storage::FORMS].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::template::EXAMPLE;

    #[test]
    fn every_form_is_json_and_no_api_has_two() {
        let mut seen = std::collections::BTreeSet::new();
        for form in all() {
            for name in form.names.split(' ') {
                assert!(seen.insert((form.service, name)), "{} {name} has two forms", form.service);
            }
            for (what, text) in
                [("parameters", form.parameters), ("answer", form.answer), ("resources", form.resources)]
            {
                let mut filled = Vec::new();
                Template::new(text).fill(&EXAMPLE, &mut filled);
                let json = serde_json::from_slice::<serde_json::Value>(&filled);
                assert!(json.is_ok() || text.is_empty(), "{} {what}: {}", form.names, String::from_utf8_lossy(&filled));
            }
        }
        assert!(seen.len() > 150, "{}", seen.len());
    }

    #[test]
    fn every_name_has_a_form_that_is_json() {
        for (name, read) in [
            ("DescribeThings", true),
            ("ListTags20170331", true),
            ("CreateThing20181031v2", false),
            ("DeleteThing", false),
            ("UpdateThing", false),
            ("Odd", false),
            ("X", true),
        ] {
            let (parameters, answer) = by_name::form(&Api { service: "glue", name, read });
            for text in [parameters, answer] {
                let mut filled = Vec::new();
                Template::new(&text).fill(&EXAMPLE, &mut filled);
                assert!(serde_json::from_slice::<serde_json::Value>(&filled).is_ok(), "{name}: {text}");
                assert!(!text.contains("2017") && !text.contains("2018"), "{text}");
            }
        }
    }
}
