//! Folds CloudTrail files into the backfills of their accounts. Reads files only; what the daemon has counted
//! is passed in.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use hashbrown::HashMap;
use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::pipeline::{Cutoff, DeadLetterRecord, Outcome, Output, Pipeline};

use super::backfill::{self, AccountBackfill};
use crate::commands::console::progress::ReadProgress;
use crate::commands::exit_error::ExitError;
use crate::commands::sources::{Source, Sources};
use crate::config::Config;

/// A backfill raises no insights, and writes no dead-letter records: the files keep what failed.
struct Discard;

impl Output for Discard {
    fn insight(&mut self, _: Insight) {}
    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {}
}

/// Sorts the files of a trail by delivery time, which their names hold. Files of other names come first, in
/// their order.
///
/// In path order, an account's regions would come one after the other, each with all its days, and the
/// learning of the whole account would go back in time with each region.
pub(crate) fn sort_by_delivery(sources: &mut Sources) {
    sources.list.sort_by_cached_key(|source| match source {
        Source::File(path) => path.file_name().and_then(|name| delivery_time(name.to_str()?)).map(str::to_owned),
        Source::StandardInput => None,
    });
}

/// The time in the name of a trail's file, `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz` (AWS
/// documentation, "CloudTrail log file name format").
fn delivery_time(name: &str) -> Option<&str> {
    let time = name.split('_').nth(3)?;
    let shape = time.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    (name.contains("_CloudTrail_") && shape.eq(*b"00000000T0000Z")).then_some(time)
}

/// The inputs of a fold besides the files.
pub(crate) struct Folding<'a> {
    pub(crate) config: &'a Config,
    /// Partitions of the input topic.
    pub(crate) partitions: usize,
    /// Of these accounts, only records before this minute (since 1970) count.
    pub(crate) cutoffs: HashMap<AccountId, i64>,
    /// The cutoff of all other accounts.
    pub(crate) others: i64,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// Counted up while folding.
    pub(crate) records: Arc<AtomicU64>,
}

/// The backfills of all accounts, and the outcomes of the records.
#[derive(Default)]
pub(crate) struct Folded {
    pub(crate) backfills: Vec<AccountBackfill>,
    outcomes: [u64; Outcome::ALL.len()],
    /// Records not before the cutoff of their account.
    passed_over: u64,
}

/// The result of one thread.
#[derive(Default)]
struct ThreadResult {
    folded: Folded,
    /// Files that could not be read to their end.
    unreadable: usize,
    /// Whether a file held records of another account than its name says.
    has_foreign_records: bool,
}

impl Folding<'_> {
    /// Folds all files. The files of a trail are folded account by account, on all processors. Other files
    /// may hold any account, so they are folded one after the other.
    ///
    /// # Errors
    /// 74 for a file that cannot be read to its end: gaps in a backfill cannot be filled later.
    pub(crate) fn fold(&self, sources: &Sources) -> Result<Folded, ExitError> {
        let accounts = by_account(sources);
        let by_account = accounts.as_deref().and_then(|accounts| self.each_account(accounts, sources).transpose());
        by_account.unwrap_or_else(|| self.all(sources))
    }

    fn all(&self, sources: &Sources) -> Result<Folded, ExitError> {
        let progress = ReadProgress::new(sources.bytes, Arc::clone(&self.records));
        let folded = self.some(self.partitions, &sources.list.iter().collect::<Vec<_>>(), &progress);
        progress.finish();
        folded.map_err(unreadable)
    }

    /// Folds each account by itself; none if a file holds records of another account.
    fn each_account(&self, accounts: &[AccountFiles<'_>], sources: &Sources) -> Result<Option<Folded>, ExitError> {
        let progress = ReadProgress::new(sources.bytes, Arc::clone(&self.records));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut result = ThreadResult::default();
            while let Some(files) = accounts.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.some(1, &files.sources, &progress) {
                    Ok(folded) => {
                        result.has_foreign_records |= folded.backfills.iter().any(|one| one.account != files.account);
                        result.folded.add(folded);
                    }
                    Err(unreadable) => result.unreadable += unreadable,
                }
            }
            result
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(accounts.len());
        let results: Vec<ThreadResult> = thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        progress.finish();
        let failed = results.iter().map(|result| result.unreadable).sum();
        if failed > 0 {
            return Err(unreadable(failed));
        }
        if results.iter().any(|result| result.has_foreign_records) {
            return Ok(None);
        }
        let mut all = Folded::default();
        results.into_iter().for_each(|result| all.add(result.folded));
        all.backfills.sort_by_key(|backfill| backfill.account);
        Ok(Some(all))
    }

    /// Folds some files.
    ///
    /// # Errors
    /// The number of files that could not be read.
    fn some(&self, partitions: usize, sources: &[&Source], progress: &ReadProgress) -> Result<Folded, usize> {
        let cutoff = Cutoff::new(self.cutoffs.clone(), self.others);
        let mut pipeline = Pipeline::for_backfill(self.config, partitions, cutoff).counting(&self.records);
        let mut unreadable = 0;
        for source in sources {
            let read =
                source.open().and_then(|input| pipeline.stream(&mut progress.watch(input), self.now, &mut Discard));
            if let Err(error) = read {
                unreadable += 1;
                progress.say(&format!("{}: {error}", source.name()));
            }
        }
        if unreadable > 0 {
            return Err(unreadable);
        }
        pipeline.finish_backfill();
        let backfills = backfill::of_pipeline(&mut pipeline, &self.cutoffs);
        let tally = pipeline.take_tally();
        Ok(Folded {
            backfills,
            outcomes: Outcome::ALL.map(|outcome| tally.outcome(outcome)),
            passed_over: pipeline.skipped(),
        })
    }
}

/// The files of one account.
struct AccountFiles<'a> {
    account: AccountId,
    sources: Vec<&'a Source>,
}

/// The files of a trail by account; none if there are files of other names.
fn by_account(sources: &Sources) -> Option<Vec<AccountFiles<'_>>> {
    let mut by_account: BTreeMap<AccountId, Vec<&Source>> = BTreeMap::new();
    for source in &sources.list {
        let Source::File(path) = source else { return None };
        let name = path.file_name()?.to_str()?;
        delivery_time(name)?;
        by_account.entry(AccountId::parse(name.split('_').next()?)?).or_default().push(source);
    }
    let mut accounts: Vec<_> =
        by_account.into_iter().map(|(account, sources)| AccountFiles { account, sources }).collect();
    // The largest first, so that no processor is left alone with it at the end.
    accounts.sort_by_key(|files| std::cmp::Reverse(files.sources.len()));
    Some(accounts)
}

fn unreadable(files: usize) -> ExitError {
    let text = format!("{files} of the files could not be read to their end, see above: nothing was loaded");
    ExitError::io(text)
}

impl Folded {
    fn add(&mut self, mut other: Self) {
        self.backfills.append(&mut other.backfills);
        self.outcomes.iter_mut().zip(other.outcomes).for_each(|(sum, more)| *sum += more);
        self.passed_over += other.passed_over;
    }

    /// The outcomes of the records, one line or two.
    pub(crate) fn summary(&self) -> Vec<String> {
        let of = |outcome| self.outcomes[outcome as usize];
        let mut lines = vec![format!(
            "{} records read: {} counted, {} the daemon has counted or been handed already, {} duplicate, {} out of scope, \
             {} too late, {} malformed",
            self.outcomes.iter().sum::<u64>() + self.passed_over,
            of(Outcome::Counted),
            self.passed_over,
            of(Outcome::Duplicate),
            of(Outcome::OutOfScope),
            of(Outcome::TooLate),
            of(Outcome::Malformed),
        )];
        if of(Outcome::Shed) > 0 {
            let text = "records were shed: raise detect.series_max or attribution.bytes_max";
            lines.push(format!("{} {text}", of(Outcome::Shed)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_trail_are_read_in_order_of_delivery() {
        let name = |region: &str, time: &str| format!("AWSLogs/1/111122223333_CloudTrail_{region}_{time}_x.json.gz");
        let names = [
            name("eu-west-1", "20250102T0000Z"),
            name("eu-west-1", "20250103T0000Z"),
            name("us-east-1", "20250101T2355Z"),
            name("us-east-1", "20250102T2355Z"),
            "a_CloudTrail_b_noted_c.json".to_owned(),
        ];
        let file = |at: usize| Source::File(names[at].clone().into());
        let mut sources = Sources { list: (0..5).map(file).collect(), ..Sources::default() };
        sort_by_delivery(&mut sources);
        assert_eq!(sources.list, [4, 2, 0, 3, 1].map(file));
    }

    fn record(account: &str, minute: usize) -> String {
        format!(
            r#"{{"eventVersion":"1.08","eventTime":"2026-03-02T10:{:02}:00Z","eventSource":"ec2.amazonaws.com",
                "eventName":"Api{}","awsRegion":"us-east-1","eventID":"{account}-{minute}",
                "recipientAccountId":"{account}","readOnly":false,"managementEvent":true,"eventCategory":"Management",
                "userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::{account}:user/dana"}}}}"#,
            minute % 60,
            minute % 7
        )
    }

    /// Folds files of two accounts, one of which holds two records of the account `foreign`. Returns account,
    /// first and last minute, and number of series.
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
        let sources = Sources::find(&[folder.path().to_owned()], None).expect("found");
        let config = Config::default_config();
        let now = crate::commands::wall_clock::seconds();
        let cutoffs = HashMap::new();
        let folding =
            Folding { config: &config, partitions: 3, cutoffs, others: i64::MAX, now, records: Arc::default() };
        let Folded { backfills, .. } = folding.fold(&sources).expect("folded");
        backfills.into_iter().map(|one| (one.account.to_string(), one.begin, one.end, one.series)).collect()
    }

    /// A trail is folded account by account. A record in another account's file must not be lost.
    #[test]
    fn a_record_in_another_accounts_file_is_not_lost() {
        let begin = 1_772_445_600 / 60;
        let of = |account: &str, series| (account.to_owned(), begin, begin + 59, series);
        assert_eq!(folded("111111111111"), [of("111111111111", 7), of("222222222222", 7)]);
        let mut with_another = folded("333333333333");
        with_another.sort();
        assert_eq!(with_another[..2], [of("111111111111", 7), of("222222222222", 7)]);
        assert_eq!(with_another[2], ("333333333333".to_owned(), begin + 58, begin + 59, 2));
    }
}
