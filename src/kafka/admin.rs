//! Creating topics and asking for their limits. rdkafka offers these as futures only; they are waited for here, on the calling
//! thread, before any worker starts.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::stream::broker::{Action, Failure};

use super::errors;

/// Longest wait for the answer of a broker.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Name.
    pub topic: String,
    /// Partitions; -1 = the broker's default.
    pub partitions: i32,
    /// Replication factor; -1 = the broker's default.
    pub replication: i32,
}

/// Creates topics. One that exists meanwhile is as good as created.
///
/// # Errors
/// The first that could not be created.
pub fn create(client: &ClientConfig, topics: &[Creation]) -> Result<(), Failure> {
    let admin: AdminClient<DefaultClientContext> =
        client.create().map_err(|error| errors::failure("make a Kafka client", &error))?;
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|topic| NewTopic::new(&topic.topic, topic.partitions, TopicReplication::Fixed(topic.replication)))
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

/// Largest batch that every one of these topics takes (`max.message.bytes`).
///
/// # Errors
/// [`Action::Retry`] when the broker did not answer, anything else when it refused.
pub fn message_bytes_max(client: &ClientConfig, topics: &[&str]) -> Result<usize, Failure> {
    let admin: AdminClient<DefaultClientContext> =
        client.create().map_err(|error| errors::failure("make a Kafka client", &error))?;
    let asked: Vec<ResourceSpecifier<'_>> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let doing = format!("read max.message.bytes of {}", topics.join(", "));
    let answers =
        block_on(admin.describe_configs(&asked, &options())).map_err(|error| errors::failure(&doing, &error))?;
    let mut smallest = usize::MAX;
    for answer in answers {
        let resource = answer.map_err(|code| errors::failure(&doing, &KafkaError::AdminOp(code)))?;
        let value = resource.get("max.message.bytes").and_then(|entry| entry.value.as_deref()?.parse().ok());
        smallest =
            smallest.min(value.ok_or_else(|| Failure::new(Action::Fatal, format!("cannot {doing}: no such value")))?);
    }
    Ok(smallest)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_MAX)).operation_timeout(Some(ANSWER_MAX))
}

/// Waits for a future on this thread.
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
