//! Any text as a configuration file: it is refused with reasons, or it is used; and its rules judge any
//! record at any time.
#![no_main]

use insightd::config::Config;
use insightd_core::cloudtrail::event::AccountId;
use insightd_core::rules::{Facts, reach};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A table may lie in a file of its own; which files there are is not for the fuzzer to find out.
    if text.contains("priors") || text.contains("security") && text.contains('=') && text.contains("detect") {
        return;
    }
    let config = match Config::load_text("text", text) {
        Ok(config) => config,
        Err(faults) => return assert!(!faults.to_string().is_empty()),
    };
    let facts = Facts {
        source: "ec2.amazonaws.com",
        name: "RunInstances",
        region: "eu-west-1",
        error: "Client.UnauthorizedOperation",
        invoked_by: "",
        principal: "arn:aws:sts::111122223333:assumed-role/ci",
        agent: text,
        account: AccountId::parse("111122223333").expect("twelve digits"),
    };
    for time in [i64::MIN, -1, 0, 1_772_409_600, 1_774_746_000, i64::MAX] {
        if let Some(position) = config.rules.first_match(facts, time) {
            assert!(config.rules.at(position).matches(&facts, time));
        }
        assert!(config.rules.expired(time).count() <= config.rules.iter().len());
    }
    for rule in config.rules.iter() {
        assert!(!rule.conditions.is_empty() && (1e-6..=1e6).contains(&rule.action.factor()));
        assert!(reach::covers(rule, rule), "a rule covers itself");
        reach::doubts(rule);
    }
});
