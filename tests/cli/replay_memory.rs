//! Memory of `insightd replay` on input that is built to exhaust it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use insightd_test_support::replaying::*;
use serde_json::{Value, json};

/// Peak resident memory of a run in MB, and its stats.
fn peak_mb(file: &Path) -> (u64, Value) {
    let folder = tempfile::tempdir().unwrap();
    let stats = folder.path().join("stats");
    let mut child =
        insightd().arg("replay").arg("--stats").arg(&stats).arg(file).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        // VmHWM only rises, so the last value before the end is the peak.
        let now = fs::read_to_string(&status).unwrap_or_default();
        let peak_kb = now.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok());
        peak = peak_kb.unwrap_or(0).max(peak);
        thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success());
    (peak / 1024, serde_json::from_slice(&fs::read(stats).unwrap()).unwrap())
}

/// A gzip bomb: `piece` repeated up to this decompressed size.
fn bomb(folder: &Folder, name: &str, piece: &str, bytes: usize) -> PathBuf {
    let path = folder.path(name);
    let mut encoder = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    let chunk = piece.repeat((1 << 20) / piece.len());
    for _ in 0..bytes / chunk.len() {
        encoder.write_all(chunk.as_bytes()).unwrap();
    }
    encoder.finish().unwrap();
    path
}

/// More accounts, APIs, principals, agents and error codes than the limits allow, all of them long.
fn names(folder: &Folder) -> PathBuf {
    const RECORDS: u32 = 120_000;
    let path = folder.path("names.ndjson.gz");
    let mut encoder = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    let (agent, long) = ("a".repeat(900), "n".repeat(230));
    for number in 0..RECORDS {
        let mut record = record(number / 100, number);
        record["recipientAccountId"] = json!(format!("{:012}", number % 60_000));
        record["userAgent"] = json!(format!("{number}{agent}"));
        record["userIdentity"]["arn"] = json!(format!("arn:aws:iam::111122223333:user/{number}{long}"));
        record["eventName"] = json!(format!("{number}{long}"));
        record["errorCode"] = json!(format!("{number}{long}"));
        serde_json::to_writer(&mut encoder, &record).unwrap();
        encoder.write_all(b"\n").unwrap();
    }
    encoder.finish().unwrap();
    path
}

#[test]
fn memory_stays_bounded_whatever_the_input() {
    const MEMORY_MB_MAX: u64 = 512;
    const GB: usize = 1 << 30;
    let folder = Folder::new();
    let long = |length: usize| record(1, 1).to_string().replace("aws-cli/2.15.30", &"\\u00e4".repeat(length / 6));
    let nested = (0..7).fold(long(20 << 20), |inner, _| json!({"log": inner}).to_string());
    let keys: String = (0..2 << 20).map(|n| format!(",\"{n:x}\":1")).collect();
    let inputs = [
        names(&folder),
        bomb(&folder, "zeros.json.gz", "\0", GB),
        bomb(&folder, "spaces.json.gz", " ", GB / 16),
        bomb(&folder, "lines.json.gz", "x\n", GB / 8),
        bomb(&folder, "brackets.json.gz", "[", GB / 16),
        bomb(&folder, "objects.json.gz", "{\"a\":", GB / 16),
        bomb(&folder, "arrays.json.gz", "{\"Records\":[", GB / 16),
        bomb(&folder, "cut.json.gz", "{\"eventVersion\":\n", GB / 64),
        folder.write("line.json", long(100 << 20)),
        folder.write("nested.json", nested),
        folder.write("keys.json", format!("{{\"a\":1{keys}}}")),
        folder.write("deep.json", "[".repeat(100_000) + &"]".repeat(100_000)),
        folder.write("gzip-in-gzip.json.gz", gzip(&gzip(&gzip(&vec![0; GB / 4])))),
    ];
    for input in inputs {
        let (peak, stats) = peak_mb(&input);
        assert!((1..MEMORY_MB_MAX).contains(&peak), "{}: {peak} MB", input.display());
        let found = stats["records"].as_u64().unwrap() + stats["payloads_skipped"].as_object().unwrap().len() as u64;
        assert!(found > 0, "{}: {stats}", input.display());
        println!("{}: {peak} MB, {} records", input.display(), stats["records"]);
    }
}
