//! Traffic as messages for a topic keyed by account, and as files for `replay`.

use std::path::Path;

use crate::broker::Feeder;
use crate::delivery::{Conditions, Truth, deliver, truth};
use crate::payload::{Folder, Message, messages};
use crate::traffic::{ACCOUNTS, Plan};

/// Partitions of the input topic.
pub const PARTITIONS: i32 = 3;

/// Messages in sending order.
pub struct Load {
    /// The messages.
    pub messages: Vec<Message>,
    /// The expected outcomes of their records.
    pub truth: Truth,
}

impl Load {
    /// The traffic of a plan as it arrives; prints the seed.
    pub fn new(plan: &Plan, conditions: &Conditions) -> Self {
        let calls = plan.calls();
        let deliveries = deliver(&calls, conditions);
        println!("traffic of seed {}: {} calls, {} records", plan.seed, calls.len(), deliveries.len());
        let mut all = Vec::new();
        messages(&calls, &deliveries, plan.seed, |message| all.push(message));
        Self { messages: all, truth: truth(&deliveries) }
    }

    /// Sends everything.
    pub fn send(&self, feeder: &Feeder) {
        for message in &self.messages {
            feeder.send(partition(message), Some(message.account), &message.payload);
        }
        feeder.flush();
    }

    /// Writes everything as files that `replay` reads in this order.
    pub fn write(&self, folder: &Path) {
        write(&self.messages.iter().collect::<Vec<_>>(), folder);
    }
}

/// Writes messages as files that `replay` reads in this order.
pub fn write(messages: &[&Message], folder: &Path) {
    let mut files = Folder::new(folder);
    messages.iter().for_each(|message| files.add(message));
    files.close();
}

/// The partition of an account: every partition gets two of the six accounts.
pub fn partition(message: &Message) -> i32 {
    let number = ACCOUNTS.iter().position(|account| *account == message.account).expect("one of the accounts");
    number as i32 % PARTITIONS
}
