//! Decoding of random records, in every envelope, cut and damaged at random.

use insightd_core::cloudtrail::outcome::{DecodeError, Envelope};
use insightd_test_support::decoding;
use insightd_test_support::decoding::{ENVELOPES, decode_both, record, slice, stream};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// A record with random texts in every field that the decoder keeps, and in some that it ignores.
fn any_record() -> impl Strategy<Value = Value> {
    let texts = (any::<String>(), any::<String>(), "[a-z]{1,12}\\.amazonaws\\.com", "[A-Z][A-Za-z0-9]{1,20}");
    let rest = (any::<Option<bool>>(), any::<Option<String>>(), any::<u64>(), any::<[Option<i64>; 3]>());
    (texts, rest).prop_map(|((agent, session, source, name), (read_only, error, number, odd))| {
        let mut record = record(number);
        record["userAgent"] = json!(agent);
        record["userIdentity"]["arn"] = json!(format!("arn:aws:sts::111122223333:assumed-role/r/{session}"));
        record["eventSource"] = json!(source);
        record["eventName"] = json!(name);
        record["readOnly"] = json!(read_only);
        record["errorCode"] = json!(error);
        record["requestParameters"] = json!({"numbers": odd, "text": agent, "nested": [[{"a": session}]]});
        record
    })
}

/// One way to break a record's JSON on one line.
#[derive(Clone, Debug)]
enum Breaking {
    Cut(Index),
    Text,
    Unquoted,
    Replaced(Index, u8),
}

fn any_breaking() -> impl Strategy<Value = Breaking> {
    prop_oneof![
        any::<Index>().prop_map(Breaking::Cut),
        Just(Breaking::Text),
        Just(Breaking::Unquoted),
        // No braces: they can split an object into two, each of which counts.
        (any::<Index>(), select(b"x[],:\"\\ 0".to_vec())).prop_map(|(at, byte)| Breaking::Replaced(at, byte)),
    ]
}

impl Breaking {
    /// The broken record, or `None` if it is still valid JSON.
    fn of(&self, record: &str) -> Option<String> {
        let broken = match self {
            Self::Cut(at) => {
                let ends: Vec<usize> = record.char_indices().map(|(at, _)| at).skip(1).collect();
                record[..*at.get(&ends)].to_owned()
            }
            Self::Text => "no JSON but a line of a log".to_owned(),
            Self::Unquoted => record.replacen("\"AwsApiCall\"", "AwsApiCall", 1),
            Self::Replaced(at, byte) => {
                let plain: Vec<usize> = (1..record.len() - 1).filter(|&at| record.as_bytes()[at].is_ascii()).collect();
                let mut bytes = record.as_bytes().to_vec();
                bytes[*at.get(&plain)] = *byte;
                String::from_utf8(bytes).ok()?
            }
        };
        serde_json::from_str::<Value>(&broken).is_err().then_some(broken)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_envelope_gives_what_the_bare_records_give(
        records in prop::collection::vec(any_record(), 1..5),
        step in 1..5000_usize,
    ) {
        let expected: Vec<String> = records.iter().flat_map(|record| slice(record.to_string().as_bytes()).events).collect();
        prop_assert_eq!(expected.len(), records.len());
        for (name, envelope, wrap) in ENVELOPES {
            let payload = wrap(&records);
            for found in [slice(&payload), stream(&payload, step)] {
                prop_assert_eq!(&found.events, &expected, "{}", name);
                prop_assert_eq!(&found.found.events, &vec![*envelope; records.len()], "{}", name);
                prop_assert_eq!(found.found.records(), records.len(), "{}", name);
            }
        }
    }

    #[test]
    fn a_cut_payload_gives_its_first_records_and_one_fragment(count in 1..5_u64, cut: Index) {
        let records: Vec<Value> = (0..count).map(record).collect();
        for (name, _, wrap) in ENVELOPES {
            let payload = wrap(&records);
            let whole = slice(&payload).events;
            let cut = &payload[..cut.index(payload.len())];
            for found in [slice(cut), stream(cut, 100)] {
                prop_assert!(whole.starts_with(&found.events), "{}", name);
                prop_assert!(found.found.faults.len() <= 1, "{}: {:?}", name, found.found.faults);
                prop_assert!(found.found.records() + found.found.skipped.len() > 0, "{}", name);
            }
        }
    }

    #[test]
    fn broken_lines_and_members_cost_exactly_themselves(
        breakings in prop::collection::vec(prop::option::of(any_breaking()), 1..8),
    ) {
        let good = |number| record(number).to_string();
        // If two neighbors in an array are broken, no delimiter separates them; on separate lines they are
        // two.
        let (mut lines, mut members) = (vec![good(0)], vec![good(0)]);
        let mut broken = 0;
        for breaking in &breakings {
            match breaking.as_ref().and_then(|breaking| breaking.of(&good(1))) {
                Some(bad) => {
                    broken += 1;
                    lines.push(bad.clone());
                    members.extend([bad, good(2)]);
                }
                None => {
                    lines.push(good(1));
                    members.push(good(1));
                }
            }
        }
        lines.push(good(3));
        for (input, pieces) in [
            (lines.join("\n"), lines.len()),
            (lines.join("\r\n") + "\r\n", lines.len()),
            (format!("{{\"Records\":[{}]}}", members.join(",")), members.len()),
            (format!("[\n{}\n]", members.join(",\n")), members.len()),
        ] {
            let found = decode_both(input.as_bytes());
            prop_assert_eq!((found.events.len(), found.faults.len()), (pieces - broken, broken), "{}", input);
        }
    }

    #[test]
    fn both_entry_points_agree_on_any_input(
        count in 1..4_u64,
        envelope: Index,
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 0..6),
    ) {
        let records: Vec<Value> = (0..count).map(record).collect();
        let (name, _, wrap) = envelope.get(ENVELOPES);
        let mut payload = wrap(&records);
        for (at, byte, kind) in changes {
            let at = at.index(payload.len());
            match kind {
                0 => payload[at] = byte,
                1 => payload.insert(at, byte),
                2 => drop(payload.remove(at)),
                _ => {
                    let tail = payload[at..].to_vec();
                    payload.extend(tail);
                }
            }
            if payload.is_empty() {
                break;
            }
        }
        if name.contains("gzip") {
            // The number of events before the damage depends on the size of the reads.
            slice(&payload);
            stream(&payload, 7);
        } else {
            let found = decode_both(&payload);
            prop_assert!(found.records() + found.skipped.len() > 0);
        }
    }

    #[test]
    fn random_bytes_are_no_records(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        let found = decode_both(&bytes);
        prop_assert!(found.events.is_empty());
    }

    #[test]
    fn random_structure_is_counted(text in "([\\[\\]{},:\"\\\\ \n]|\"eventVersion\"|\"Records\"|\"message\"|1|null){1,60}") {
        let found = decode_both(text.as_bytes());
        prop_assert!(found.records() + found.skipped.len() > 0, "{:?}", found);
    }
}

#[test]
fn a_cut_gzip_payload_is_one_fragment_regression() {
    let lines: String = (0..50).map(|number| format!("{}\n", record(number))).collect();
    let payload = decoding::gzip(lines.as_bytes());
    for cut in (2..payload.len()).step_by(7) {
        let found = slice(&payload[..cut]).found;
        assert_eq!(found.faults, [DecodeError::GzipDamaged], "cut at {cut}");
        assert!(found.events.iter().all(|envelope| *envelope == Envelope::Bare));
    }
}
