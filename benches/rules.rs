//! What the operator's rules cost: time per record to find the one that decides, and time per record in
//! detection.
//!
//! `cargo bench --bench rules`. The starter set's rules, written again for as many names as asked for, and
//! records that no rule matches, so that every rule is checked; half of the records fail with an error,
//! half come from an assumed role.

use std::io::Write as _;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use insightd::config::Config;
use insightd_core::cloudtrail::event::Event;
use insightd_core::detect::{Detector, Settings};
use insightd_core::rules::Rules;
use insightd_test_support::event::event as event_of;

const EVENTS: usize = 10_000;

fn main() {
    divan::main();
}

/// `count` rules of four kinds in turn.
fn rules(count: usize) -> Arc<Rules> {
    let rule = |n: usize| {
        let conditions = match n % 4 {
            0 => format!(
                "action = \"sensitivity\"\nfactor = 0.1\nprincipal = \"arn:aws*:sts::*:assumed-role/AWSServiceRoleFor{n}*\"\n\
                 invoked_by = \"service-{n}.amazonaws.com\"\n"
            ),
            1 => format!(
                "action = \"mark\"\nprincipal = [\"arn:aws*:sts::*:assumed-role/scanner-{n}*\", \"arn:aws*:sts::*:assumed-role/audit-{n}\"]\n\
                 error_code = [\"AccessDenied*\", \"*UnauthorizedOperation\"]\n"
            ),
            2 => format!(
                "action = \"mark\"\nevent_source = \"ssm.amazonaws.com\"\nevent_name = [\"SendCommand\", \"Start{n}*\"]\n\
                 schedule = \"Sat 22:00-04:00 Europe/Berlin\"\n"
            ),
            _ => format!("action = \"drop\"\nuser_agent = \"*scanner-{n}*\"\n"),
        };
        format!("[[rules]]\nname = \"rule-{n}\"\n{conditions}")
    };
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    (0..count).for_each(|n| file.write_all(rule(n).as_bytes()).expect("written"));
    Config::load_from(Some(file.path()), []).unwrap_or_else(|faults| panic!("{faults}")).rules
}

fn events(from: usize) -> Vec<Event<'static>> {
    let agent = "aws-cli/2.15.30 Python/3.11.6 Linux/5.10.205-195.807.amzn2.x86_64 exe/x86_64.amzn.2 prompt/off";
    let principal = |i: usize| match i % 4 {
        0 | 1 => format!("arn:aws:sts::111122223333:assumed-role/role-{}", i % 7),
        _ => format!("arn:aws:iam::111122223333:user/person-{}", i % 7),
    };
    let event = |i: usize| {
        event_of(format!("Operation{}", i % 100))
            .in_account(i as u64 % 10)
            .failed(i.is_multiple_of(2).then_some("AccessDenied"))
            .by(principal(i))
            .with(agent)
            .at(1_780_000_000 + i as i64 / 50)
            .id(format!("{i:032x}"))
            .build()
    };
    (from..from + EVENTS).map(event).collect()
}

#[divan::bench(args = [0, 1, 20, 100])]
fn first_match(bencher: Bencher<'_, '_>, count: usize) {
    let (rules, events) = (rules(count), events(0));
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let matches = events.iter().filter_map(|event| rules.first_match(divan::black_box(event), event.time)).count();
        assert_eq!(matches, 0, "every rule is checked");
    });
}

#[divan::bench(args = [0, 20], sample_count = 20)]
fn observe(bencher: Bencher<'_, '_>, count: usize) {
    let rules = rules(count);
    let warmed = || {
        let settings = Settings { rules: Arc::clone(&rules), ..Settings::from(&Config::default_config()) };
        let mut detector = Detector::new(settings);
        for event in events(0) {
            detector.observe(&event, None, &mut |_| {});
        }
        (detector, events(EVENTS))
    };
    bencher.counter(ItemsCount::new(EVENTS)).with_inputs(warmed).bench_local_values(|(mut detector, events)| {
        for event in &events {
            detector.observe(event, None, &mut |_| {});
        }
        (detector, events)
    });
}
