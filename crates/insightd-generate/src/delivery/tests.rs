//! Constructed traffic through the delivery.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::call::{Api, Kind};

static RUN: Api = Api { service: "ec2", name: "RunInstances", read: false };

const BEGIN: i64 = 1_736_150_400;

/// `count` calls with `gap` tenths of a second between them, over two regions.
fn calls(count: u64, gap: i64) -> Vec<Call> {
    (0..count)
        .map(|serial| Call {
            time: BEGIN + serial as i64 * gap / 10,
            serial,
            actor: 0,
            region: if serial % 5 == 0 { "us-east-1" } else { "eu-west-1" },
            api: &RUN,
            error: None,
            kind: Kind::Call,
        })
        .collect()
}

fn files(calls: &[Call]) -> Vec<File> {
    Delivery::new("000011112222", calls.iter().copied()).collect()
}

#[test]
fn every_call_arrives_and_one_in_a_hundred_twice() {
    for gap in [0, 1, 7, 200, 9000] {
        let calls = calls(20_000, gap);
        let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
        for file in files(&calls) {
            file.calls.iter().for_each(|call| *seen.entry(call.serial).or_default() += 1);
            let within: BTreeSet<u64> = file.calls.iter().map(|call| call.serial).collect();
            assert_eq!(within.len(), file.calls.len(), "a repeat comes in a later file");
        }
        assert_eq!(seen.len(), calls.len(), "gap {gap}");
        let twice = seen.values().filter(|times| **times == 2).count();
        assert!((150..250).contains(&twice), "{twice} repeats of {} at gap {gap}", calls.len());
        assert!(seen.values().all(|times| *times <= 2));
    }
}

/// Files come in order, two to ten minutes late, and hold one region and five minutes.
#[test]
fn files_come_late_in_order_and_hold_five_minutes() {
    for gap in [0, 1, 7, 200, 9000] {
        let calls = calls(20_000, gap);
        let mut before = i64::MIN;
        let mut seen = BTreeSet::new();
        let mut lags = Vec::new();
        for file in files(&calls) {
            assert!(file.delivered >= before, "gap {gap}");
            before = file.delivered;
            assert!(file.calls.iter().all(|call| call.region == file.region));
            assert!(!file.calls.is_empty() && file.calls.len() <= FILE_RECORDS_MAX);
            let times = || file.calls.iter().filter(|call| !seen.contains(&call.serial)).map(|call| call.time);
            if let (Some(first), Some(last)) = (times().min(), times().max()) {
                assert!(last - first <= FILE_SECONDS + COLLECTED_MAX as i64);
                lags.extend(times().map(|time| file.delivered - time));
            }
            seen.extend(file.calls.iter().map(|call| call.serial));
        }
        assert!(
            lags.iter().all(|lag| (120..=540).contains(lag)),
            "gap {gap}: {:?}",
            (lags.iter().min(), lags.iter().max())
        );
    }
}

#[test]
fn a_fifth_of_neighboring_records_is_out_of_order() {
    for gap in [12, 70, 300] {
        let (mut back, mut pairs) = (0, 0);
        for file in files(&calls(20_000, gap)) {
            back += file.calls.windows(2).filter(|pair| pair[1].time < pair[0].time).count();
            pairs += file.calls.len() - 1;
        }
        let share = back as f64 / pairs as f64;
        assert!((0.17..0.27).contains(&share), "{share} at gap {gap}");
    }
}

#[test]
fn a_delivery_buffers_little_and_reads_no_further_than_needed() {
    let read = std::cell::Cell::new(0);
    let endless = (0..).map(|serial: u64| {
        read.set(serial);
        Call { time: BEGIN + serial as i64, serial, ..calls(1, 1)[0] }
    });
    let mut delivery = Delivery::new("000011112222", endless);
    let mut delivered = 0;
    for _ in 0..200 {
        delivered += delivery.next().unwrap().calls.len() as u64;
        assert!(read.get() < delivered + 1000, "{} read for {delivered}", read.get());
    }
}

#[test]
fn several_accounts_are_merged_in_delivery_order() {
    let delivery = |account: &str| Delivery::new(account, calls(3000, 30).into_iter());
    let accounts = ["000011112222", "000011112223", "000011112224"];
    let merged: Vec<(usize, File)> = Merged::new(accounts.map(delivery)).collect();
    assert!(merged.windows(2).all(|pair| pair[0].1.delivered <= pair[1].1.delivered));
    for (nth, account) in accounts.into_iter().enumerate() {
        let alone: Vec<File> = delivery(account).collect();
        let within: Vec<File> = merged.iter().filter(|(of, _)| *of == nth).map(|(_, file)| file.clone()).collect();
        assert_eq!(within, alone);
    }
}
