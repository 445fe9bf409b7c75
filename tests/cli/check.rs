//! `insightd check` as a process: what it prints, where, and its exit code.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

const CONFIGURATION: i32 = 78;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("insightd.toml");
        std::fs::write(&path, text).expect("written");
        path
    }
}

fn check(path: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::cargo_bin("insightd").expect("the binary");
    command.env_clear().arg("check").arg("--config").arg(path).envs(variables.iter().copied());
    command.output().expect("it runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn prints_the_resolved_configuration_as_toml_with_origins() {
    let folder = Folder::new();
    let path = folder.file("[kafka]\nworkers = 2\ninstance_id = \"pod-1\"\n");
    let output = check(&path, &[("INSIGHTD__KAFKA__GROUP_ID", "soc")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(output.stderr.is_empty());
    let text = stdout(&output);
    let table: toml::Table = text.parse().expect("TOML");
    assert_eq!(table["kafka"]["workers"].as_integer(), Some(2));
    assert_eq!(table["kafka"]["group_id"].as_str(), Some("soc"));
    assert!(text.contains("insightd.toml, line 2"), "{text}");
    assert!(text.contains("# environment variable INSIGHTD__KAFKA__GROUP_ID"), "{text}");
    assert!(text.contains("soc-pod-1-0 to soc-pod-1-1"), "{text}");
}

#[test]
fn masks_every_secret() {
    let folder = Folder::new();
    let path = folder.file(
        r#"
[kafka.client]
security.protocol = "SASL_SSL"
sasl.mechanism = "PLAIN"
sasl.jaas.config = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="hunter2-a";'
ssl.key.password = "hunter2-b"
ssl.key.pem = """-----BEGIN PRIVATE KEY-----
hunter2-c
-----END PRIVATE KEY-----"""
ssl.keystore.password = "hunter2-d"
sasl.oauthbearer.client.secret = "hunter2-e"
sasl.oauthbearer.config = "principal=x hunter2-f"
sasl.oauthbearer.token.endpoint.url = "https://bob:hunter2-g@idp.example.org/token?client_secret=hunter2-h&realm=soc"
sasl.oauthbearer.extensions = "password=hunter2-i"
ssl.key.location = "/etc/key.pem"
client.id = "x?api_key=hunter2-k"
"#,
    );
    let output = check(&path, &[("INSIGHTD__KAFKA__CLIENT__SASL_PASSWORD", "hunter2-l")]);
    // The key file does not exist, so no client can be created; everything is printed nevertheless.
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(!text.contains("hunter2"), "{text}");
    for open in ["alice", "https://bob:********@idp.example.org/token?client_secret=********&realm=soc", "/etc/key.pem"]
    {
        assert!(text.contains(open), "{open} is no secret: {text}");
    }
    let table: toml::Table = text.parse().expect("TOML");
    assert_eq!(table["kafka"]["client"]["sasl.password"].as_str(), Some("********"));
}

#[test]
fn names_own_topics_that_a_pattern_matches() {
    let folder = Folder::new();
    let output = check(&folder.file("[input]\ntopics = [\"^.*\"]\n"), &[]);
    let text = stdout(&output);
    assert!(
        text.contains(
            "# input.topics matches the daemon's own topics insights and insights.dlq and insightd-state and insightd-history: never read"
        ),
        "{text}"
    );
}

#[test]
fn says_that_the_instance_id_is_the_host_name() {
    let folder = Folder::new();
    let text = stdout(&check(&folder.file(""), &[]));
    assert!(text.contains("# kafka.instance_id is the host name, "), "{text}");
}

#[test]
fn all_faults_go_to_stderr_with_78() {
    let folder = Folder::new();
    let path = folder.file("[kafka]\nworkers = 0\nbootstrap_server = \"x\"\n[log]\nformat = \"xml\"\n");
    let output = check(&path, &[]);
    assert_eq!(output.status.code(), Some(CONFIGURATION));
    assert!(output.stdout.is_empty());
    let text = stderr(&output);
    assert!(text.starts_with("insightd: the configuration has 3 faults:\n"), "{text}");
    for part in ["kafka.workers = 0: ", "log.format = \"xml\": ", "did you mean kafka.bootstrap_servers?", ", line 3)"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_missing_file_and_a_folder_are_configuration_faults() {
    let folder = Folder::new();
    for path in [folder.0.path().join("missing.toml"), folder.0.path().to_owned()] {
        let output = check(&path, &[]);
        assert_eq!(output.status.code(), Some(CONFIGURATION), "{path:?}");
        assert!(stderr(&output).contains("cannot be read"), "{}", stderr(&output));
    }
}

#[test]
fn without_a_file_it_is_a_usage_error() {
    let mut command = Command::cargo_bin("insightd").expect("the binary");
    assert_eq!(command.arg("check").output().expect("it runs").status.code(), Some(64));
}
