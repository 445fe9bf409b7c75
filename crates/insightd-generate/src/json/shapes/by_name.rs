//! The form of an API by the words of its name, in the manner of AWS's JSON services: `CreateThing` takes a
//! `thingName` and answers with a `thing`.

use crate::call::Api;
use crate::random::digest;

/// Verbs that create or change a resource and return it.
const MAKES: [&str; 12] =
    ["Create", "Update", "Modify", "Put", "Start", "Register", "Restore", "Copy", "Publish", "Enable", "Import", "Run"];
/// Verbs that remove a resource.
const TAKES: [&str; 12] = [
    "Delete",
    "Terminate",
    "Stop",
    "Remove",
    "Deregister",
    "Detach",
    "Disable",
    "Revoke",
    "Release",
    "Cancel",
    "Disassociate",
    "Unsubscribe",
];
/// Verbs that list resources: the resource is in the plural.
const LISTS: [&str; 7] = ["Describe", "List", "Get", "Search", "Query", "Scan", "Lookup"];
/// Properties of a resource; the parameter names the resource.
const ASPECTS: [&str; 6] = ["Summary", "Status", "Attributes", "Configuration", "Config", "Details"];

/// Templates of the parameters and of the answer.
pub(crate) fn form(api: &Api) -> (String, String) {
    let (verb, object) = words(api.name);
    let object = camel(ASPECTS.iter().find_map(|aspect| object.strip_suffix(aspect)).unwrap_or(object));
    let one = object.strip_suffix('s').unwrap_or(&object);
    let parameters = match () {
        () if api.read && object.starts_with("tags") => {
            r#"{"resourceArn":"arn:aws:<service>:<region>:<account>:<name>"}"#.to_owned()
        }
        () if LISTS.contains(&verb) && object.ends_with('s') => all(api, one),
        () if api.read => format!(r#"{{"{one}Name":"<name>"}}"#),
        () if TAKES.contains(&verb) => format!(r#"{{"{one}Name":"<name>","clientRequestToken":"<uuid>"}}"#),
        () => format!(
            r#"{{"{one}Name":"<name>","description":"managed by <caller-name>","clientRequestToken":"<uuid>","tags":[{{"key":"environment","value":"<one:production|staging|development>"}},{{"key":"owner","value":"<person>"}}]}}"#
        ),
    };
    let answer = match () {
        () if api.read => "null".to_owned(),
        () if api.service == "ec2" => r#"{"requestId":"<request>","_return":true}"#.to_owned(),
        () if MAKES.contains(&verb) => format!(
            r#"{{"{one}":{{"{one}Name":"<name>","arn":"arn:aws:<service>:<region>:<account>:{one}/<name>","status":"<one:CREATING|ACTIVE|UPDATING>","createdAt":"<date>","revisionId":"<uuid#revision>"}}}}"#
        ),
        () => "null".to_owned(),
    };
    (parameters, answer)
}

/// Listing all resources. More than half of 300 such APIs in published records have no parameter.
fn all(api: &Api, one: &str) -> String {
    match (api.service, digest(api.name) % 5) {
        ("ec2", _) => format!(r#"{{"{one}Set":{{}},"filterSet":{{}}}}"#),
        (_, 0..3) => "null".to_owned(),
        _ => r#"{"maxResults":<one:20|50|100|1000>}"#.to_owned(),
    }
}

/// The first word of a name, and the rest without the date of the API's version that some services add.
fn words(name: &str) -> (&str, &str) {
    let end =
        name.char_indices().skip(1).find(|(_, letter)| letter.is_ascii_uppercase()).map_or(name.len(), |(at, _)| at);
    let (verb, object) = name.split_at(end);
    let undated = object.trim_end_matches("v2").trim_end_matches(|letter: char| letter.is_ascii_digit());
    (verb, undated)
}

fn camel(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "resource".to_owned(),
    }
}
