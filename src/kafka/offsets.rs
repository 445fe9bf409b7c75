//! Offsets of partitions: what exists, what the group has committed, and where an assigned partition begins.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataPartition;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;
use super::errors;
use crate::config::StartAt;
use crate::stream::broker::{Assigned, BrokerError, Position, TopicPartition};

/// Prefix of the state's number in the metadata of a committed offset.
const STATE: &str = "insightd-state=";

/// A committed offset, and the number of the state that belongs to it.
type Committed = (i64, Option<u64>);

/// Longest wait for one answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The offsets that exist in a partition, or a part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Offset of the oldest record.
    pub oldest: i64,
    /// Offset after the last record.
    pub end: i64,
}

impl Bounds {
    /// The same without the records before `from`.
    pub(super) fn starting_at(self, from: i64) -> Self {
        Self { oldest: self.oldest.max(from), ..self }
    }
}

/// Numbers of the partitions of a topic; none if it does not exist, or must not be seen.
///
/// # Errors
/// If no broker answers within `wait`.
pub(super) fn partitions(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    wait: Duration,
) -> Result<Vec<i32>, BrokerError> {
    let metadata = consumer
        .fetch_metadata(Some(topic), wait)
        .map_err(|error| errors::failure(&format!("look at topic {topic}"), &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    Ok(found.map(|found| found.partitions().iter().map(MetadataPartition::id).collect()).unwrap_or_default())
}

/// The first offset of each partition, in their order: the group's committed offset, or else as `input.start`
/// says.
///
/// # Errors
/// If the broker does not answer; nothing is assigned then.
pub(super) fn beginnings(
    consumer: &BaseConsumer<Context>,
    partitions: &[TopicPartition],
    start: StartAt,
) -> Result<Vec<Assigned>, BrokerError> {
    let committed = committed(consumer, partitions)?;
    let known = partitions.iter().zip(committed);
    known
        .map(|(partition, committed)| {
            let partition = partition.clone();
            Ok(match committed {
                Some((position, state)) => Assigned { partition, position, committed: true, state },
                None => {
                    let position = first_offset(consumer, &partition, start)?;
                    Assigned { partition, position, committed: false, state: None }
                }
            })
        })
        .collect()
}

/// The offsets of a partition, as the client sees them: up to the last stable offset for a reader of
/// committed records.
///
/// # Errors
/// If the broker does not answer.
pub(super) fn bounds(consumer: &BaseConsumer<Context>, partition: &TopicPartition) -> Result<Bounds, BrokerError> {
    bounds_within(consumer, partition, ANSWER_MAX)
}

/// As [`bounds`], with another longest wait.
///
/// # Errors
/// As [`bounds`].
pub(super) fn bounds_within(
    consumer: &BaseConsumer<Context>,
    partition: &TopicPartition,
    wait: Duration,
) -> Result<Bounds, BrokerError> {
    consumer
        .fetch_watermarks(&partition.topic, partition.partition, wait)
        .map(|(oldest, end)| Bounds { oldest, end })
        .map_err(|error| errors::failure(&format!("ask for the offsets of {partition}"), &error))
}

/// A list for the library, each partition with an offset.
///
/// # Errors
/// If the protocol cannot represent an offset.
pub(super) fn list<'a>(
    offsets: impl Iterator<Item = (&'a TopicPartition, i64)>,
) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(offset))
            .map_err(|error| errors::failure(&format!("name offset {offset} of {partition}"), &error))?;
    }
    Ok(list)
}

/// A list of offsets to commit, each with the number of the state that belongs to it.
///
/// # Errors
/// As [`list`].
pub(super) fn positions(positions: &[Position]) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::new();
    for Position { partition, next, state } in positions {
        let mut element = list.add_partition(&partition.topic, partition.partition);
        element.set_metadata(format!("{STATE}{state}"));
        element
            .set_offset(Offset::Offset(*next))
            .map_err(|error| errors::failure(&format!("name offset {next} of {partition}"), &error))?;
    }
    Ok(list)
}

/// The group's offset of each partition with the number of the state that belongs to it, in their order; none
/// where the group has committed none.
fn committed(
    consumer: &BaseConsumer<Context>,
    partitions: &[TopicPartition],
) -> Result<Vec<Option<Committed>>, BrokerError> {
    let failed = |error: &KafkaError| errors::failure("ask for the group's committed offsets", error);
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(&partition.topic, partition.partition);
    }
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let answer = consumer.committed_offsets(asked, ANSWER_MAX).map_err(|error| failed(&error))?;
    let offset_of = |partition: &TopicPartition| {
        let Some(found) = answer.find_partition(&partition.topic, partition.partition) else { return Ok(None) };
        found.error().map_err(|error| failed(&error))?;
        match found.offset() {
            Offset::Offset(offset) => {
                let state = found.metadata().strip_prefix(STATE).and_then(|number| number.parse().ok());
                Ok(Some((offset, state)))
            }
            _ => Ok(None),
        }
    };
    partitions.iter().map(offset_of).collect()
}

/// Where a partition without a committed offset begins.
fn first_offset(
    consumer: &BaseConsumer<Context>,
    partition: &TopicPartition,
    start: StartAt,
) -> Result<i64, BrokerError> {
    match start {
        StartAt::Earliest => Ok(bounds(consumer, partition)?.oldest),
        StartAt::Latest => Ok(bounds(consumer, partition)?.end),
        StartAt::Ago(age) => {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let millis = i64::try_from(since_1970.saturating_sub(age).as_millis()).unwrap_or(i64::MAX);
            match offset_at(consumer, partition, millis)? {
                Some(offset) => Ok(offset),
                // All records are older.
                None => Ok(bounds(consumer, partition)?.end),
            }
        }
    }
}

/// The first offset whose record is no older than `millis` (since 1970); none if all are older.
///
/// # Errors
/// If the broker does not answer.
pub(super) fn offset_at(
    consumer: &BaseConsumer<Context>,
    partition: &TopicPartition,
    millis: i64,
) -> Result<Option<i64>, BrokerError> {
    let failed = |error: &KafkaError| errors::failure(&format!("look up a time in {partition}"), error);
    let asked = list(std::iter::once((partition, millis)))?;
    let answer = consumer.offsets_for_times(asked, ANSWER_MAX).map_err(|error| failed(&error))?;
    let Some(found) = answer.find_partition(&partition.topic, partition.partition) else { return Ok(None) };
    found.error().map_err(|error| failed(&error))?;
    match found.offset() {
        Offset::Offset(offset) => Ok(Some(offset)),
        _ => Ok(None),
    }
}
