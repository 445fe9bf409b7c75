//! The setup of most of these tests: their own topics, a configuration for them, and the output.

use std::collections::BTreeMap;

use insightd_test_support::broker::{Broker, Got, broker, fresh};
use insightd_test_support::insightd::{Daemon, Insight, Replayed};
use insightd_test_support::load::PARTITIONS;

/// Topics, group and identity of one test.
pub struct Setup {
    /// The cluster.
    pub broker: &'static Broker,
    /// Input topic.
    pub input: String,
    /// Output topic.
    pub output: String,
    /// Dead-letter records.
    pub dlq: String,
    /// Consumer group, and name of the instance.
    pub group: String,
}

impl Setup {
    /// Creates the topics on the shared cluster.
    pub fn new(name: &str) -> Self {
        let setup = Self::without_topics(name);
        setup.broker.create_topic(&setup.input, PARTITIONS);
        setup.broker.create_topic(&setup.output, 2);
        setup.broker.create_topic(&setup.dlq, 1);
        setup.broker.create_topic(&setup.state(), PARTITIONS);
        setup
    }

    /// Only names.
    pub fn without_topics(name: &str) -> Self {
        let name = fresh(name);
        Self {
            broker: broker(),
            input: format!("{name}.cloudtrail"),
            output: format!("{name}.insights"),
            dlq: format!("{name}.dlq"),
            group: name,
        }
    }

    /// A configuration for them, without idle advances, so that the outcome depends only on the records.
    pub fn config(&self) -> String {
        self.config_with("keyed_by_account = true\nidle_after = \"1h\"\n", "")
    }

    /// The same with other keys under `[input]`, and further sections.
    pub fn config_with(&self, input: &str, sections: &str) -> String {
        format!(
            r#"
[kafka]
bootstrap_servers = ["{}"]
group_id = "{}"
instance_id = "{}"
session_timeout = "15s"
[input]
topics = ["{}"]
start = "earliest"
{input}
[output]
topic = "{}"
[dlq]
topic = "{}"
{sections}
"#,
            self.broker.address, self.group, self.group, self.input, self.output, self.dlq
        )
    }

    /// The changelog.
    pub fn state(&self) -> String {
        format!("{}-state", self.group)
    }

    /// Waits until the group has committed every record of the input topic.
    pub fn wait_until_read(&self, daemon: &mut Daemon) {
        let ends = self.broker.ends(&self.input);
        daemon.wait_until("the input is read to its end", |_| self.broker.committed(&self.group, &self.input) == ends);
    }

    /// The committed insights.
    pub fn insights(&self) -> Vec<Got> {
        self.broker.read_committed(&self.output)
    }

    /// The committed dead-letter records.
    pub fn dead_letters(&self) -> Vec<Got> {
        self.broker.read_committed(&self.dlq)
    }
}

/// Records by account, each account in its order.
pub fn by_account<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeMap<String, Vec<String>> {
    let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in texts {
        accounts.entry(Insight::read(text).account).or_default().push(text.to_owned());
    }
    accounts
}

/// The insights that `run` must find where `replay` found these: all but the Ends that the end of the input
/// caused. Those are the last lines of the output; any other line that `found` lacks is an error.
pub fn expected(replayed: &Replayed, found: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let total: usize = found.values().map(Vec::len).sum();
    let (kept, at_the_end) = replayed.insights.split_at(total.min(replayed.insights.len()));
    for insight in at_the_end {
        assert_eq!(insight.state, "End", "replay found what run did not: {}", insight.text);
    }
    by_account(kept.iter().map(|insight| insight.text.as_str()))
}

/// Compares account by account, and shows the first difference.
pub fn assert_same(found: &BTreeMap<String, Vec<String>>, expected: &BTreeMap<String, Vec<String>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "accounts with insights");
    for (account, expected) in expected {
        let found = &found[account];
        for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert_eq!(found, expected, "insight {n} of account {account}: run (left) and replay (right)");
        }
        assert_eq!(found.len(), expected.len(), "insights of account {account}");
    }
}
