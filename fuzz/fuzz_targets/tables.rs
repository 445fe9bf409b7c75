//! Any text as a table of priors or of security-relevant APIs: it is refused with reasons, or every number in
//! it can be used.
#![no_main]

use insightd::config::tables::{priors, security};
use libfuzzer_sys::fuzz_target;

const APIS: [(&str, &str, Option<&str>); 3] = [
    ("iam.amazonaws.com", "CreateUser", None),
    ("iam.amazonaws.com", "CreateUser", Some("AccessDenied")),
    ("ec2.amazonaws.com", "RunInstances", Some("Client.UnauthorizedOperation")),
];

fn check_messages(faults: &[String]) {
    assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.trim().is_empty()));
}

fuzz_target!(|text: &str| {
    match priors::parse(text) {
        Err(faults) => check_messages(&faults),
        Ok(table) => {
            for pair in APIS.map(|(source, name, error)| table.lookup(source, name, error)) {
                for prior in [pair.burst, pair.slow] {
                    assert!(prior.rate > 0.0 && prior.rate <= 1.0 && prior.excess > 0.0 && prior.excess.is_finite());
                }
            }
        }
    }
    match security::parse(text) {
        Err(faults) => check_messages(&faults),
        Ok(table) => {
            for technique in APIS.iter().filter_map(|(source, name, error)| table.technique(source, name, *error)) {
                assert!(technique.weight.is_finite() && technique.weight > 0.0);
            }
        }
    }
});
