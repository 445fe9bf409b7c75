//! Generated traffic: bytes of JSON and records a second, on one thread, step by step: the calls alone, the
//! calls in their files, the files' content, and the content compressed.
//!
//! `cargo bench --bench generate`. One account, one day.

use std::hint::black_box;
use std::io::Write;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use flate2::Compression;
use flate2::write::GzEncoder;
use insightd_generate::delivery::{Delivery, File};
use insightd_generate::json::{Callers, Writer};
use insightd_generate::{Organization, Plan, layout};

fn main() {
    divan::main();
}

fn organization() -> Organization {
    let plan = Plan { seed: 1, accounts: 1, start: 1_736_121_600, days: 1, activity: 1.0, attacks: 0, quiet_days: 0 };
    Organization::new(plan)
}

/// Content of all files, one after the other, given to `sink`; how many records.
fn files(organization: &Organization, mut sink: impl FnMut(&Callers, &File)) -> usize {
    let mut records = 0;
    for account in organization.accounts() {
        let callers = Callers::new(account.id(), account.actors());
        for file in Delivery::new(account.id(), account.calls()) {
            records += file.calls.len();
            sink(&callers, &file);
        }
    }
    records
}

/// Bytes of JSON and number of records of the whole.
fn size(organization: &Organization) -> (usize, usize) {
    let (mut writer, mut json) = (Writer::default(), Vec::new());
    let records = files(organization, |callers, file| layout::write(&mut writer, callers, file, &mut json));
    (json.len(), records)
}

#[divan::bench]
fn calls(bencher: Bencher<'_, '_>) {
    let organization = organization();
    let (_, records) = size(&organization);
    bencher.counter(ItemsCount::new(records)).bench_local(|| {
        organization.accounts().iter().flat_map(|account| account.calls()).map(|call| black_box(call).serial).max()
    });
}

#[divan::bench]
fn delivery(bencher: Bencher<'_, '_>) {
    let organization = organization();
    let (_, records) = size(&organization);
    bencher.counter(ItemsCount::new(records)).bench_local(|| {
        files(&organization, |_, file| {
            black_box(file);
        })
    });
}

/// What a record costs when its call is there.
#[divan::bench]
fn records(bencher: Bencher<'_, '_>) {
    let organization = organization();
    let account = &organization.accounts()[0];
    let callers = Callers::new(account.id(), account.actors());
    let calls: Vec<_> = account.calls().take(10_000).collect();
    let (mut writer, mut json) = (Writer::default(), Vec::new());
    calls.iter().for_each(|call| writer.write(&callers, call, &mut json));
    bencher.counter(BytesCount::new(json.len())).counter(ItemsCount::new(calls.len())).bench_local(|| {
        json.clear();
        calls.iter().for_each(|call| writer.write(&callers, call, &mut json));
        json.len()
    });
}

/// From the seed to the content of the files.
#[divan::bench]
fn content(bencher: Bencher<'_, '_>) {
    each_file(bencher, |json| {
        black_box(json);
    });
}

/// The same, compressed as the files are. Bytes are those before.
#[divan::bench]
fn compressed(bencher: Bencher<'_, '_>) {
    each_file(bencher, |json| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(json).expect("writing to memory cannot fail");
        black_box(encoder.finish().expect("writing to memory cannot fail"));
    });
}

/// Measures from the seed to what becomes of each file's content.
fn each_file(bencher: Bencher<'_, '_>, sink: impl Fn(&[u8])) {
    let organization = organization();
    let (bytes, records) = size(&organization);
    let (mut writer, mut json) = (Writer::default(), Vec::new());
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(records)).bench_local(|| {
        files(&organization, |callers, file| {
            json.clear();
            layout::write(&mut writer, callers, file, &mut json);
            sink(&json);
        })
    });
}
