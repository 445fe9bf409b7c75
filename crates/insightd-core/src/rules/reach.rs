//! Rules that can never decide, because an earlier rule matches everything that they match; and conditions
//! that probably match nothing.

use super::{Condition, Field, Rule};

/// Whether `earlier` matches every record that `later` matches, as far as the patterns show.
pub fn covers(earlier: &Rule, later: &Rule) -> bool {
    let lasts = earlier.until.is_none_or(|until| later.until.is_some_and(|other| other <= until));
    let always = earlier.schedule.is_none() || earlier.schedule == later.schedule;
    lasts && always && earlier.conditions.iter().all(|condition| is_met(condition, later))
}

/// Whether every record that `rule` matches meets the condition.
fn is_met(condition: &Condition, rule: &Rule) -> bool {
    if condition.field.is_in_every_record() && condition.patterns.iter().any(|pattern| pattern.is_all()) {
        return true;
    }
    rule.conditions.iter().filter(|other| other.field == condition.field).any(|other| {
        other.patterns.iter().all(|narrow| {
            condition.patterns.iter().any(|wide| {
                wide.is_all() || wide.as_str() == narrow.as_str() || narrow.is_exact() && wide.matches(narrow.as_str())
            })
        })
    })
}

/// Conditions of a rule that probably match nothing, one sentence each: legal mistakes.
pub fn doubts(rule: &Rule) -> Vec<String> {
    let patterns = rule.conditions.iter().flat_map(|condition| {
        condition.patterns.iter().map(|pattern| (condition.field, pattern.as_str())).collect::<Vec<_>>()
    });
    patterns.filter_map(|(field, pattern)| doubt(field, pattern)).collect()
}

fn doubt(field: Field, pattern: &str) -> Option<String> {
    let key = field.key();
    match field {
        Field::EventSource if !pattern.contains(['.', '*']) => {
            Some(format!("{key} {pattern:?} is no host name; the record has it as in \"ec2.amazonaws.com\""))
        }
        Field::InvokedBy if !pattern.contains(['.', '*', ' ']) => {
            Some(format!("{key} {pattern:?} is no service; the record has it as in \"autoscaling.amazonaws.com\""))
        }
        Field::EventName if pattern.contains([':', '.']) => Some(format!(
            "{key} {pattern:?} holds the service; write \"RunInstances\", and the service as event_source"
        )),
        Field::Principal => {
            let session = pattern.split_once(":assumed-role/").is_some_and(|(_, role)| role.contains('/'));
            let role = pattern.contains(":iam::") && pattern.contains(":role/");
            if session {
                Some(format!("{key} {pattern:?} names a session; principals end with the name of the role"))
            } else if role {
                Some(format!(
                    "{key} {pattern:?} is the ARN of a role; who assumed it calls as \"arn:aws:sts::ACCOUNT:assumed-role/NAME\""
                ))
            } else {
                None
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rule;
    use super::*;

    #[test]
    fn a_rule_after_a_wider_one_is_unreachable() {
        let all = rule("all", &[(Field::Account, &["*"])]);
        let ec2 = rule("ec2", &[(Field::EventSource, &["ec2.*"])]);
        let run = rule("run", &[(Field::EventSource, &["ec2.amazonaws.com"]), (Field::EventName, &["Run*"])]);
        let failed = rule("failed", &[(Field::ErrorCode, &["*"])]);
        let denied = rule("denied", &[(Field::ErrorCode, &["AccessDenied*", "Client.*"])]);
        for (earlier, later) in [(&all, &ec2), (&all, &all), (&ec2, &run), (&ec2, &ec2), (&failed, &denied)] {
            assert!(covers(earlier, later), "{} covers {}", earlier.name, later.name);
        }
        for (earlier, later) in [(&ec2, &all), (&run, &ec2), (&denied, &failed), (&failed, &ec2), (&ec2, &denied)] {
            assert!(!covers(earlier, later), "{} leaves something of {}", earlier.name, later.name);
        }
    }

    #[test]
    fn a_rule_that_holds_at_times_only_leaves_the_others() {
        let wide = rule("wide", &[(Field::EventName, &["*"])]);
        let night = super::super::Schedule::parse(&["Sat 22:00-02:00".to_owned()]).ok();
        let timed = Rule { schedule: night.clone(), ..wide.clone() };
        assert!(!covers(&timed, &wide) && covers(&wide, &timed) && covers(&timed, &timed.clone()));
        let brief = Rule { until: Some(100), ..wide.clone() };
        assert!(!covers(&brief, &wide) && covers(&wide, &brief));
        assert!(covers(&brief, &Rule { until: Some(50), ..wide.clone() }));
        assert!(!covers(&brief, &Rule { until: Some(150), ..wide }));
    }

    #[test]
    fn patterns_that_match_no_real_record_are_doubted() {
        for (field, pattern, doubted) in [
            (Field::EventSource, "ec2", true),
            (Field::EventSource, "ec2.amazonaws.com", false),
            (Field::EventSource, "ec2*", false),
            (Field::EventName, "ec2:RunInstances", true),
            (Field::EventName, "Run*", false),
            (Field::InvokedBy, "autoscaling", true),
            (Field::InvokedBy, "AWS Internal", false),
            (Field::Principal, "arn:aws:sts::*:assumed-role/ci/*", true),
            (Field::Principal, "arn:aws:sts::*:assumed-role/ci", false),
            (Field::Principal, "arn:aws:iam::*:role/ci", true),
            (Field::Principal, "arn:aws:iam::*:user/path/dana", false),
        ] {
            let doubts = doubts(&rule("r", &[(field, &[pattern])]));
            assert_eq!(doubts.len(), usize::from(doubted), "{pattern}: {doubts:?}");
        }
    }
}
