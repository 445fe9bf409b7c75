//! Encrypted and authenticated brokers, with no more rights than the README names.

use crate::setup::Setup;
use crate::support::broker::Broker;
use crate::support::insightd::Daemon;

/// A secure cluster with topics, and the rights that the daemon needs for them.
fn secure(name: &str, user: &str) -> Setup {
    let broker: &'static Broker = Box::leak(Box::new(Broker::start(name, &["--secure"])));
    let setup = Setup { broker, ..Setup::without_topics(name) };
    for (topic, partitions) in [(&setup.input, 3), (&setup.output, 2), (&setup.dlq, 1)] {
        broker.create_topic(topic, partitions);
    }
    let principal = format!("User:{user}");
    let allow = |what: &[&str]| {
        broker.script("acls", &[&["--add", "--allow-principal", &principal], what].concat());
    };
    allow(&["--operation", "Read", "--operation", "Describe", "--topic", &setup.input]);
    for topic in [&setup.output, &setup.dlq] {
        allow(&["--operation", "Write", "--operation", "Describe", "--topic", topic]);
    }
    allow(&["--operation", "Read", "--group", &setup.group]);
    let ids = ["--operation", "Write", "--operation", "Describe", "--transactional-id"];
    allow(&[&ids[..], &[&setup.group, "--resource-pattern-type", "prefixed"]].concat());
    setup
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
    let client = format!(
        r#"
"security.protocol" = "SSL"
"ssl.ca.location" = "{}"
"ssl.certificate.location" = "{}"
"ssl.key.location" = "{}"
"#,
        setup.broker.tls("ca.pem").display(),
        setup.broker.tls("client.pem").display(),
        setup.broker.tls("client.key").display()
    );
    assert_works(&setup, 2, &client);
}
