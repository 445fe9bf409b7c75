//! Creates topics, empties them and reads their limits. rdkafka offers these as futures only; the calling
//! thread blocks on them here, outside of any worker.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::creation::Creation;
use super::errors;
use crate::stream::broker::{Action, BrokerError};

/// Longest wait for the answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Creates topics. One that has appeared meanwhile counts as created.
///
/// # Errors
/// The first that could not be created.
pub(super) fn create(client: &ClientConfig, topics: &[Creation]) -> Result<(), BrokerError> {
    let admin: AdminClient<DefaultClientContext> =
        client.create().map_err(|error| errors::failure("make a Kafka client", &error))?;
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|topic| {
            let new = NewTopic::new(&topic.topic, topic.partitions, TopicReplication::Fixed(topic.replication));
            topic.settings.iter().fold(new, |new, (key, value)| new.set(key, value))
        })
        .collect();
    let answers =
        block_on(admin.create_topics(&new, &options())).map_err(|error| errors::failure("create topics", &error))?;
    for answer in answers {
        match answer {
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                let refusal = errors::failure(&format!("create topic {topic}"), &KafkaError::AdminOp(code));
                return Err(refusal);
            }
        }
    }
    Ok(())
}

/// Largest batch that each of these topics accepts (`max.message.bytes`), in their order.
///
/// # Errors
/// [`Action::Retry`] if the broker did not answer, another if it refused.
pub(super) fn message_bytes_max<const N: usize>(
    client: &ClientConfig,
    topics: [&str; N],
) -> Result<[usize; N], BrokerError> {
    let admin: AdminClient<DefaultClientContext> =
        client.create().map_err(|error| errors::failure("make a Kafka client", &error))?;
    let asked = topics.map(ResourceSpecifier::Topic);
    let doing = format!("read max.message.bytes of {}", topics.join(", "));
    let answers =
        block_on(admin.describe_configs(&asked, &options())).map_err(|error| errors::failure(&doing, &error))?;
    let mut known = BTreeMap::new();
    for answer in answers {
        let resource = answer.map_err(|code| errors::failure(&doing, &KafkaError::AdminOp(code)))?;
        let value = resource.get("max.message.bytes").and_then(|entry| entry.value.as_deref()?.parse().ok());
        if let (OwnedResourceSpecifier::Topic(name), Some(value)) = (&resource.specifier, value) {
            known.insert(name.clone(), value);
        }
    }
    let mut limits = [0; N];
    for (limit, topic) in limits.iter_mut().zip(topics) {
        let unknown = || BrokerError::new(Action::Fatal, format!("cannot {doing}: no answer for {topic}"));
        *limit = *known.get(topic).ok_or_else(unknown)?;
    }
    Ok(limits)
}

/// Deletes all records of these partitions of a topic.
///
/// # Errors
/// If no broker answers, or one refuses.
pub(super) fn empty(client: &ClientConfig, topic: &str, partitions: &[i32]) -> Result<(), BrokerError> {
    let admin: AdminClient<DefaultClientContext> =
        client.create().map_err(|error| errors::failure("make a Kafka client", &error))?;
    let doing = format!("delete the records of {topic}");
    let mut all = TopicPartitionList::new();
    for partition in partitions {
        all.add_partition_offset(topic, *partition, Offset::End).map_err(|error| errors::failure(&doing, &error))?;
    }
    let answers = block_on(admin.delete_records(&all, &options())).map_err(|error| errors::failure(&doing, &error))?;
    answers.elements().iter().try_for_each(|answer| answer.error().map_err(|error| errors::failure(&doing, &error)))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_MAX)).operation_timeout(Some(ANSWER_MAX))
}

/// Blocks this thread on a future.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
