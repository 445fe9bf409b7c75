//! The patient attacker: a principal that has always used an API raises its rate a little each day, so that
//! the detector gets used to it. How high is the burst when it is found?

mod account;

use insightd::config::Config;
use insightd_core::cloudtrail::insight::{Insight, Reason, State};
use insightd_core::detect::{Detector, Settings};

use self::account::{Account, BURST_MAX, Burst, QUIET_DAYS, SERIES, Traffic};
use crate::arguments::{Arguments, command};
use crate::table::Table;

/// A Start is about a burst until so many seconds after its first call.
const ABOUT_S: i64 = 3600;
const WEEK_S: f64 = 604_800.0;

/// The kinds of evidence that the detector may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// All kinds.
    All,
    /// Remembers no principals, so only the counts are evidence: the detector without the attacker's profile.
    Counts,
}

impl Evidence {
    fn settings(self) -> Settings {
        let settings = Settings::from(&Config::default_config());
        match self {
            Self::All => settings,
            Self::Counts => Settings { principals_max: 0, ..settings },
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Counts => "counts alone",
        }
    }
}

/// The burst that is found first.
#[derive(Clone, Copy, Debug)]
struct Found {
    day: usize,
    /// Calls of the day's burst, and the number of the call that triggered the Start.
    calls: usize,
    tipped_by: usize,
    reason: Reason,
}

/// One attack on one account.
#[derive(Debug)]
struct Outcome {
    found: Option<Found>,
    /// Starts about no burst.
    false_starts: usize,
    weeks: f64,
}

/// Measures and prints.
pub fn run(arguments: &Arguments) {
    let days = account::days(&arguments.growths);
    let seeds = arguments.seeds.iter().flat_map(|seed| (0..arguments.patients).map(move |nth| seed * 1_000_000 + nth));
    let seeds: Vec<u64> = seeds.collect();
    println!("\n## The patient attacker");
    let title = format!(
        "The first burst of a day that is found before {BURST_MAX} calls, by growth a day. Quantiles 10, **50** and 90 of {} accounts \
         of each kind, attacks that are never found above all others. {SERIES} series, first burst after {QUIET_DAYS} days. `{}`; seeds {:?}, {} accounts of each",
        seeds.len(),
        command(),
        arguments.seeds,
        arguments.patients,
    );
    let head = [
        "traffic",
        "a day",
        "evidence",
        "found",
        "calls of the burst",
        "tipped by call",
        "day",
        "found by",
        "false a week",
    ];
    let mut table = Table::new(&title, head);
    for traffic in Traffic::ALL {
        let accounts: Vec<Account> = seeds.iter().map(|seed| Account::new(*seed, traffic, days)).collect();
        for growth in &arguments.growths {
            for evidence in [Evidence::All, Evidence::Counts] {
                let settings = evidence.settings();
                let outcomes: Vec<Outcome> =
                    accounts.iter().map(|account| attack(account, *growth, &settings)).collect();
                table.row(row([traffic.label(), &format!("x{growth}"), evidence.label()], &outcomes));
            }
        }
    }
    table.print();
}

fn row(about: [&str; 3], outcomes: &[Outcome]) -> Vec<String> {
    let found: Vec<Found> = outcomes.iter().filter_map(|outcome| outcome.found).collect();
    let quantiles = |number: fn(&Found) -> usize| {
        let mut numbers: Vec<Option<usize>> = found.iter().map(|found| Some(number(found))).collect();
        numbers.sort_unstable();
        numbers.resize(outcomes.len(), None);
        let at = |share: f64| {
            let number = numbers.get((share * numbers.len() as f64) as usize).copied().flatten();
            number.map_or_else(|| "never".to_owned(), |number| number.to_string())
        };
        format!("{} **{}** {}", at(0.1), at(0.5), at(0.9))
    };
    let reasons = Reason::ALL.map(|reason| (reason, found.iter().filter(|found| found.reason == reason).count()));
    let reasons: Vec<String> = reasons
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(reason, number)| format!("{} {number}", reason.label()))
        .collect();
    let (false_starts, weeks) =
        outcomes.iter().fold((0, 0.0), |sum, outcome| (sum.0 + outcome.false_starts, sum.1 + outcome.weeks));
    let measured = [
        format!("{:.2}", found.len() as f64 / outcomes.len() as f64),
        quantiles(|found| found.calls),
        quantiles(|found| found.tipped_by),
        quantiles(|found| found.day),
        reasons.join(", "),
        format!("{:.2}", f64::from(u32::try_from(false_starts).unwrap_or(u32::MAX)) / weeks),
    ];
    about.map(str::to_owned).into_iter().chain(measured).collect()
}

/// Plays the account until a burst is found.
fn attack(account: &Account, growth: f64, settings: &Settings) -> Outcome {
    let bursts = account.bursts(growth);
    let calls = account.calls(&bursts);
    let mut detector = Detector::new(settings.clone());
    let mut starts = Vec::new();
    let mut false_starts = 0;
    let mut found = None;
    let mut until = calls[0].time;
    for (nth, call) in calls.iter().enumerate() {
        detector.observe(&call.event(nth), None, &mut |insight| starts.push(insight));
        until = call.time;
        for insight in starts.drain(..).filter(|insight| insight.state == State::Start) {
            let about = found_burst(account, &bursts, &insight);
            false_starts += usize::from(about.is_none());
            found = found.or(about);
        }
        if found.is_some() {
            break;
        }
    }
    Outcome { found, false_starts, weeks: (until - calls[0].time) as f64 / WEEK_S }
}

fn found_burst(account: &Account, bursts: &[Burst], insight: &Insight) -> Option<Found> {
    let at = insight.finding.detected_at;
    let about = |burst: &&Burst| burst.calls.first().is_some_and(|first| (0..=ABOUT_S).contains(&(at - first.time)));
    let burst = bursts.iter().find(about).filter(|_| insight.name == account::name(account.attacked))?;
    let tipped_by = burst.calls.iter().filter(|call| call.time <= at).count();
    Some(Found { day: burst.day, calls: burst.calls.len(), tipped_by, reason: insight.finding.reason })
}
