//! `[[rules]]` in a file: parsing, errors, and printing.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use insightd::config::{Config, ConfigError, ConfigErrors, Origin, Resolved};
use insightd_core::rules::{Action, Field};

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut written = tempfile::NamedTempFile::new().expect("a file");
    written.write_all(text.as_bytes()).expect("written");
    written
}

fn load(text: &str) -> Result<Resolved, ConfigErrors> {
    Resolved::load(Some(file(text).path()), [])
}

fn sound(text: &str) -> Resolved {
    load(text).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

fn faults(text: &str) -> Vec<ConfigError> {
    load(text).map_or_else(|ConfigErrors(faults)| faults, |_| Vec::new())
}

/// A valid rule with these lines added.
fn rule(name: &str, lines: &str) -> String {
    format!("[[rules]]\nname = \"{name}\"\n{lines}\n")
}

fn starter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules-starter.toml")
}

/// The starter set, activated as its header says: one `#` is removed from the start of each line.
fn active_starter() -> String {
    let text = fs::read_to_string(starter()).expect("config/rules-starter.toml");
    text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_key_of_a_rule_reaches_the_configuration() {
    let text = r#"
[[rules]]
name = "all.of-it_1"
action = "sensitivity"
factor = 0.25
event_source = "ec2.amazonaws.com"
event_name = ["Run*", "StartInstances"]
region = ["eu-*"]
error_code = "*"
invoked_by = "autoscaling.amazonaws.com"
principal = "arn:aws:sts::*:assumed-role/x"
user_agent = "Boto3/1.35.0 (Linux; x, y)"
account = ["000122223333", "9*"]
until = "2030-01-01T00:00:00+02:00"
schedule = ["Sat 22:00-02:00 Europe/Berlin", "03:00-04:00"]
comment = "why"
[[rules]]
name = "second"
action = "drop"
account = "*"
"#;
    let resolved = sound(text);
    let rules: Vec<_> = resolved.config.rules.iter().collect();
    let first = rules[0];
    assert_eq!((&*first.name, first.action), ("all.of-it_1", Action::Sensitivity(0.25)));
    let fields: Vec<Field> = first.conditions.iter().map(|condition| condition.field).collect();
    assert_eq!(fields, Field::ALL);
    let patterns = |field: Field| {
        let condition = first.conditions.iter().find(|condition| condition.field == field).expect("a condition");
        condition.patterns.iter().map(|pattern| pattern.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(patterns(Field::EventName), ["Run*", "StartInstances"]);
    assert_eq!(patterns(Field::UserAgent), ["Boto3/1.35.0 (Linux; x, y)"], "no comma cuts it");
    assert_eq!(first.until, Some(1_893_448_800));
    assert_eq!(
        first.schedule.as_ref().map(ToString::to_string).as_deref(),
        Some("Sat 22:00-02:00 Europe/Berlin, 03:00-04:00")
    );
    assert_eq!((&*rules[1].name, rules[1].action, rules.len()), ("second", Action::Drop, 2));
}

#[test]
fn what_is_printed_is_read_again_to_the_same_rules() {
    let own = "[kafka]\ninstance_id = \"pod-1\"\n[[rules]]\nname = \"x\"\naction = \"mark\"\n\
               principal = \"arn:aws:secretsmanager:eu-west-1:*:dana@example.org\"\nuntil = 2030-01-01T00:00:00Z\ncomment = \"two\\nlines\"\n";
    for text in [own.to_owned(), active_starter()] {
        let resolved = sound(&text);
        let printed = resolved.toml();
        assert!(printed.contains("[[rules]]") && printed.contains(", line "), "{printed}");
        assert_eq!(sound(&printed).config, resolved.config, "{printed}");
    }
}

/// The starter set has no active rule as shipped.
#[test]
fn the_starter_set_loads_once_uncommented() {
    let asleep = Config::load_from(Some(&starter()), []).expect("it is sound");
    assert!(asleep.rules.is_empty());
    let active = sound(&active_starter());
    let text = fs::read_to_string(starter()).expect("config/rules-starter.toml");
    let written = text.lines().filter(|line| *line == "#[[rules]]").count();
    assert_eq!((active.config.rules.iter().len(), written), (9, 9));
    assert_eq!(text.lines().filter(|line| line.starts_with("## Risk: ")).count(), 8, "all but never-quiet have a risk");
    for action in ["exclude", "sensitivity", "mark"] {
        assert!(active.config.rules.iter().any(|rule| rule.action.label() == action), "no rule shows {action}");
    }
    assert!(active.facts().iter().all(|fact| !fact.contains("will probably match nothing")), "{:?}", active.facts());
}

#[test]
fn a_rule_with_a_fault_says_which_key_of_which_rule_and_why() {
    let run = "event_name = \"Run*\"";
    let wrong = [
        ("action = \"mark\"", "rules[1]", "has no condition"),
        (run, "rules[1].action", "is missing"),
        (&format!("action = \"silence\"\n{run}"), "rules[1].action", "exclude, sensitivity, mark or drop"),
        (&format!("action = \"sensitivity\"\n{run}"), "rules[1].factor", "is missing"),
        (&format!("action = \"sensitivity\"\nfactor = 0\n{run}"), "rules[1].factor", "must be a number"),
        (&format!("action = \"sensitivity\"\nfactor = -1\n{run}"), "rules[1].factor", "must be a number"),
        (&format!("action = \"sensitivity\"\nfactor = inf\n{run}"), "rules[1].factor", "must be a number"),
        (&format!("action = \"mark\"\nfactor = 0.1\n{run}"), "rules[1].factor", "applies only to sensitivity"),
        ("action = \"mark\"\nevent_name = []", "rules[1].event_name", "must not be an empty list"),
        ("action = \"mark\"\nevent_name = [\"Run*\", \"\"]", "rules[1].event_name", "must not be empty"),
        ("action = \"mark\"\nevent_name = [\"a\", \"a\"]", "rules[1].event_name", "given twice"),
        ("action = \"mark\"\nevent_name = 7", "rules[1].event_name", "text in quotes"),
        ("action = \"mark\"\naccount = \"1234\"", "rules[1].account", "twelve digits"),
        ("action = \"mark\"\naccount = 111122223333", "rules[1].account", "text in quotes"),
        (&format!("action = \"mark\"\nuntil = \"tomorrow\"\n{run}"), "rules[1].until", "an instant with its offset"),
        (&format!("action = \"mark\"\nuntil = 2030-01-01\n{run}"), "rules[1].until", "an instant with its offset"),
        (&format!("action = \"mark\"\nschedule = \"Sat\"\n{run}"), "rules[1].schedule", "there are no hours"),
        (&format!("action = \"mark\"\nschedule = []\n{run}"), "rules[1].schedule", "empty list"),
        (&format!("action = \"mark\"\nuserAgent = \"x\"\n{run}"), "rules[1].userAgent", "did you mean user_agent?"),
        (&format!("action = \"mark\"\nzzz = \"x\"\n{run}"), "rules[1].zzz", "unknown key"),
    ];
    for (lines, key, reason) in wrong {
        let found = faults(&rule("ci", lines));
        assert_eq!(found.len(), 1, "{lines}: {found:?}");
        let fault = &found[0];
        assert!(fault.key == key && fault.reason.contains(reason), "{lines}: {fault}");
        assert!(fault.reason.starts_with("rule \"ci\": "), "{fault}");
        assert!(matches!(&fault.origin, Origin::File(place) if place.contains(", line ")), "{fault}");
    }
    for name in ["name = \"\"", "name = \"a b\"", "name = \"é\"", "name = 7", ""] {
        let found = faults(&format!("[[rules]]\n{name}\naction = \"mark\"\n{run}\n"));
        assert!(found.len() == 1 && found[0].key == "rules[1].name", "{name}: {found:?}");
    }
}

#[test]
fn faults_of_all_rules_are_reported_with_the_others() {
    let text = format!(
        "[kafka]\nworkers = 0\n{}{}{}",
        rule("a", "action = \"mark\""),
        rule("b", "action = \"mark\"\nevent_name = \"Run*\"\nuntil = \"x\"\nschedule = \"y\""),
        rule("c", "action = \"mark\"\nregion = \"eu-*\""),
    );
    let keys: Vec<String> = faults(&text).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["kafka.workers", "rules[1]", "rules[2].until", "rules[2].schedule"]);
}

#[test]
fn names_are_unique_and_every_rule_is_reachable() {
    let run = "action = \"mark\"\nevent_name = \"Run*\"";
    let stop = "action = \"drop\"\nevent_name = \"Stop*\"";
    let twice = faults(&format!("{}{}", rule("a", run), rule("a", stop)));
    assert!(
        twice.len() == 1 && twice[0].key == "rules[2]" && twice[0].reason.contains("has this name already"),
        "{twice:?}"
    );
    let hidden =
        faults(&format!("{}{}", rule("a", run), rule("b", "action = \"drop\"\nevent_name = \"RunInstances\"")));
    assert!(hidden.len() == 1 && hidden[0].reason.contains("never decides: rule 1 (\"a\")"), "{hidden:?}");
    let same = faults(&format!("{}{}", rule("a", run), rule("b", run)));
    assert!(same.len() == 1 && same[0].reason.contains("never decides"), "{same:?}");
    sound(&format!("{}{}", rule("a", "action = \"drop\"\nevent_name = \"RunInstances\""), rule("b", run)));
}

#[test]
fn rules_are_tables_of_the_file_in_bounded_number() {
    let single = faults("[rules]\nname = \"a\"\n");
    assert!(single.len() == 1 && single[0].reason.contains("[[rules]]"), "{single:?}");
    let list = faults("rules = [\"a\"]\n");
    assert!(list.len() == 1 && list[0].reason.contains("must be a table"), "{list:?}");
    sound("rules = []\n");
    for variable in ["INSIGHTD__RULES", "INSIGHTD__RULES__NAME", "INSIGHTD__RULES__0__NAME"] {
        let pair: (OsString, OsString) = (variable.into(), "x".into());
        let Err(ConfigErrors(found)) = Config::load_from(None, [pair]) else { panic!("{variable} was accepted") };
        assert!(found.len() == 1 && found[0].reason.contains("write them into the file"), "{found:?}");
        assert_eq!(found[0].origin, Origin::Environment(variable.to_owned()));
    }
    let many = |count: usize| {
        let one = |n: usize| rule(&format!("r{n}"), &format!("action = \"mark\"\nevent_name = \"E{n}\""));
        (0..count).map(one).collect::<String>()
    };
    assert_eq!(sound(&many(500)).config.rules.iter().len(), 500);
    let beyond = faults(&many(501));
    assert!(beyond.len() == 1 && beyond[0].reason.contains("at most 500"), "{beyond:?}");
}
