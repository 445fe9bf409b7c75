//! `insightd dlq` as a process without a broker: exit codes and messages.

use std::path::PathBuf;
use std::process::Output;

use assert_cmd::Command;

/// A port that stays bound for as long as this lives, and on which nothing answers.
struct Silent {
    folder: tempfile::TempDir,
    listener: std::net::TcpListener,
}

impl Silent {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        Self { folder: tempfile::tempdir().expect("a folder"), listener }
    }

    fn config(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("insightd.toml");
        let address = self.listener.local_addr().expect("an address");
        std::fs::write(&path, format!("[kafka]\nbootstrap_servers = [\"{address}\"]\n{text}")).expect("written");
        path
    }
}

fn dlq(words: &[&str]) -> Output {
    Command::cargo_bin("insightd").expect("the binary").env_clear().arg("dlq").args(words).output().expect("it runs")
}

fn assert_fails(words: &[&str], code: i32, says: &str) {
    let output = dlq(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(said.contains(says), "{words:?}: {says:?} is not in {said:?}");
    assert!(output.stdout.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_wrong_command_line_is_explained() {
    assert_fails(&["list"], 64, "--config");
    assert_fails(&["list", "--config", "x", "--reason", "not_jsn"], 64, "not_json");
    assert_fails(&["replay", "--config", "x", "--since", "yesterday"], 64, "2h or 7d");
    assert_fails(&["replay", "--config", "x", "--limit", "few"], 64, "--limit");
    assert_fails(&["replay", "--config", "x", "--json"], 64, "--json");
}

#[test]
fn a_wrong_configuration_is_78() {
    let silent = Silent::new();
    let path = silent.config("[dlq]\ntopic = \"no topic\"\n");
    let path = path.to_str().expect("UTF-8");
    for command in ["list", "replay"] {
        assert_fails(&[command, "--config", path], 78, "dlq.topic");
        assert_fails(&[command, "--config", "no-such-file.toml"], 78, "no-such-file.toml");
    }
}

#[test]
fn a_broker_that_does_not_answer_is_74() {
    let silent = Silent::new();
    let path = silent.config("");
    assert_fails(&["list", "--config", path.to_str().expect("UTF-8")], 74, "127.0.0.1");
}
