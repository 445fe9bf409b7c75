//! Encrypted and authenticated brokers, with only the rights that docs/install.md names.

use crate::setup::Setup;
use insightd_test_support::broker::Broker;
use insightd_test_support::insightd::{Daemon, command};

/// A secure cluster with topics, and the rights that the daemon needs for them.
fn secure(name: &str, user: &str) -> Setup {
    let broker: &'static Broker = Box::leak(Box::new(Broker::start(name, &["--secure"])));
    let setup = Setup { broker, ..Setup::without_topics(name) };
    for (topic, partitions) in [(&setup.input, 3), (&setup.output, 2), (&setup.dlq, 1), (&setup.state(), 3)] {
        broker.create_topic(topic, partitions);
    }
    let allow = |what: &[&str]| allow(broker, user, what);
    allow(&["--operation", "Read", "--operation", "Describe", "--topic", &setup.input]);
    allow(&["--operation", "Read", "--topic", &setup.state()]);
    for topic in [&setup.output, &setup.dlq, &setup.state()] {
        allow(&["--operation", "Write", "--operation", "Describe", "--topic", topic]);
    }
    allow(&["--operation", "Read", "--group", &setup.group]);
    let ids = ["--operation", "Write", "--operation", "Describe", "--transactional-id"];
    allow(&[&ids[..], &[&setup.group, "--resource-pattern-type", "prefixed"]].concat());
    setup
}

fn allow(broker: &Broker, user: &str, what: &[&str]) {
    let principal = format!("User:{user}");
    broker.script("acls", &[&["--add", "--allow-principal", &principal], what].concat());
}

/// Reads, writes and commits in a transaction, and ends.
fn assert_works(setup: &Setup, listener: u16, client: &str) {
    let config = setup.config_with("keyed_by_account = true", &format!("[kafka.client]\n{client}"));
    let config = config.replace(&setup.broker.address, &setup.broker.listener(listener));
    let mut daemon = Daemon::start_ready(&config);
    let feeder = setup.broker.feeder(&setup.input);
    feeder.send(0, Some("111122223333"), b"not a record");
    feeder.flush();
    setup.wait_until_read(&mut daemon);
    daemon.stop();
    assert_eq!(setup.dead_letters().len(), 1, "{}", daemon.log());
    setup.broker.script("stop", &[]);
}

#[test]
fn sasl_ssl_with_scram() {
    let setup = secure("scram", "insightd");
    setup.broker.script("user", &["insightd", "a secret of the test"]);
    let client = format!(
        r#"
"security.protocol" = "SASL_SSL"
"sasl.mechanisms" = "SCRAM-SHA-512"
"sasl.username" = "insightd"
"sasl.password" = "a secret of the test"
"ssl.ca.location" = "{}"
"#,
        setup.broker.tls("ca.pem").display()
    );
    assert_works(&setup, 3, &client);
}

#[test]
fn tls_with_a_client_certificate() {
    let setup = secure("tls", "client");
    assert_works(&setup, 2, &certificate(&setup));
}

/// Settings of a client with the certificate that the cluster created.
fn certificate(setup: &Setup) -> String {
    format!(
        r#"
"security.protocol" = "SSL"
"ssl.ca.location" = "{}"
"ssl.certificate.location" = "{}"
"ssl.key.location" = "{}"
"#,
        setup.broker.tls("ca.pem").display(),
        setup.broker.tls("client.pem").display(),
        setup.broker.tls("client.key").display()
    )
}

/// The two rights that `insightd dlq` needs beyond the daemon's.
#[test]
fn dlq_needs_to_read_the_dead_letters_and_to_write_the_input() {
    let setup = secure("dlq", "client");
    let client = format!("[kafka.client]{}", certificate(&setup));
    let config = |limit: &str| {
        let config = setup.config_with(&format!("keyed_by_account = true\n{limit}"), &client);
        config.replace(&setup.broker.address, &setup.broker.listener(2))
    };
    let feeder = setup.broker.feeder(&setup.input);
    let record = r#"{"eventVersion":"1.09","eventTime":"2025-03-04T10:17:05Z","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"eu-west-1","recipientAccountId":"111122223333"}"#;
    feeder.send(0, Some("111122223333"), format!("{record}{}", " ".repeat(2000)).as_bytes());
    feeder.flush();
    let mut daemon = Daemon::start_ready(&config("payload_bytes_max = \"1 KiB\""));
    setup.wait_until_read(&mut daemon);
    daemon.stop();

    let dlq = |word: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("insightd.toml");
        std::fs::write(&file, config("")).expect("written");
        let output = command().args(["dlq", word, "--config"]).arg(&file).output().expect("insightd can be run");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) = dlq("list");
    assert!(code == Some(74) && said.contains("Read"), "without the right to read: {code:?} {said}");
    allow(setup.broker, "client", &["--operation", "Read", "--topic", &setup.dlq]);
    let (code, said) = dlq("list");
    assert!(code == Some(0) && said.contains("payload_bytes"), "{code:?} {said}");
    let (code, said) = dlq("replay");
    assert!(code == Some(74) && said.contains("Write"), "without the right to write: {code:?} {said}");
    allow(setup.broker, "client", &["--operation", "Write", "--topic", &setup.input]);
    let (code, said) = dlq("replay");
    assert!(code == Some(0) && said.contains("1  replayed: "), "{code:?} {said}");
    assert_eq!(setup.broker.read_committed(&setup.input).len(), 2);
    setup.broker.script("stop", &[]);
}
