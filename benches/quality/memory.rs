//! Bytes per series, by what a series does: the growth of the resident memory of a process that does nothing
//! else.

use std::borrow::Cow;
use std::fs;
use std::process::Command;

use clap::ValueEnum;
use insightd::config::Config;
use insightd_core::cloudtrail::event::{AccountId, Category, Event};
use insightd_core::detect::{Detector, Settings};
use insightd_generate::call::Call;
use insightd_generate::{Organization, Plan};

use crate::table::Table;

/// Series of each made-up kind: a hundred APIs in each account.
const SERIES: i64 = 50_000;
const APIS: i64 = 100;
/// eventIDs of the kind that is about them.
const EVENT_IDS: i64 = 2_000_000;
const BEGIN: i64 = 1_772_409_600;
const DAY: i64 = 86_400;

/// What the series do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One call, a day ago.
    Once,
    /// Three callers, an hour's work on each of seven days, the last a day ago.
    Daily,
    /// The same, and calls in each of the last ten minutes.
    Active,
    /// As `Daily`, but the last call was two weeks ago.
    Silent,
    /// Series of generated accounts, two weeks.
    Generated,
    /// Not series: the eventIDs that are remembered.
    EventIds,
}

impl Kind {
    fn says(self) -> &'static str {
        match self {
            Self::Once => "a series called once, a day ago",
            Self::Daily => "a series of three callers on each of seven days, quiet for a day",
            Self::Active => "the same, with calls in each of the last ten minutes",
            Self::Silent => "the same, silent for two weeks (dormant)",
            Self::Generated => {
                "a series of generated accounts after two weeks, with its share of what the account holds"
            }
            Self::EventIds => "a remembered eventID",
        }
    }
}

/// Measures each kind in a process of its own and prints.
pub fn run() -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let title = "## Memory\n\nGrowth of resident memory, names, callers and room for them included; eventIDs only where it says so. \
                 `cargo bench --bench quality -- --only memory`; seed 1";
    let mut table = Table::new(title, ["kind", "number", "bytes each"]);
    for kind in Kind::value_variants() {
        let name = kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let output = Command::new(&program).args(["--memory-of", &name]).output();
        let output = output.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (number, bytes) = text.trim().split_once(' ').ok_or_else(|| format!("no memory measured of {name}"))?;
        table.row([kind.says(), number, bytes]);
    }
    table.print();
    Ok(())
}

/// Number of series (or eventIDs) and bytes of each, of a detector filled in this process.
pub fn measured(kind: Kind) -> String {
    let settings = Settings { series_max: usize::MAX, ..Settings::from(&Config::default_config()) };
    let mut detector = Detector::new(settings);
    let (before, number) = match kind {
        Kind::Generated => generated(&mut detector),
        _ => made_up(&mut detector, kind),
    };
    let after = resident_bytes();
    match before.zip(after) {
        Some((before, after)) => format!("{number} {}", (after.saturating_sub(before)) / number.max(1)),
        None => format!("{number} -"),
    }
}

fn made_up(detector: &mut Detector, kind: Kind) -> (Option<u64>, u64) {
    let before = resident_bytes();
    let mut observe = |series: i64, time: i64, caller: i64, id: Option<String>| {
        detector.observe(&event(series, time, caller, id), None, &mut |_| {});
    };
    if kind == Kind::EventIds {
        (0..EVENT_IDS)
            .for_each(|number| observe(number % APIS, BEGIN + number / 100, 0, Some(format!("{number:032x}"))));
        return (before, detector.gauges().dedup_events);
    }
    if kind == Kind::Silent {
        // One account after the other, so that what falls asleep makes room for the next one's.
        for first in (0..SERIES).step_by(APIS as usize) {
            (0..7 * 6)
                .for_each(|step| (first..first + APIS).for_each(|series| observe(series, at(step), step % 3, None)));
            // Its first API moves the clock on; the second call of a day confirms the first.
            (0..14).for_each(|day| (0..2).for_each(|_| observe(first, BEGIN + (8 + day) * DAY, 0, None)));
        }
        return (before, detector.gauges().series);
    }
    if kind == Kind::Once {
        (0..SERIES).for_each(|series| observe(series, BEGIN + 7 * DAY, 0, None));
    } else {
        for step in 0..7 * 6 {
            (0..SERIES).for_each(|series| observe(series, at(step), step % 3, None));
        }
    }
    // The first API of each account moves its clock a day on.
    (0..SERIES).step_by(APIS as usize).for_each(|series| observe(series, BEGIN + 8 * DAY, 0, None));
    if kind == Kind::Active {
        for minute in 1..=10 {
            (0..SERIES).for_each(|series| observe(series, BEGIN + 8 * DAY + minute * 60, minute % 3, None));
        }
    }
    (before, detector.gauges().series)
}

/// The time of a step: six in an hour of each day.
fn at(step: i64) -> i64 {
    BEGIN + step / 6 * DAY + step % 6 * 600
}

fn event(series: i64, time: i64, caller: i64, id: Option<String>) -> Event<'static> {
    Event {
        account: AccountId::parse(&format!("{:012}", series / APIS)).expect("twelve digits"),
        region: Cow::Borrowed("us-east-1"),
        source: Cow::Borrowed("ec2.amazonaws.com"),
        name: Cow::Owned(format!("ModifyNetworkThing{:02}", series % APIS)),
        error: None,
        time,
        id: id.map(Cow::Owned),
        principal: Cow::Owned(format!("arn:aws:sts::111122223333:assumed-role/deployment-{caller}")),
        invoked_by: Cow::Borrowed(""),
        agent: Cow::Owned(format!("aws-sdk-go-v2/1.24.1 os/linux lang/go/1.21.{caller}")),
        category: Category::Management,
        write: true,
        read_only: Some(false),
        inferred: false,
        correction: false,
    }
}

fn generated(detector: &mut Detector) -> (Option<u64>, u64) {
    let plan = Plan { seed: 1, accounts: 20, start: BEGIN, days: 14, activity: 1.0, attacks: 0, quiet_days: 0 };
    let organization = Organization::new(plan);
    let counted = |call: &Call| !call.api.read || call.error.is_some();
    // Once without the detector: what making the calls needs is then there before it is measured, and calls
    // are never held.
    let calls: usize = organization.accounts().iter().map(|account| account.calls().filter(counted).count()).sum();
    assert!(calls > 0, "generated accounts call");
    let before = resident_bytes();
    for account in organization.accounts() {
        for call in account.calls().filter(counted) {
            detector.observe(&Event { id: None, ..call.event(account) }, None, &mut |_| {});
        }
    }
    (before, detector.gauges().series)
}

/// `VmRSS` of this process; none where the system has no such file.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next())?;
    Some(kilobytes.parse::<u64>().ok()? * 1024)
}
