//! Files into pasts of accounts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use hashbrown::{HashMap, HashSet};
use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::pipeline::{Cutoff, DeadLetterRecord, Outcome, Output, Pipeline};
use insightd_core::state::BackfillParts;
use sysexits::ExitCode;

use super::known::Known;
use super::{Found, Source};
use crate::commands::replay::progress::Progress;
use crate::commands::{ExitError, say, wall_clock};
use crate::config::Config;

/// What the files tell of one account.
pub(super) struct Past {
    /// The account.
    pub account: AccountId,
    /// First minute of it, since 1970.
    pub begin: i64,
    /// Newest minute of it.
    pub end: i64,
    /// First minute of the account's own history, if that has begun.
    pub until: Option<i64>,
    /// Series.
    pub series: usize,
    /// Messages.
    pub parts: Vec<Vec<u8>>,
}

/// Insights about the past are of no interest to anybody now.
struct Silent;

impl Output for Silent {
    fn insight(&mut self, _: Insight) {}
    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {}
}

/// Brings the files of a trail into the order in which they were delivered, which their names tell. In the order of their paths an account's regions come one after the
/// other, each with all of its days, and what an account learns about itself would go back in time with each of them. Files of other names come first, as they are.
pub(super) fn sort_by_delivery(found: &mut Found) {
    found.sources.sort_by_cached_key(|source| match source {
        Source::File(path) => path.file_name().and_then(|name| delivered(name.to_str()?)).map(str::to_owned),
        Source::StandardInput => None,
    });
}

/// The time in the name of a trail's file, `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz` (AWS: "CloudTrail log file name format").
fn delivered(name: &str) -> Option<&str> {
    let time = name.split('_').nth(3)?;
    let shape = time.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    (name.contains("_CloudTrail_") && shape.eq(*b"00000000T0000Z")).then_some(time)
}

/// Folds all files; of accounts not in `only`, if that is given, nothing is taken. The files of a trail are folded account by account, on all
/// processors; other files may hold any account, and are folded one after the other.
///
/// # Errors
/// A file that cannot be read to its end: of a past with holes nothing could be mended later.
pub(super) fn fold(
    config: &Config,
    partitions: usize,
    found: &Found,
    known: &Known,
    only: Option<&HashSet<AccountId>>,
) -> Result<Vec<Past>, ExitError> {
    let begun = known.accounts.iter().filter_map(|(account, home)| Some((*account, home.begin?)));
    let until: HashMap<AccountId, i64> = match only {
        None => begun.collect(),
        Some(only) => begun.filter(|(account, _)| only.contains(account)).collect(),
    };
    let others = if only.is_none() { i64::MAX } else { i64::MIN };
    let folding = Folding { config, until, others, now: wall_clock(), records: Arc::default() };
    let groups = by_account(found);
    let each = groups.as_deref().and_then(|groups| folding.each_account(groups, found.bytes).transpose());
    let folded = match each {
        Some(folded) => folded?,
        None => folding.all(partitions, found)?,
    };
    if only.is_none() {
        folded.tell();
    }
    Ok(folded.pasts)
}

/// The files of a trail, account by account; none if there are others.
fn by_account(found: &Found) -> Option<Vec<(AccountId, Vec<&Source>)>> {
    let mut groups: BTreeMap<AccountId, Vec<&Source>> = BTreeMap::new();
    for source in &found.sources {
        let Source::File(path) = source else { return None };
        let name = path.file_name()?.to_str()?;
        delivered(name)?;
        groups.entry(AccountId::parse(name.split('_').next()?)?).or_default().push(source);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // The largest first, so that no processor is left with it at the end.
    groups.sort_by_key(|(_, sources)| std::cmp::Reverse(sources.len()));
    Some(groups)
}

/// What files are folded with.
struct Folding<'a> {
    config: &'a Config,
    until: HashMap<AccountId, i64>,
    others: i64,
    now: i64,
    records: Arc<AtomicU64>,
}

/// What came of it.
#[derive(Default)]
struct Folded {
    pasts: Vec<Past>,
    outcomes: [u64; Outcome::ALL.len()],
    passed_over: u64,
}

impl Folding<'_> {
    /// All files in one.
    fn all(&self, partitions: usize, found: &Found) -> Result<Folded, ExitError> {
        let progress = Progress::new(found.bytes, Arc::clone(&self.records));
        let folded = self.one(partitions, &found.sources.iter().collect::<Vec<_>>(), &progress);
        progress.finish();
        folded.map_err(unread)
    }

    /// Each account by itself; none if a file held records of another one.
    fn each_account(
        &self,
        groups: &[(AccountId, Vec<&Source>)],
        bytes: Option<u64>,
    ) -> Result<Option<Folded>, ExitError> {
        let progress = Progress::new(bytes, Arc::clone(&self.records));
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut folded, mut unreadable, mut own) = (Folded::default(), 0, true);
            while let Some((account, sources)) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.one(1, sources, &progress) {
                    Ok(one) => {
                        own &= one.pasts.iter().all(|past| past.account == *account);
                        folded.add(one);
                    }
                    Err(failed) => unreadable += failed,
                }
            }
            (folded, unreadable, own)
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(groups.len());
        let parts: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        progress.finish();
        let unreadable = parts.iter().map(|(_, unreadable, _)| unreadable).sum();
        if unreadable > 0 {
            return Err(unread(unreadable));
        }
        let own = parts.iter().all(|(_, _, own)| *own);
        let mut all = Folded::default();
        parts.into_iter().for_each(|(folded, ..)| all.add(folded));
        all.pasts.sort_by_key(|past| past.account);
        Ok(own.then_some(all))
    }

    /// Some files; how many of them could not be read.
    fn one(&self, partitions: usize, sources: &[&Source], progress: &Progress) -> Result<Folded, usize> {
        let until = Cutoff::new(self.until.clone(), self.others);
        let mut pipeline = Pipeline::for_backfill(self.config, partitions, until).counting(&self.records);
        let mut unreadable = 0;
        for source in sources {
            let read =
                open(source).and_then(|input| pipeline.stream(&mut progress.watch(input), self.now, &mut Silent));
            if let Err(error) = read {
                unreadable += 1;
                progress.say(&format!("{}: {error}", source.name()));
            }
        }
        if unreadable > 0 {
            return Err(unreadable);
        }
        pipeline.finish_backfill();
        let pasts = pasts(&mut pipeline, &self.until);
        let tally = pipeline.take_tally();
        Ok(Folded {
            pasts,
            outcomes: Outcome::ALL.map(|outcome| tally.outcome(outcome)),
            passed_over: pipeline.passed_over(),
        })
    }
}

fn unread(files: usize) -> ExitError {
    let text = format!("{files} of the files could not be read to their end, see above: nothing was loaded");
    ExitError::new(ExitCode::IoErr, text)
}

impl Folded {
    fn add(&mut self, mut other: Self) {
        self.pasts.append(&mut other.pasts);
        self.outcomes.iter_mut().zip(other.outcomes).for_each(|(sum, more)| *sum += more);
        self.passed_over += other.passed_over;
    }

    fn tell(&self) {
        let of = |outcome| self.outcomes[outcome as usize];
        say(&format!(
            "{} records read: {} counted, {} the daemon has counted or been handed already, {} duplicate, {} out of scope, {} too late, \
             {} malformed",
            self.outcomes.iter().sum::<u64>() + self.passed_over,
            of(Outcome::Counted),
            self.passed_over,
            of(Outcome::Duplicate),
            of(Outcome::OutOfScope),
            of(Outcome::TooLate),
            of(Outcome::Malformed),
        ));
        if of(Outcome::Shed) > 0 {
            let text = "records found no room: raise detect.series_max or attribution.bytes_max";
            say(&format!("{} {text}", of(Outcome::Shed)));
        }
    }
}

fn open(source: &Source) -> io::Result<Box<dyn Read>> {
    Ok(match source {
        Source::StandardInput => Box::new(io::stdin().lock()),
        Source::File(path) => Box::new(File::open(path)?),
    })
}

fn pasts(pipeline: &mut Pipeline, until: &HashMap<AccountId, i64>) -> Vec<Past> {
    let detector = pipeline.detector();
    let mut ends: HashMap<AccountId, (i64, usize)> = HashMap::new();
    detector.each_region(&mut |region| {
        let end = ends.entry(region.account).or_insert((i64::MIN, 0));
        end.0 = end.0.max(region.clock.map_or(i64::MIN, |time| time.div_euclid(60)));
        end.1 += region.series;
    });
    let mut begun = Vec::new();
    detector.each_account(&mut |account| begun.extend(account.begin.map(|begin| (account.id, begin))));
    let mut pasts = Vec::new();
    for (account, begin) in begun {
        let Some(&(end, series)) = ends.get(&account).filter(|(end, _)| *end > i64::MIN) else { continue };
        let mut messages = Vec::new();
        let mut send = |part: &[u8]| messages.push(part.to_vec());
        let mut parts = BackfillParts::new(account.number(), begin, &mut send);
        detector.save_alone(account, &mut |key, value| parts.add(key, value.unwrap_or_default()));
        parts.finish();
        pasts.push(Past { account, begin, end, until: until.get(&account).copied(), series, parts: messages });
    }
    pasts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_trail_come_in_the_order_of_their_delivery() {
        let name = |region: &str, time: &str| format!("AWSLogs/1/111122223333_CloudTrail_{region}_{time}_x.json.gz");
        let names = [
            name("eu-west-1", "20250102T0000Z"),
            name("eu-west-1", "20250103T0000Z"),
            name("us-east-1", "20250101T2355Z"),
            name("us-east-1", "20250102T2355Z"),
            "a_CloudTrail_b_noted_c.json".to_owned(),
        ];
        let file = |at: usize| Source::File(names[at].clone().into());
        let mut found = Found { sources: (0..5).map(file).collect(), ..Found::default() };
        sort_by_delivery(&mut found);
        assert_eq!(found.sources, [4, 2, 0, 3, 1].map(file));
    }

    fn record(account: &str, minute: usize) -> String {
        format!(
            r#"{{"eventVersion":"1.08","eventTime":"2026-03-02T10:{:02}:00Z","eventSource":"ec2.amazonaws.com","eventName":"Api{}","awsRegion":"us-east-1","eventID":"{account}-{minute}","recipientAccountId":"{account}","readOnly":false,"managementEvent":true,"eventCategory":"Management","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::{account}:user/dana"}}}}"#,
            minute % 60,
            minute % 7
        )
    }

    /// Folds files of two accounts, and in one of them two records of the `foreign` one.
    fn folded(foreign: &str) -> Vec<(String, i64, i64, usize)> {
        let folder = tempfile::tempdir().expect("a folder");
        for account in ["111111111111", "222222222222"] {
            for part in 0..3 {
                let name = format!("{account}_CloudTrail_us-east-1_2026030{}T1000Z_x.json", part + 1);
                let mut records: Vec<_> = (part * 20..part * 20 + 20).map(|minute| record(account, minute)).collect();
                if (account, part) == ("111111111111", 2) {
                    records.extend([58, 59].map(|minute| record(foreign, minute)));
                }
                let text = format!(r#"{{"Records":[{}]}}"#, records.join(","));
                std::fs::write(folder.path().join(name), text).expect("written");
            }
        }
        let found = super::super::files::find(&[folder.path().to_owned()], None).expect("found");
        let pasts = fold(&Config::default_config(), 3, &found, &Known::default(), None).expect("folded");
        pasts.into_iter().map(|past| (past.account.to_string(), past.begin, past.end, past.series)).collect()
    }

    #[test]
    fn a_trail_is_folded_account_by_account_and_a_record_that_lies_elsewhere_is_not_lost() {
        let begin = 1_772_445_600 / 60;
        let of = |account: &str, series| (account.to_owned(), begin, begin + 59, series);
        assert_eq!(folded("111111111111"), [of("111111111111", 7), of("222222222222", 7)]);
        let mut with_another = folded("333333333333");
        with_another.sort();
        assert_eq!(with_another[..2], [of("111111111111", 7), of("222222222222", 7)]);
        assert_eq!(with_another[2], ("333333333333".to_owned(), begin + 58, begin + 59, 2));
    }
}
