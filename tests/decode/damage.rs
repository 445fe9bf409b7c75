//! Damaged input and input beyond limits: which records each costs, on hand-written samples.

use insightd_core::cloudtrail::envelope::DecodeLimits;
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit};
use insightd_test_support::decoding;
use insightd_test_support::decoding::{
    Found, base64, decode_both, gzip, limits, record, slice, slice_within, stream, stream_within,
};
use serde_json::{Value, json};

fn events(envelope: Envelope, count: usize) -> Found {
    Found { events: vec![envelope; count], ..Found::default() }
}

fn fault(fault: DecodeError) -> Found {
    Found { faults: vec![fault], ..Found::default() }
}

// === damage ===

/// Decodes damaged input both ways. Expects `count` events, and these faults.
fn check(input: &str, count: usize, faults: &[DecodeError]) {
    let found = decode_both(input.as_bytes());
    assert_eq!((found.events.len(), &found.faults[..]), (count, faults), "{input}");
}

#[test]
fn a_damaged_line_costs_that_line() {
    let good = record(1).to_string();
    let cut = &good[..good.len() / 2];
    let broken = good.replace("\"eventName\":", "\"eventName\"");
    check(&format!("{good}\n{cut}\n{good}\n"), 2, &[DecodeError::NotJson]);
    check(&format!("{cut}\n{good}\n{good}\n"), 2, &[DecodeError::NotJson]);
    check(&format!("{good}\n{broken}\n{broken}\n{good}"), 2, &[DecodeError::NotJson, DecodeError::NotJson]);
    check(&format!("{good}\nplain text\n{{\"plain\n{good}\n"), 2, &[DecodeError::NotJson, DecodeError::NotJson]);
    check(&format!("{good}\nplain\nplain\n{good}\n"), 2, &[DecodeError::NotJson, DecodeError::NotJson]);
    check(&format!("{good}\n{{\"a\":\n{good}\n{good}\n"), 3, &[DecodeError::NotJson]);
    check(&format!("{good}\n{{\"a\":\n{good}\n"), 2, &[DecodeError::Truncated]);
    check(&format!("{good}\n{good}}}\n{good}\n"), 3, &[DecodeError::NotJson]);
    check(&format!("{good}\n{broken}{good}{good}\n{good}\n"), 4, &[DecodeError::NotJson]);
}

#[test]
fn a_damaged_pretty_printed_value_is_one_fragment() {
    let good = format!("{:#}", record(1));
    let broken = good.replace("\"eventName\":", "\"eventName\"");
    check(&format!("{good}\n{broken}\n{good}\n"), 2, &[DecodeError::NotJson]);
    check(&format!("{good}\n{}", &good[..good.len() / 2]), 1, &[DecodeError::Truncated]);
}

#[test]
fn a_damaged_tail_costs_the_tail() {
    let good = record(1).to_string();
    for cut in [1, 2, good.len() / 3, good.len() - 1] {
        check(&format!("{good}\n{}", &good[..cut]), 1, &[DecodeError::Truncated]);
        check(&format!("{{\"Records\":[{good},{good},{}", &good[..cut]), 2, &[DecodeError::Truncated]);
    }
    for end in ["", ",", " \n", "]", "],\"a\":1"] {
        check(&format!("{{\"Records\":[{good},{good}{end}"), 2, &[DecodeError::Truncated]);
    }
    check(&format!("[{good},{good}"), 2, &[DecodeError::Truncated]);
}

#[test]
fn a_damaged_member_costs_that_member() {
    let good = record(1).to_string();
    let unquoted = good.replace("\"RunInstances\"", "RunInstances");
    let no_comma = good.replace(",\"eventSource\"", "\"eventSource\"");
    let open_quote = good.replace("\"eu-west-1\"", "\"eu-west-1");
    let no_brace = &good[..good.len() - 1];
    let half = &good[..good.len() / 2];
    for damaged in [&unquoted[..], &no_comma, &open_quote, no_brace, half, "xyz", "\u{0}\u{0}", "{\"eventVersion\":}"] {
        for (open, close) in [("{\"Records\":[", "]}"), ("[", "]"), ("[\n", "\n]\n")] {
            check(&format!("{open}{good},{damaged},{good}{close}"), 2, &[DecodeError::NotJson]);
            check(&format!("{open}{damaged},{good},{good}{close}"), 2, &[DecodeError::NotJson]);
            check(&format!("{open}{good},\n{damaged},\n{good}{close}"), 2, &[DecodeError::NotJson]);
        }
    }
}

#[test]
fn a_damaged_log_file_does_not_reach_into_the_next_line() {
    let good = record(1).to_string();
    let file = format!("{{\"Records\":[{good},{good}]}}\n");
    for cut in [file.len() / 4, file.len() / 2, file.len() * 3 / 4] {
        let found = decode_both(format!("{file}{}\n{file}{file}", &file[..cut]).as_bytes());
        let whole = usize::from(cut > file.len() / 2);
        assert_eq!((found.events.len(), found.faults.len()), (6 + whole, 1), "cut at {cut} of {}", file.len());
    }
}

#[test]
fn a_missing_comma_costs_nothing() {
    let good = record(1).to_string();
    check(&format!("{{\"Records\":[{good}{good} {good},,{good}]}}"), 4, &[]);
}

#[test]
fn damaged_gzip_keeps_what_came_before() {
    let lines: String = (0..2000).map(|n| format!("{}\n", record(n))).collect();
    let whole = gzip(lines.as_bytes());
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x55;
    let mut checksum = whole.clone();
    checksum[whole.len() - 6] ^= 0x55;
    for (damaged, least) in [(&whole[..whole.len() / 2], 800), (&flipped, 800), (&checksum, 2000)] {
        // The number of events before the damage depends on how the input is cut into reads.
        for found in [slice(damaged).found, stream(damaged, 13).found, stream(damaged, 1 << 20).found] {
            assert!(found.events.len() >= least, "{} events", found.events.len());
            assert_eq!(found.faults.last(), Some(&DecodeError::GzipDamaged));
        }
    }
    assert_eq!(decode_both(&whole[..whole.len() / 2]).faults, [DecodeError::GzipDamaged]);
    assert_eq!(decode_both(&[&whole[..], b"trailing"].concat()).faults, [DecodeError::GzipDamaged]);
}

/// A payload without a readable record becomes one dead-letter record as a whole.
#[test]
fn an_unreadable_payload_is_one_dead_letter_record() {
    let log = json!({"log": "2026-03-04 plain text"}).to_string();
    let data = json!({"awslogs": {"data": "?????"}}).to_string();
    let payloads: [(&[u8], DecodeError); 8] = [
        (b"plain text\nof two lines", DecodeError::NotJson),
        (b"\x08\x01\x12\x0aprotobuf\n\x00\n", DecodeError::NotJson),
        (b"{\"eventVersion\":\"1.08\",", DecodeError::Truncated),
        (b"\x1f\x8bno gzip at all", DecodeError::GzipDamaged),
        (b"\x1f\x8b", DecodeError::GzipDamaged),
        (log.as_bytes(), DecodeError::NotJson),
        (data.as_bytes(), DecodeError::Base64Damaged),
        (b"{\"a\":1}", DecodeError::UnknownShape),
    ];
    for (payload, expected) in payloads {
        let found = slice(payload);
        assert_eq!(found.found, fault(expected), "{}", payload.escape_ascii());
        assert_eq!(found.malformed[0].3, payload, "{}", payload.escape_ascii());
    }
}

#[test]
fn a_dead_letter_record_holds_only_the_damaged_part() {
    let good = record(1).to_string();
    let found = slice(format!("{good}\n{{\"bad\": x}}\n{good}\n{{\"bad\": y}}\n").as_bytes());
    let raws: Vec<_> = found.malformed.iter().map(|(_, _, _, raw)| &raw[..]).collect();
    assert_eq!(raws, [b"{\"bad\": x}", b"{\"bad\": y}"]);

    let found = slice(format!("{{\"Records\":[{{\"bad\": x}},{good},{{\"bad\": y}} ]}}").as_bytes());
    let raws: Vec<_> = found.malformed.iter().map(|(_, _, _, raw)| &raw[..]).collect();
    assert_eq!(raws, [b"{\"bad\": x}", b"{\"bad\": y}"]);

    let records = json!([{"data": base64(good.as_bytes())}, {"data": base64(b"plain")}, {"data": "??"}]);
    let found = slice(json!({"requestId": "r", "records": records}).to_string().as_bytes());
    let faults: Vec<_> =
        found.malformed.iter().map(|(envelope, fault, _, raw)| (*envelope, *fault, &raw[..])).collect();
    let expected: [(_, _, &[u8]); 2] =
        [(Envelope::Firehose, DecodeError::NotJson, b"plain"), (Envelope::Firehose, DecodeError::Base64Damaged, b"??")];
    assert_eq!(faults, expected);
}

// === limits ===

fn nested(levels: usize) -> String {
    (0..levels).fold(record(1).to_string(), |inner, _| json!({"log": inner}).to_string())
}

#[test]
fn envelopes_are_unwrapped_to_the_configured_depth() {
    let narrow = DecodeLimits { nesting_depth_max: 3, ..limits() };
    for (levels, shed) in [(3, vec![]), (4, vec![Limit::NestingDepth])] {
        let found = slice_within(nested(levels).as_bytes(), &narrow);
        assert_eq!((found.found.events.len(), found.found.shed), (1 - shed.len(), shed), "{levels} levels");
    }
    let mut payload = record(1).to_string().into_bytes();
    for _ in 0..20 {
        payload = gzip(&payload);
    }
    assert_eq!(decode_both(&payload).shed, [Limit::NestingDepth]);
    let deep = (0..30).fold(record(1), |inner, _| json!({"detail": inner}));
    assert_eq!(decode_both(deep.to_string().as_bytes()).shed, [Limit::NestingDepth]);
    let deep = (0..30).fold(record(1), |inner, _| json!({"a": 1, "Records": [inner]}));
    assert_eq!(decode_both(deep.to_string().as_bytes()).shed, [Limit::NestingDepth]);
}

#[test]
fn a_gzip_bomb_inside_a_payload_is_shed() {
    let small = DecodeLimits { decompressed_bytes_max: 100_000, ..limits() };
    let lines: String = (0..1000).map(|n| format!("{}\n", record(n))).collect();
    let found = slice_within(&gzip(lines.as_bytes()), &small);
    assert_eq!(found.found.shed, [Limit::DecompressedBytes]);
    assert!((100..150).contains(&found.found.events.len()), "{} events", found.found.events.len());

    // A file's own compression is streamed, at any size.
    assert_eq!(stream_within(&gzip(lines.as_bytes())[..], 4096, &small).found, events(Envelope::Bare, 1000));
    // Compressed values inside the file are limited, each by itself.
    let inner = json!({"awslogs": {"data": base64(&gzip(&lines.as_bytes()[..90_000]))}}).to_string();
    let file = gzip(format!("{inner}\n{inner}\n").as_bytes());
    assert_eq!(stream_within(&file[..], 4096, &small).found.shed, []);
    // Many small streams in one payload count together.
    let payload = json!({"records": [{"data": base64(&gzip(&lines.as_bytes()[..90_000]))}, {"data": base64(&gzip(&lines.as_bytes()[..90_000]))}]});
    assert_eq!(slice_within(payload.to_string().as_bytes(), &small).found.shed, [Limit::DecompressedBytes]);
}

/// Records beyond the limit of a payload are shed with their bytes.
#[test]
fn records_beyond_the_payload_limit_are_shed() {
    let few = DecodeLimits { payload_records_max: 2, ..limits() };
    let good = record(1).to_string();
    let found = slice_within(format!("{{\"Records\":[{good},{{}},{good},{good}]}}").as_bytes(), &few);
    assert_eq!(found.found.events.len(), 1);
    assert_eq!(found.found.faults, [DecodeError::UnknownShape]);
    let expected = (Limit::PayloadRecords, good.into_bytes());
    assert_eq!(found.shed, [expected.clone(), expected]);
}

#[test]
fn a_payload_that_is_too_long_is_shed_whole() {
    let short = DecodeLimits { payload_bytes_max: 1000, ..limits() };
    let payload = " ".repeat(1001);
    let found = slice_within(payload.as_bytes(), &short);
    assert_eq!(found.shed, [(Limit::PayloadBytes, payload.into_bytes())]);
    assert_eq!(found.found.records(), 1);
}

#[test]
fn a_value_that_is_too_long_for_memory_costs_only_itself() {
    let short = DecodeLimits { payload_bytes_max: 5000, ..limits() };
    let good = record(1).to_string();
    let mut long = record(2);
    long["requestParameters"] = json!("[{\"}".repeat(100_000));
    for (open, separator, close) in [("", "\n", ""), ("", "", ""), ("{\"Records\":[", ",", "]}"), ("[", ",\n", "]")] {
        let input = format!("{open}{}{close}", [&good, &long.to_string(), &good].map(|s| &s[..]).join(separator));
        for step in [100, 100_000] {
            let found = stream_within(input.as_bytes(), step, &short).found;
            assert_eq!((found.events.len(), &found.shed[..]), (2, &[Limit::PayloadBytes][..]), "{separator:?}");
        }
    }
}

#[test]
fn a_records_array_of_any_length_is_no_long_value() {
    let short = DecodeLimits { payload_bytes_max: 5000, ..limits() };
    let records: Vec<Value> = (0..500).map(record).collect();
    let input = json!({"Records": records}).to_string();
    assert_eq!(stream_within(input.as_bytes(), 1000, &short).found, events(Envelope::Records, 500));
}

#[test]
fn brackets_nest_a_hundred_thousand_deep() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let good = record(1).to_string();
    for nest in [deep("[", "]"), deep("{\"a\":", "}").replace(":}", ":1}"), deep("[", ""), deep("{\"Records\":[", "]}")]
    {
        let found = decode_both(nest.as_bytes());
        assert_eq!(found.records(), 1, "{}", &nest[..20]);
        let mut record = record(2);
        record["requestParameters"] = json!("deep");
        let inside = record.to_string().replace("\"deep\"", &deep("[", "]"));
        assert_eq!(decode_both(format!("{good}\n{inside}\n").as_bytes()), events(Envelope::Bare, 2));
    }
}

#[test]
fn input_made_to_be_read_again_is_read_in_linear_time() {
    let begin = std::time::Instant::now();
    for piece in [
        "{\"a\":\n",
        "{\"eventVersion\":\n",
        "[{\"eventVersion\":",
        "{\"Records\":[{\"eventVersion\":[\n",
        "{\"a\":[\n{\"eventVersion\" ",
        "}{\"eventVersion\":",
    ] {
        let input = piece.repeat((4 << 20) / piece.len());
        let found = stream(input.as_bytes(), 1 << 20).found;
        assert!(found.events.is_empty() && found.records() > 0, "{piece:?}");
        let members = format!("{{\"Records\":[{input}");
        assert!(slice(members.as_bytes()).found.records() > 0, "{piece:?}");
    }
    assert!(begin.elapsed().as_secs() < 120, "{:?}", begin.elapsed());
}

#[test]
fn reading_errors_are_the_callers() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "the disk is gone"))
        }
    }
    for begin in [&b""[..], b"{\"eventVersion\"", &gzip(b"{\"eventVersion\"")] {
        let mut memory = decoding::Memory::default();
        let mut reader = std::io::Read::chain(begin, Broken);
        let error =
            insightd_core::cloudtrail::envelope::decode_stream(&mut reader, &limits(), &mut memory).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (std::io::ErrorKind::TimedOut, "the disk is gone"));
    }
}
