//! The backfill topic: backfills of accounts, the command that writes them and may die midway, and how a
//! process reads them.

use std::collections::VecDeque;
use std::time::Duration;

use insightd::config::Config;
use insightd::stream::broker::BrokerError;
use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::pipeline::{Cutoff, DeadLetterRecord, Output, Pipeline};
use insightd_core::state::{BackfillPart, BackfillParts, encode};

use super::broker::SimBroker;
use super::client::{Reader, later};
use super::cluster::{Cluster, Place, SESSION_TIMEOUT, Written};
use super::faults::{Mishap, Step};
use super::log::What;
use super::mutation::Mutation;
use super::random::Random;
use super::traffic::{BEGIN, Traffic, any_json, partition_of};

/// Transactional id of `insightd load`.
const COMMAND: &str = "load";

/// Records of a detector, as they are written.
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// The backfill of one account.
#[derive(Clone, Debug)]
pub struct AccountBackfill {
    /// When the command starts to write it.
    at: Duration,
    partition: usize,
    account: String,
    parts: Vec<Vec<u8>>,
    records: Records,
}

/// The state of the command while it writes.
#[derive(Debug)]
struct Writing {
    backfill: AccountBackfill,
    epoch: u32,
    sent: usize,
    /// When it writes next.
    at: Duration,
}

/// The command.
#[derive(Debug, Default)]
pub struct Loader {
    waiting: VecDeque<AccountBackfill>,
    writing: Option<Writing>,
}

struct Silent;

impl Output for Silent {
    fn insight(&mut self, _: Insight) {}
    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {}
}

impl Loader {
    /// Draws the backfills and their times.
    pub fn draw(seed: u64, config: &Config, input: &Traffic) -> Self {
        let mut random = Random::new(seed, 4);
        let mut backfills = Vec::new();
        for account in &input.accounts {
            if random.chance(0.5) {
                backfills.extend(draw_account(&mut random, config, input, account));
            }
        }
        backfills.sort_by_key(|backfill| backfill.at);
        Self { waiting: backfills.into(), writing: None }
    }

    /// When it next acts.
    pub fn next_event(&self) -> Option<Duration> {
        let waiting = self.waiting.front().map(|backfill| backfill.at);
        self.writing.as_ref().map(|writing| writing.at).or(waiting)
    }

    fn wait(&mut self, backfill: AccountBackfill) {
        self.writing = None;
        let place = self.waiting.partition_point(|other| other.at <= backfill.at);
        self.waiting.insert(place, backfill);
    }
}

/// Backfills of one account, mostly the newest first; each ends before the previously loaded one begins. The
/// first may overlap the account's own history.
fn draw_account(random: &mut Random, config: &Config, input: &Traffic, account: &str) -> Vec<AccountBackfill> {
    let mut end = BEGIN + *random.pick(&[-86_400, -60, 0, 0, 1800]);
    let mut backfills = Vec::new();
    for number in 0..random.between(1, 4) {
        let begin = end - *random.pick(&[3600, 86_400, 10 * 86_400]);
        let at = random.millis(0, input.until.as_millis() as u64 + 15_000);
        let mut times: Vec<i64> =
            (0..random.between(3, 40)).map(|_| begin + random.below((end - begin) as u64) as i64).collect();
        times.sort_unstable();
        let mut pipeline = Pipeline::for_backfill(config, 1, Cutoff::new(Default::default(), i64::MAX));
        for (place, time) in (0..).zip(times) {
            let json = any_json(random, account, time, 1_000_000 + 1000 * number as usize + place);
            pipeline.payload(json.as_bytes(), None, input.end + 86_400, &mut Silent);
        }
        pipeline.finish_backfill();
        let (parts, records) = cut(random, &mut pipeline, account);
        if !records.is_empty() {
            let partition = partition_of(account, input.partitions.len());
            backfills.push(AccountBackfill { at, partition, account: account.to_owned(), parts, records });
        }
        end = begin;
    }
    if random.chance(0.8) {
        let mut times: Vec<Duration> = backfills.iter().map(|backfill| backfill.at).collect();
        times.sort_unstable();
        backfills.iter_mut().zip(times).for_each(|(backfill, at)| backfill.at = at);
    }
    backfills
}

/// Splits a backfill into parts as the command does, but of a few records each.
fn cut(random: &mut Random, pipeline: &mut Pipeline, account: &str) -> (Vec<Vec<u8>>, Records) {
    let account = AccountId::parse(account).expect("an account");
    let mut whole = Vec::new();
    let mut send = |part: &[u8]| whole = part.to_vec();
    let mut parts = BackfillParts::new(account.number(), BEGIN / 60, &mut send);
    pipeline.detector().save_alone(account, &mut |key, value| parts.add(key, value.unwrap_or_default()));
    parts.finish();
    let whole_part = BackfillPart::read(&whole).expect("it can be read");
    assert!(whole_part.last && whole_part.index == 0, "a backfill so small is one part");
    let (mut rest, mut cut) = (whole_part.records.as_slice(), Vec::new());
    let most = *random.pick(&[2, 5, 1000]);
    while !rest.is_empty() {
        let (records, others) = rest.split_at(rest.len().min(random.between(1, most) as usize));
        rest = others;
        let part = BackfillPart {
            index: cut.len() as u32,
            last: rest.is_empty(),
            records: records.to_vec(),
            ..whole_part.clone()
        };
        let mut bytes = Vec::new();
        encode(whole[0], &part, &mut bytes);
        cut.push(bytes);
    }
    (cut, whole_part.records)
}

impl Cluster {
    /// Continues the command when its time has come.
    pub fn load(&mut self) {
        let now = self.now;
        if let Some(writing) = self.loader.writing.take_if(|writing| writing.at <= now) {
            self.write_next_part(writing);
        } else if self.loader.writing.is_none()
            && self.loader.waiting.front().is_some_and(|backfill| backfill.at <= now)
        {
            let backfill = self.loader.waiting.pop_front().expect("one");
            if now < self.coordinator_gone_until {
                return self.retry_later(backfill);
            }
            let epoch = self.register(COMMAND);
            self.loader.writing = Some(Writing { backfill, epoch, sent: 0, at: now });
        }
    }

    /// Schedules the command again, a little later.
    fn retry_later(&mut self, mut backfill: AccountBackfill) {
        backfill.at = self.now + self.random.millis(100, 8000);
        self.loader.wait(backfill);
    }

    fn write_next_part(&mut self, mut writing: Writing) {
        if !self.healed && self.odds.crash > 0.0 && self.random.chance(0.08) {
            self.counts.note("crash: of a load");
            return self.retry_later(writing.backfill);
        }
        let partition = writing.backfill.partition;
        let Some(part) = writing.backfill.parts.get(writing.sent) else {
            // Before the marker, which takes an offset.
            let end = self.backfill_topic[partition].high();
            if self.end(COMMAND, writing.epoch, true).is_err() {
                self.counts.note("backfill: a load was too slow");
                return self.retry_later(writing.backfill);
            }
            self.counts.note("backfill: delivered");
            self.oracle.backfill_written(partition, end, writing.backfill.records.clone());
            if self.random.chance(0.2) {
                self.counts.note("backfill: delivered twice");
                self.retry_later(writing.backfill);
            }
            return;
        };
        let value = Some(part.as_slice().into());
        let (place, key) = (Place::Backfill(partition), writing.backfill.account.as_bytes().into());
        let written = Written { place, key, value, source: None, applied: Vec::new() };
        if self.produce(COMMAND, writing.epoch, written).is_err() {
            self.counts.note("backfill: a load was too slow");
            return self.retry_later(writing.backfill);
        }
        writing.sent += 1;
        let slow = !self.healed && self.random.chance(0.1);
        writing.at = self.now + self.random.millis(0, if slow { 5000 } else { 100 });
        self.loader.writing = Some(writing);
    }

    /// Applies retention to merged messages.
    pub fn trim_backfill_topic(&mut self) {
        let partition = self.random.below(self.backfill_topic.len() as u64) as usize;
        let below = self.oracle.backfill_next(partition);
        let gone = self.backfill_topic[partition].trim(below);
        self.counts.add("backfill: messages expired", gone as u64);
    }
}

impl SimBroker {
    /// `open_backfill`.
    pub fn open_backfill_topic(&self, partition: i32, from: i64) -> Result<bool, BrokerError> {
        self.enter("open backfill");
        let there = self.with(|cluster| {
            if cluster.now < cluster.clients[self.id].cut_until || cluster.random.chance(cluster.odds.retry) {
                cluster.counts.note("backfill: no broker returns the offsets");
                return Err(later("no broker returns the offsets"));
            }
            let log = &cluster.backfill_topic[partition as usize];
            let (end, from) = (log.stable(), from.max(log.oldest()));
            let client = &mut cluster.clients[self.id];
            let continues = cluster.mutation == Some(Mutation::BackfillContinues);
            let seen = client.backfill_read.get(&partition).copied().filter(|_| continues);
            let position = seen.unwrap_or_default().max(from);
            if end <= position {
                return Ok(false);
            }
            client.backfill_reader = Some(Reader { partition: partition as usize, end, position });
            client.backfill_mishap =
                Mishap::draw(&cluster.odds, SESSION_TIMEOUT, &Step::OF_A_LOAD, &mut cluster.random);
            Ok(true)
        })?;
        if there && self.pass(Step::OpenedBackfill) {
            return Err(later("no broker returns the offsets"));
        }
        Ok(there)
    }

    /// `read_backfill`.
    pub fn read_backfill_topic(
        &self,
        messages_max: usize,
        show: &mut dyn FnMut(i64, &[u8]) -> i64,
    ) -> Result<bool, BrokerError> {
        self.enter("read backfill");
        if self.pass(Step::ReadBackfill) {
            return Err(later("the backfill topic cannot be read now"));
        }
        let (shown, complete) = self.with(|cluster| {
            let slow = cluster.random.chance(cluster.odds.slow_restore);
            let most = if slow { cluster.random.below(3) as usize } else { messages_max };
            let uncommitted = cluster.mutation == Some(Mutation::BackfillUncommitted);
            let client = &mut cluster.clients[self.id];
            let reader = client.backfill_reader.as_mut().expect("the backfill topic was opened");
            let log = &cluster.backfill_topic[reader.partition];
            let (mut shown, mut complete) = (Vec::new(), false);
            while shown.len() < most && !complete {
                match log.at(reader.position).filter(|entry| entry.offset < reader.end) {
                    Some(entry) => {
                        if let What::Record { of, value: Some(value), .. } = &entry.what
                            && (uncommitted || log.is_committed(*of))
                        {
                            shown.push((entry.offset + 1, value.clone()));
                        }
                        reader.position = entry.offset + 1;
                    }
                    None => complete = true,
                }
            }
            client.backfill_read.insert(reader.partition as i32, reader.position);
            if complete {
                client.backfill_reader = None;
            }
            (shown, complete)
        });
        shown.iter().for_each(|(next, value)| {
            show(*next, value);
        });
        Ok(complete)
    }
}
