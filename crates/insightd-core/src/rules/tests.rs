//! The first rule whose conditions all hold decides.

use proptest::prelude::*;

use super::*;
use crate::cloudtrail::event::AccountId;

/// A marking rule with these conditions.
pub(super) fn rule(name: &str, conditions: &[(Field, &[&str])]) -> Rule {
    let condition = |&(field, patterns): &(Field, &[&str])| Condition {
        field,
        patterns: patterns.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect(),
    };
    Rule {
        name: name.into(),
        action: Action::Mark,
        conditions: conditions.iter().map(condition).collect(),
        until: None,
        schedule: None,
    }
}

fn facts() -> Facts<'static> {
    Facts {
        source: "ec2.amazonaws.com",
        name: "RunInstances",
        region: "eu-west-1",
        error: "",
        invoked_by: "",
        principal: "arn:aws:sts::111122223333:assumed-role/ci-runner",
        agent: "aws-cli/2.15.30",
        account: AccountId::parse("000122223333").expect("twelve digits"),
    }
}

#[test]
fn every_field_is_matched_by_its_own_text() {
    let full = Facts { error: "AccessDenied", invoked_by: "autoscaling.amazonaws.com", ..facts() };
    for (field, own) in [
        (Field::EventSource, "ec2.amazonaws.com"),
        (Field::EventName, "RunInstances"),
        (Field::Region, "eu-west-1"),
        (Field::ErrorCode, "AccessDenied"),
        (Field::InvokedBy, "autoscaling.amazonaws.com"),
        (Field::Principal, "arn:aws:sts::111122223333:assumed-role/ci-runner"),
        (Field::UserAgent, "aws-cli/2.15.30"),
        (Field::Account, "000122223333"),
    ] {
        let rules = Rules::new(vec![rule("one", &[(field, &["nothing", own])])]);
        assert_eq!(rules.first_match(full, 0), Some(0), "{field:?}");
        let other = Field::ALL.into_iter().filter(|other| *other != field);
        for other in other {
            let rules = Rules::new(vec![rule("one", &[(other, &[own])])]);
            assert_eq!(rules.first_match(full, 0), None, "{other:?} is not {own}");
        }
    }
}

#[test]
fn all_conditions_must_hold_and_one_pattern_of_each() {
    let both = rule("both", &[(Field::EventName, &["Run*", "Start*"]), (Field::Region, &["eu-*"])]);
    assert!(both.matches(&facts(), 0));
    assert!(both.matches(&Facts { name: "StartInstances", ..facts() }, 0));
    assert!(!both.matches(&Facts { name: "StopInstances", ..facts() }, 0));
    assert!(!both.matches(&Facts { region: "us-east-1", ..facts() }, 0));
}

/// So that `error_code = "*"` means every failed call, and `invoked_by = "*"` every call that a service
/// makes.
#[test]
fn what_a_record_lacks_matches_no_pattern() {
    for field in [Field::ErrorCode, Field::InvokedBy] {
        assert!(!rule("any", &[(field, &["*"])]).matches(&facts(), 0), "{field:?}");
    }
    let failed = Facts { error: "AccessDenied", ..facts() };
    assert!(rule("any", &[(Field::ErrorCode, &["*"])]).matches(&failed, 0));
}

#[test]
fn the_first_rule_decides_and_expired_ones_do_not() {
    let rules = Rules::new(vec![
        Rule { until: Some(100), ..rule("brief", &[(Field::Account, &["*"])]) },
        rule("exact", &[(Field::EventName, &["RunInstances"])]),
        rule("wide", &[(Field::EventName, &["*"])]),
    ]);
    assert_eq!(rules.first_match(facts(), 99), Some(0));
    assert_eq!(rules.first_match(facts(), 100), Some(1));
    assert_eq!(rules.first_match(Facts { name: "StopInstances", ..facts() }, 100), Some(2));
    assert_eq!(rules.expired(99).count(), 0);
    assert_eq!(rules.expired(100).map(|rule| &*rule.name).collect::<Vec<_>>(), ["brief"]);
    assert_eq!(Rules::default().first_match(facts(), 0), None);
}

#[test]
fn a_rule_with_a_schedule_holds_inside_it_only() {
    let night = Schedule::parse(&["Thu 00:00-02:00".to_owned()]).expect("a window");
    let patches = Rule { schedule: Some(night), ..rule("patches", &[(Field::Account, &["*"])]) };
    // 1970 began on a Thursday.
    assert!(patches.matches(&facts(), 0) && patches.matches(&facts(), 7199) && !patches.matches(&facts(), 7200));
}

#[test]
fn a_text_without_end_is_seen_up_to_a_bound() {
    let agent = format!("{}tail", "a".repeat(100_000));
    let long = Facts { agent: &agent, ..facts() };
    assert!(rule("head", &[(Field::UserAgent, &["aaa*"])]).matches(&long, 0));
    assert!(!rule("tail", &[(Field::UserAgent, &["*tail"])]).matches(&long, 0));
}

/// Few values, so that rules match often and overlap.
fn any_rule() -> impl Strategy<Value = Rule> {
    let pattern = prop::sample::select(vec!["*", "a", "b", "?", "a*", "*b", "1*", "??????????01"]);
    let patterns = prop::collection::vec(pattern, 1..3);
    let condition = (0..Field::ALL.len(), patterns);
    let until = prop::option::of(0_i64..10);
    (prop::collection::vec(condition, 1..4), until).prop_map(|(conditions, until)| {
        let conditions: Vec<(Field, &[&str])> =
            conditions.iter().map(|(field, patterns)| (Field::ALL[*field], patterns.as_slice())).collect();
        Rule { until, ..rule("r", &conditions) }
    })
}

/// The text of a field, independently of [`Facts::with`].
fn text(facts: &Facts<'_>, field: Field) -> String {
    match field {
        Field::EventSource => facts.source.to_owned(),
        Field::EventName => facts.name.to_owned(),
        Field::Region => facts.region.to_owned(),
        Field::ErrorCode => facts.error.to_owned(),
        Field::InvokedBy => facts.invoked_by.to_owned(),
        Field::Principal => facts.principal.to_owned(),
        Field::UserAgent => facts.agent.to_owned(),
        Field::Account => facts.account.to_string(),
    }
}

/// The definition, restated: the earliest rule none of whose conditions fails.
fn naive(rules: &[Rule], facts: &Facts<'_>, time: i64) -> Option<u32> {
    let glob = |pattern: &str| {
        regex::Regex::new(&format!("(?s)^{}$", regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")))
            .unwrap()
    };
    let mut found = None;
    for (position, rule) in rules.iter().enumerate().rev() {
        let mut holds = rule.until.is_none_or(|until| until > time);
        for condition in &rule.conditions {
            let text = text(facts, condition.field);
            holds &=
                !text.is_empty() && condition.patterns.iter().any(|pattern| glob(pattern.as_str()).is_match(&text));
        }
        if holds {
            found = Some(position as u32);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_first_match_is_the_one_of_the_definition(
        rules in prop::collection::vec(any_rule(), 0..6),
        texts in prop::collection::vec("[ab]{0,2}", 7),
        account in prop::sample::select(vec!["000000000001", "100000000000"]),
        time in 0_i64..10,
    ) {
        let facts = Facts {
            source: &texts[0], name: &texts[1], region: &texts[2], error: &texts[3], invoked_by: &texts[4],
            principal: &texts[5], agent: &texts[6], account: AccountId::parse(account).unwrap(),
        };
        let expected = naive(&rules, &facts, time);
        prop_assert_eq!(Rules::new(rules).first_match(facts, time), expected);
    }

    /// A rule called unreachable is: no record matches it without matching the earlier rule.
    #[test]
    fn a_covered_rule_never_matches_alone(
        earlier in any_rule(), later in any_rule(), texts in prop::collection::vec("[ab]{1,2}", 7), time in 0_i64..10,
        empty in 0_usize..7,
    ) {
        let error = if empty % 2 == 0 { "" } else { &texts[3] };
        let facts = Facts {
            source: &texts[0], name: &texts[1], region: &texts[2], error, invoked_by: &texts[4],
            principal: &texts[5], agent: &texts[6], account: AccountId::parse("000000000001").unwrap(),
        };
        prop_assert!(!reach::covers(&earlier, &later) || !later.matches(&facts, time) || earlier.matches(&facts, time));
    }
}
