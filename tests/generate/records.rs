//! Checks generated records against the decoder, which is independent of the generator, and against real
//! records where the machine has them.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use insightd_core::cloudtrail::envelope::{DecodeLimits, Sink, decode_slice};
use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use insightd_generate::json::{Callers, Writer};
use insightd_generate::{Organization, Plan};
use insightd_test_support::insightd::shared;
use proptest::prelude::*;
use serde_json::Value;

fn plan(seed: u64, activity: f64) -> Plan {
    Plan { seed, accounts: 3, start: 1_736_121_600, days: 2, activity, attacks: 4, quiet_days: 1 }
}

const LIMITS: DecodeLimits = DecodeLimits {
    payload_bytes_max: 1 << 20,
    decompressed_bytes_max: 1 << 20,
    nesting_depth_max: 8,
    payload_records_max: 10,
    event_time_max: i64::MAX,
};

/// Accepts exactly one event.
struct One {
    expected: String,
    seen: usize,
}

impl Sink for One {
    fn event(&mut self, envelope: Envelope, event: &Event<'_>) {
        assert_eq!(envelope, Envelope::Bare);
        assert_eq!(format!("{event:?}"), self.expected);
        self.seen += 1;
    }

    fn malformed(&mut self, _: Envelope, fault: DecodeError, detail: &str, _: &[u8]) {
        panic!("{fault:?}: {detail}");
    }

    fn shed(&mut self, _: Envelope, limit: Limit, _: &[u8]) {
        panic!("{limit:?}");
    }

    fn skipped(&mut self, skipped: Skipped) {
        panic!("{skipped:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn every_record_decodes_to_the_event_of_its_call(seed: u64) {
        let organization = Organization::new(plan(seed, 0.02));
        let mut writer = Writer::default();
        let mut json = Vec::new();
        for account in organization.accounts() {
            let callers = Callers::new(account.id(), account.actors());
            for call in account.calls() {
                json.clear();
                writer.write(&callers, &call, &mut json);
                let mut one = One { expected: format!("{:?}", call.event(account)), seen: 0 };
                decode_slice(&json, &LIMITS, &mut one);
                assert_eq!(one.seen, 1, "seed {seed}: {}", String::from_utf8_lossy(&json));
            }
        }
    }
}

/// Sizes and presence of fields of some records.
#[derive(Default)]
struct Survey {
    sizes: Vec<usize>,
    fields: BTreeMap<String, usize>,
}

impl Survey {
    fn add(&mut self, json: &str) {
        let record: Value = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
        self.sizes.push(json.len());
        for key in record.as_object().expect("a record").keys() {
            *self.fields.entry(key.clone()).or_default() += 1;
        }
    }

    fn share(&self, field: &str) -> f64 {
        self.fields.get(field).copied().unwrap_or(0) as f64 / self.sizes.len() as f64
    }

    /// Quantile of the record sizes, bytes.
    fn quantile(&mut self, share: f64) -> usize {
        self.sizes.sort_unstable();
        self.sizes[(share * (self.sizes.len() - 1) as f64) as usize]
    }
}

/// A sample of one day of a hundred accounts. Small accounts have more people and fewer machines, and so
/// larger records.
fn generated() -> Survey {
    const ONE_IN: usize = 41;
    let mut survey = Survey::default();
    let mut writer = Writer::default();
    for seed in 1..6 {
        let plan = Plan { accounts: 20, days: 1, attacks: 0, quiet_days: 0, ..plan(seed, 1.0) };
        for account in Organization::new(plan).accounts() {
            let callers = Callers::new(account.id(), account.actors());
            for call in account.calls().step_by(ONE_IN) {
                let mut json = Vec::new();
                writer.write(&callers, &call, &mut json);
                survey.add(std::str::from_utf8(&json).expect("UTF-8"));
            }
        }
    }
    survey
}

/// Real records: median 1.2 KB, mean 1.3 KB, p99 2.3 KB, nearly all of IAM users. Half of the generated
/// records are of IAM users; most others are of roles, which are larger. The median of one organization
/// varies between 1.1 and 1.35 KB; this test takes the median over several.
#[test]
fn sizes_are_those_of_real_records() {
    let mut survey = generated();
    let [p10, median, p90, p99, max] = [0.1, 0.5, 0.9, 0.99, 1.0].map(|share| survey.quantile(share));
    println!(
        "{} generated records: p10 {p10}, median {median}, p90 {p90}, p99 {p99}, max {max} bytes",
        survey.sizes.len()
    );
    assert!((1150..1250).contains(&median), "median {median}");
    assert!(p10 > 600 && p90 < 2200 && p99 < 4000, "p10 {p10}, p90 {p90}, p99 {p99}");
}

#[test]
fn fields_are_present_as_often_as_in_real_records() {
    let Some(file) = shared("spec/samples/input/real-invictus-all-2900-records.ndjson.gz") else {
        println!("no real records on this machine: nothing compared");
        return;
    };
    let mut real = Survey::default();
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(file).expect("a file")).read_to_string(&mut text).expect("gzip");
    text.lines().for_each(|line| real.add(line));
    let mut made = generated();
    let mut broken = Vec::new();
    for field in real.fields.keys().chain(made.fields.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (real, made) = (real.share(field), made.share(field));
        println!("{field:32} real {real:.3}, generated {made:.3}");
        // Most generated records have each field that nearly all real records have (some are of old
        // versions); few have a field that no real record has.
        if (real > 0.99 && made < 0.85) || (real == 0.0 && made > 0.3) || (real > 0.05 && made == 0.0) {
            broken.push(field.clone());
        }
    }
    for share in [0.1, 0.5, 0.9, 0.99] {
        println!("size at {share}: real {}, generated {}", real.quantile(share), made.quantile(share));
    }
    assert!(broken.is_empty(), "{broken:?}");
    let (real, made) = (real.quantile(0.5) as f64, made.quantile(0.5) as f64);
    assert!((made / real - 1.0).abs() < 0.08, "median {made}, of real records {real}");
}
