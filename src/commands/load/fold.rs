//! Files into pasts of accounts.

use std::fs::File;
use std::io::{self, Read};

use hashbrown::{HashMap, HashSet};
use sysexits::ExitCode;

use super::known::Known;
use super::{Found, Source};
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::Insight;
use crate::commands::replay::progress::Progress;
use crate::commands::{Failure, say, wall_clock};
use crate::config::Config;
use crate::pipeline::{DeadLetter, Outcome, Output, Pipeline, Until};
use crate::state::Parts;

/// What the files tell of one account.
pub struct Past {
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
    fn dead_letter(&mut self, _: DeadLetter<'_>) {}
}

/// Brings the files of a trail into the order in which they were delivered, which their names tell. In the order of their paths an account's regions come one after the
/// other, each with all of its days, and what an account learns about itself would go back in time with each of them. Files of other names come first, as they are.
pub fn sort_by_delivery(found: &mut Found) {
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

/// Folds all files; of accounts not in `only`, if that is given, nothing is taken.
///
/// # Errors
/// A file that cannot be read to its end: of a past with holes nothing could be mended later.
pub fn fold(
    config: &Config,
    partitions: usize,
    found: &Found,
    known: &Known,
    only: Option<&HashSet<AccountId>>,
) -> Result<Vec<Past>, Failure> {
    let begun = known.accounts.iter().filter_map(|(account, home)| Some((*account, home.begin?)));
    let until: HashMap<AccountId, i64> = match only {
        None => begun.collect(),
        Some(only) => begun.filter(|(account, _)| only.contains(account)).collect(),
    };
    let others = if only.is_none() { i64::MAX } else { i64::MIN };
    let mut pipeline = Pipeline::of_past(config, partitions, Until::new(until.clone(), others));
    let progress = Progress::new(found.bytes, pipeline.taken_in());
    let now = wall_clock();
    let mut unreadable = 0;
    for source in &found.sources {
        let read = open(source).and_then(|input| pipeline.stream(&mut progress.watch(input), now, &mut Silent));
        if let Err(error) = read {
            unreadable += 1;
            progress.say(&format!("{}: {error}", source.name()));
        }
    }
    progress.finish();
    if unreadable > 0 {
        let text = format!("{unreadable} of the files could not be read to their end, see above: nothing was loaded");
        return Err(Failure::new(ExitCode::IoErr, text));
    }
    pipeline.finish(&mut Silent);
    if only.is_none() {
        tell(&mut pipeline);
    }
    Ok(pasts(&mut pipeline, &until))
}

fn open(source: &Source) -> io::Result<Box<dyn Read>> {
    Ok(match source {
        Source::StandardInput => Box::new(io::stdin().lock()),
        Source::File(path) => Box::new(File::open(path)?),
    })
}

fn tell(pipeline: &mut Pipeline) {
    let (tally, passed_over) = (pipeline.take_tally(), pipeline.passed_over());
    let of = |outcome| tally.outcome(outcome);
    say(&format!(
        "{} records read: {} counted, {} the daemon has counted or been handed already, {} duplicate, {} out of scope, {} too late, {} malformed",
        tally.total() + passed_over,
        of(Outcome::Counted),
        passed_over,
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

fn pasts(pipeline: &mut Pipeline, until: &HashMap<AccountId, i64>) -> Vec<Past> {
    let detector = pipeline.detector();
    detector.forget_open();
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
        let mut parts = Parts::new(account.number(), begin, &mut send);
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
}
