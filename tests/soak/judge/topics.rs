//! Plain consumers, without a group.

use std::time::{Duration, Instant};

use insightd::config::Config;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Longest time without progress.
const STILL_MAX: Duration = Duration::from_secs(120);

/// Follows partitions from their beginning.
pub struct Follower {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Follower {
    /// Follows all partitions.
    pub fn new(config: &Config, topic: &str, committed: bool) -> Self {
        let mut follower = Self { consumer: consumer(config, committed), topic: topic.to_owned(), partitions: 0 };
        let metadata = follower.consumer.fetch_metadata(Some(topic), ANSWER_MAX).expect("metadata");
        follower.partitions = metadata.topics().iter().map(|found| found.partitions().len() as i32).sum();
        assert!(follower.partitions > 0, "topic {topic} does not exist");
        follower.assign(0..follower.partitions);
        follower
    }

    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Restarts at the beginning of these partitions.
    pub fn assign(&self, partitions: std::ops::Range<i32>) {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(&self.topic, partition, Offset::Beginning).expect("a partition");
        }
        self.consumer.assign(&list).expect("assigned");
    }

    /// Ends of the partitions now, records of open transactions included.
    pub fn ends(&self, config: &Config) -> Vec<i64> {
        let all = consumer(config, false);
        (0..self.partitions)
            .map(|partition| {
                loop {
                    // A broker may be down.
                    match all.fetch_watermarks(&self.topic, partition, ANSWER_MAX) {
                        Ok((_, end)) => break end,
                        Err(error) => eprintln!("{}[{partition}]: {error}", self.topic),
                    }
                }
            })
            .collect()
    }

    /// The next message, if one arrives soon. Ignores errors: a broker that is down restarts.
    pub fn next(&self) -> Option<BorrowedMessage<'_>> {
        self.consumer.poll(Duration::from_millis(100))?.ok()
    }

    /// Whether a partition is read up to `end`. Markers of transactions move the position, too.
    fn has_passed(&self, partition: i32, end: i64) -> bool {
        let now = self.consumer.position().expect("a position");
        let found = now.find_partition(&self.topic, partition).map(|found| found.offset());
        end == 0 || matches!(found, Some(Offset::Offset(at)) if at >= end)
    }

    /// Shows every message of these partitions before these ends.
    pub fn read_to(&self, ends: &[(i32, i64)], mut show: impl FnMut(&BorrowedMessage<'_>)) {
        let mut moved = Instant::now();
        loop {
            while let Some(message) = self.next() {
                show(&message);
                moved = Instant::now();
            }
            if ends.iter().all(|(partition, end)| self.has_passed(*partition, *end)) {
                return;
            }
            assert!(moved.elapsed() < STILL_MAX, "{} cannot be read to its end: {ends:?}", self.topic);
        }
    }
}

fn consumer(config: &Config, committed: bool) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", config.kafka.bootstrap_servers.join(","))
        .set("group.id", "judge")
        .set("enable.auto.commit", "false")
        .set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" })
        .set("auto.offset.reset", "error")
        .set("fetch.message.max.bytes", "8388608")
        .set("queued.max.messages.kbytes", "65536")
        .create()
        .expect("a consumer")
}
