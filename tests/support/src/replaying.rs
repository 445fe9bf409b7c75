//! Runs `insightd replay` on constructed input.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

pub fn insightd() -> Command {
    let mut command = Command::new(crate::binary());
    command.stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

pub fn replay<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    insightd().arg("replay").args(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs with `--stats` and reads them; the run must succeed.
pub fn stats<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats");
    let output = insightd().arg("replay").arg("--stats").arg(&file).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// A write of account 111122223333 at a minute (from 2026-03-01T00:00Z on).
pub fn record(minute: u32, number: u32) -> Value {
    let (day, hour) = (1 + minute / 1440, minute / 60 % 24);
    json!({
        "eventVersion": "1.09",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/dana", "accountId": "111122223333"},
        "eventTime": format!("2026-03-{day:02}T{hour:02}:{:02}:{:02}Z", minute % 60, number % 60),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances",
        "awsRegion": "eu-west-1",
        "userAgent": "aws-cli/2.15.30",
        "eventID": format!("{minute:08x}-1111-4111-8111-{number:012x}"),
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

/// Three quiet days with a call every six hours, a minute of sixty calls, and quiet again: one Start and one
/// End.
pub fn burst() -> String {
    let quiet = (0..12).map(|n| record(n * 360, 0));
    let burst = (0..60).map(|n| record(4330, n));
    let after = (1..4).map(|n| record(4330 + n * 360, 0));
    quiet.chain(burst).chain(after).map(|record| format!("{record}\n")).collect()
}

pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

// === output ===
