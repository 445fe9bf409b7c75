//! The input of a run: a few accounts with a quiet workload and bursts. Records arrive late, repeated, dated
//! ahead, damaged, and several to a message.

use std::time::Duration;

use super::random::Random;
use insightd_test_support::clock::iso;

/// Event time of the first record, seconds since 1970.
pub const BEGIN: i64 = 1_750_000_000 - 1_750_000_000 % 86_400;
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const APIS: [(&str, &str, bool); 4] = [
    ("ec2", "RunInstances", false),
    ("iam", "CreateUser", false),
    ("s3", "PutBucketPolicy", false),
    ("kms", "DescribeKey", true),
];

/// A message of the input.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When it can be read, on the simulated clock.
    pub at: Duration,
    pub key: Vec<u8>,
    pub payload: Vec<u8>,
}

/// The input of all partitions.
#[derive(Debug)]
pub struct Traffic {
    /// Messages of each partition, by offset.
    pub partitions: Vec<Vec<Arrival>>,
    /// When the last message can be read.
    pub until: Duration,
    /// Last event time, seconds since 1970.
    pub end: i64,
    /// All accounts.
    pub accounts: Vec<String>,
}

/// The partition of an account.
pub fn partition_of(account: &str, partitions: usize) -> usize {
    account.bytes().last().map_or(0, usize::from) % partitions
}

/// Place in the order of arrival, key, payload.
type Message = (i64, Vec<u8>, Vec<u8>);

struct Record {
    /// Place in the order of arrival, seconds of event time.
    slot: i64,
    json: String,
}

impl Traffic {
    /// Draws the input.
    pub fn draw(seed: u64, partitions: usize) -> Self {
        let mut random = Random::new(seed, 1);
        let accounts = random.between(2, 5).max(partitions as u64);
        let minutes = random.between(60, 150) as i64;
        let mut all: Vec<Vec<Message>> = vec![Vec::new(); partitions];
        let (mut end, mut names) = (BEGIN, Vec::new());
        for number in 0..accounts {
            let account = format!("{:012}", 100_000_000_000 + number);
            // Some accounts write in blocks: their days pass quickly, so series and eventIDs expire.
            let stride = *random.pick(&[60, 60, 60, 60, 1800, 21_600]);
            end = end.max(BEGIN + minutes * stride);
            let records = account_records(&mut random, &account, minutes, stride);
            all[partition_of(&account, partitions)].extend(messages(&mut random, &account, records));
            names.push(account);
        }
        let until = random.millis(30_000, 150_000);
        let partitions = all.into_iter().map(|messages| arrive(&mut random, messages, until)).collect::<Vec<_>>();
        let last = partitions.iter().filter_map(|messages: &Vec<Arrival>| messages.last()).map(|last| last.at).max();
        let until = last.unwrap_or_default();
        Self { partitions, until, end, accounts: names }
    }
}

fn account_records(random: &mut Random, account: &str, minutes: i64, stride: i64) -> Vec<Record> {
    let mut records = Vec::new();
    let mut bursts: Vec<(i64, usize, bool)> = Vec::new();
    for _ in 0..random.between(2, 5) {
        let at = 10 + random.below((minutes - 25) as u64) as i64;
        bursts.push((at, random.below(APIS.len() as u64) as usize, random.chance(0.3)));
    }
    for minute in 0..minutes {
        let start = BEGIN + minute * stride;
        if random.chance(0.12) {
            let (api, failed) = (random.below(APIS.len() as u64) as usize, random.chance(0.1));
            add(random, &mut records, account, start, api, failed);
        }
        for &(at, api, failed) in &bursts {
            if (at..at + 3).contains(&minute) {
                for _ in 0..random.between(4, 9) {
                    add(random, &mut records, account, start, api, failed);
                }
            }
        }
    }
    records
}

fn add(random: &mut Random, records: &mut Vec<Record>, account: &str, start: i64, api: usize, failed: bool) {
    let time = start + random.below(60) as i64;
    let delay = match random.below(100) {
        // Beyond the dedup horizon, late, or hardly late.
        0 => 3 * 3600,
        1..8 => random.below(1800) as i64,
        _ => random.below(90) as i64,
    };
    // Dated far ahead: it is quarantined.
    let time = if random.chance(0.01) { time + 2 * 3600 } else { time };
    let region = REGIONS[usize::from(random.chance(0.15))];
    let user = ["ada", "bob", "eve"][random.below(3) as usize];
    let json = json(account, region, time, APIS[api], user, failed.then_some("AccessDenied"), records.len());
    records.push(Record { slot: time + delay, json: json.clone() });
    if random.chance(0.05) {
        records.push(Record { slot: time + delay + random.below(4000) as i64, json });
    }
}

/// A record of an account's backfill.
pub fn any_json(random: &mut Random, account: &str, time: i64, number: usize) -> String {
    let region = REGIONS[usize::from(random.chance(0.15))];
    let user = ["ada", "bob", "eve", "old"][random.below(4) as usize];
    let failed = random.chance(0.1).then_some("AccessDenied");
    json(account, region, time, *random.pick(&APIS), user, failed, number)
}

fn json(
    account: &str,
    region: &str,
    time: i64,
    (service, name, read): (&str, &str, bool),
    user: &str,
    error: Option<&str>,
    number: usize,
) -> String {
    let error = error.map_or_else(String::new, |code| format!(r#""errorCode":"{code}","errorMessage":"no","#));
    format!(
        r#"{{"eventVersion":"1.09","userIdentity":{{"type":"IAMUser","principalId":"AIDA{user}","arn":"arn:aws:iam::{account}:user/{user}","accountId":"{account}","userName":"{user}"}},"eventTime":"{}","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"198.51.100.7","userAgent":"cli","#,
        iso(time)
    ) + &format!(
        r#"{error}"eventID":"{number:08x}-0000-4000-8000-{account}","readOnly":{read},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"}}"#
    )
}

/// Records of one account, several to a message if they arrive together, and damaged ones.
fn messages(random: &mut Random, account: &str, mut records: Vec<Record>) -> Vec<Message> {
    records.sort_by_key(|record| record.slot);
    let mut messages = Vec::new();
    let mut rest = records.as_slice();
    while let Some(first) = rest.first() {
        let together = random.between(1, 5) as usize;
        let taken = rest.iter().take(together).take_while(|record| record.slot < first.slot + 60).count();
        let (now, later) = rest.split_at(taken);
        rest = later;
        let mut payload = match now {
            [one] => one.json.clone(),
            several => {
                let several: Vec<&str> = several.iter().map(|record| record.json.as_str()).collect();
                format!(r#"{{"Records":[{}]}}"#, several.join(","))
            }
        };
        match random.below(120) {
            0 => payload.truncate(payload.len() / 2),
            1 => payload = "nothing of the kind".to_owned(),
            _ => {}
        }
        let key = if random.chance(0.01) { b"999999999999".to_vec() } else { account.as_bytes().to_vec() };
        messages.push((first.slot, key, payload.into_bytes()));
    }
    messages
}

/// When each message can be read: in the order of their slots, irregularly; from time to time nothing arrives
/// for longer than idle clocks wait.
fn arrive(random: &mut Random, mut messages: Vec<Message>, until: Duration) -> Vec<Arrival> {
    messages.sort_by_key(|(slot, _, _)| *slot);
    let (mut at, total, count) = (0_u64, until.as_millis() as u64, messages.len() as u64);
    let pace = total / count.max(1);
    let burst = random.between(1, 30);
    let silence = random.millis(20_000, 400_000);
    let silent_from = if random.chance(0.5) { random.below(count.max(1)) } else { count };
    let arrival = |(number, (_, key, payload)): (u64, Message)| {
        if number.is_multiple_of(burst) {
            at = (number * pace + random.below(pace * burst + 1)).max(at).min(total);
        }
        let pause = if number >= silent_from { silence } else { Duration::ZERO };
        Arrival { at: Duration::from_millis(at) + pause, key, payload }
    };
    (0..).zip(messages).map(arrival).collect()
}
