//! The file of `detect.security`: APIs that attackers need, by ATT&CK technique with its weight, and routine
//! APIs.

use std::collections::BTreeSet;

use insightd_core::detect::decide::security::{Security, Technique};

use super::{Reader, check_name, check_source, document};

/// `config/security.toml`.
pub const BUILT_IN: &str = include_str!("../../../config/security.toml");

/// A weight multiplies calls: an API that weighs more needs no detector.
const WEIGHT_MAX: f64 = 1000.0;

/// Reads the table.
///
/// # Errors
/// Everything that is wrong with it, each with its technique.
pub fn parse(text: &str) -> Result<Security, Vec<String>> {
    let mut errors = Vec::new();
    let mut security = Security::default();
    let mut given = BTreeSet::new();
    if let Some(mut reader) = document(text, &mut errors) {
        let techniques = reader.tables("technique");
        if techniques.is_empty() {
            reader.refuse("holds no [[technique]]");
        }
        for (index, table) in techniques.into_iter().enumerate() {
            let id = table.get("id").and_then(toml::Value::as_str).map_or(String::new(), |id| format!(" ({id})"));
            technique(reader.inside(format!("technique {}{id}", index + 1), table), &mut given, &mut security);
        }
        for (index, table) in reader.tables("routine").into_iter().enumerate() {
            routine(reader.inside(format!("routine {}", index + 1), table), &mut given, &mut security);
        }
        reader.finish(&["version", "technique", "routine"]);
    }
    if errors.is_empty() { Ok(security) } else { Err(errors) }
}

fn technique(mut reader: Reader<'_>, given: &mut BTreeSet<String>, security: &mut Security) {
    let id = reader.required_text("id");
    // Informational.
    let _ = reader.text("name");
    let weight = reader.positive("weight", WEIGHT_MAX);
    let apis = reader.texts("apis");
    let errors = reader.texts("errors");
    if apis.is_empty() && errors.is_empty() {
        reader.refuse("names neither apis nor errors");
    }
    check_apis(&mut reader, &apis, given);
    for error in &errors {
        if error.is_empty() {
            reader.refuse("an error code must not be empty");
        }
        if !given.insert(format!("error {error}")) {
            reader.refuse(format!("error {error:?} is given twice"));
        }
    }
    if let (Some(id), Some(weight)) = (id, weight) {
        let apis = apis.iter().filter_map(|api| api.split_once(':'));
        security.add(Technique { id, weight }, apis, errors.iter().map(String::as_str));
    }
    reader.finish(&["id", "name", "weight", "apis", "errors"]);
}

fn routine(mut reader: Reader<'_>, given: &mut BTreeSet<String>, security: &mut Security) {
    // Informational.
    let _ = reader.text("name");
    let weight = reader.positive("weight", 1.0);
    let apis = reader.texts("apis");
    if apis.is_empty() {
        reader.refuse("names no apis");
    }
    check_apis(&mut reader, &apis, given);
    if let Some(weight) = weight {
        let apis = apis.iter().filter_map(|api| api.split_once(':'));
        security.add(Technique { id: String::new(), weight }, apis, []);
    }
    reader.finish(&["name", "weight", "apis"]);
}

fn check_apis(reader: &mut Reader<'_>, apis: &[String], given: &mut BTreeSet<String>) {
    for api in apis {
        if let Err(reason) = check_api(api) {
            reader.refuse(format!("api {api:?}: {reason}"));
        }
        if !given.insert(format!("api {api}")) {
            reader.refuse(format!("api {api:?} is given twice"));
        }
    }
}

fn check_api(api: &str) -> Result<(), String> {
    let (source, name) =
        api.split_once(':').ok_or("must be eventSource:eventName, such as iam.amazonaws.com:CreateUser")?;
    check_source(source)?;
    check_name(name, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_loads() {
        let security = parse(BUILT_IN).unwrap_or_else(|errors| panic!("{}", errors.join("\n")));
        let of = |source, name, error| security.technique(source, name, error).map(|t| t.id.clone());
        assert_eq!(of("iam.amazonaws.com", "CreateAccessKey", None).as_deref(), Some("T1098"));
        assert_eq!(of("rds.amazonaws.com", "DeleteDBInstance", None).as_deref(), Some("T1485"), "by prefix");
        assert_eq!(of("sqs.amazonaws.com", "ListQueues", Some("AccessDenied")).as_deref(), Some("T1580"), "by error");
        assert_eq!(of("sqs.amazonaws.com", "TagQueue", None), None);
    }

    #[test]
    fn every_error_is_reported_with_its_place() {
        let text = "version = 1\nfoo = 2\n\
            [[technique]]\nid = \"T1\"\nweight = -1\napis = [\"iam:CreateUser\", \"noname\"]\n\
            [[technique]]\nweight = 2\nwieght = 3\napis = [\"a.b:C\", \"a.b:C\"]\n\
            [[technique]]\nid = \"T3\"\nweight = nan\n";
        let errors = parse(text).expect_err("it is wrong").join("\n");
        for wanted in [
            "unknown key foo",
            "technique 1 (T1): weight must be a number above 0",
            "technique 1 (T1): api \"iam:CreateUser\": \"iam\" is no event source",
            "technique 1 (T1): api \"noname\": must be eventSource:eventName",
            "technique 2: id is missing",
            "technique 2: api \"a.b:C\" is given twice",
            "technique 2: unknown key wieght; did you mean weight?",
            "technique 3 (T3): weight must be",
            "technique 3 (T3): names neither",
        ] {
            assert!(errors.contains(wanted), "{wanted} is not in:\n{errors}");
        }
    }

    #[test]
    fn an_unknown_version_or_an_empty_table_is_refused() {
        for (text, wanted) in [
            ("version = 2\n", "version 2 is not known"),
            ("[[technique]]\n", "version is missing"),
            ("version = \n", "line 1 is not TOML"),
            ("version = 1\n", "holds no [[technique]]"),
            ("version = 1\ntechnique = 3\n", "must be a list of tables"),
        ] {
            let errors = parse(text).expect_err("it is wrong").join("\n");
            assert!(errors.contains(wanted), "{text:?}: {errors}");
        }
    }
}
