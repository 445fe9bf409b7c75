//! Rules from the command line: `check` prints them, `replay` applies them and counts what each one did.

use insightd_test_support::replaying::{Folder, burst, insightd, stats, text};
use serde_json::json;

const MARK: &str = "[[rules]]\nname = \"ci-runs\"\naction = \"mark\"\nprincipal = \"arn:aws:iam::*:user/dana\"\n";

/// `replay` prints marked insights, withholds dropped ones, and counts both by rule.
#[test]
fn replay_counts_marked_and_dropped_insights_by_rule() {
    let folder = Folder::new();
    let input = folder.write("burst.ndjson", burst());
    let run = |rules: &str| {
        let config = folder.write("rules.toml", rules);
        let output =
            insightd().arg("replay").arg("--explain").arg("--config").arg(&config).arg(&input).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines: Vec<serde_json::Value> =
            text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let stats = stats(["--config".as_ref(), config.as_os_str(), input.as_os_str()]);
        (lines, stats)
    };
    let (lines, counts) = run(MARK);
    let marks: Vec<_> = lines.iter().map(|line| line["insightd"]["suppressedBy"].as_str()).collect();
    assert_eq!(marks, [Some("ci-runs"), Some("ci-runs")]);
    assert_eq!(counts["rules"], json!([{"rule": "ci-runs", "action": "mark", "records": 75, "insights": 1}]));
    assert_eq!(counts["insights_started"], 1);

    let (lines, counts) = run(&MARK.replace("mark", "drop"));
    assert!(lines.is_empty());
    assert_eq!(counts["rules"], json!([{"rule": "ci-runs", "action": "drop", "records": 75, "insights": 1}]));
    assert_eq!((&counts["insights_started"], &counts["counted"]), (&json!(0), &json!(75)));

    let (lines, counts) = run(&MARK.replace("mark", "exclude"));
    assert!(lines.is_empty());
    assert_eq!(counts["rules"], json!([{"rule": "ci-runs", "action": "exclude", "records": 75, "insights": 0}]));
    assert_eq!((&counts["out_of_scope"], &counts["counted"], &counts["records"]), (&json!(75), &json!(0), &json!(75)));
}

/// `check` prints the rules and warns of those that have expired or match nothing.
#[test]
fn check_prints_rules_and_warns_of_useless_ones() {
    let folder = Folder::new();
    let over = "until = 2020-01-01T00:00:00Z\n";
    let odd = "[[rules]]\nname = \"odd\"\naction = \"drop\"\nevent_source = \"ec2\"\n";
    let config =
        folder.write("insightd.toml", format!("[kafka]\nbootstrap_servers = [\"127.0.0.1:1\"]\n{MARK}{over}{odd}"));
    let output = insightd().arg("check").arg("--config").arg(&config).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let table: toml::Table = printed.parse().expect("TOML");
    assert_eq!(table["rules"][0]["name"].as_str(), Some("ci-runs"));
    assert_eq!(table["rules"][1]["event_source"][0].as_str(), Some("ec2"));
    for part in [
        "# warning: rule ci-runs no longer applies",
        "# rule odd will probably match nothing: event_source \"ec2\" is no host name",
        "insightd.toml, line 4",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

/// For `check` and `replay` a wrong rule is a configuration error.
#[test]
fn a_wrong_rule_is_a_configuration_error() {
    let folder = Folder::new();
    let config = folder.write("insightd.toml", MARK.replace("mark", "hide"));
    let input = folder.write("burst.ndjson", burst());
    for arguments in [
        vec!["check".as_ref(), "--config".as_ref(), config.as_os_str()],
        vec!["replay".as_ref(), "--config".as_ref(), config.as_os_str(), input.as_os_str()],
    ] {
        let output = insightd().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(78));
        let said = text(&output.stderr);
        assert!(
            said.contains("rules[1].action = \"hide\": rule \"ci-runs\": must be exclude") && said.contains("line 3"),
            "{said}"
        );
    }
}
