//! `insightd demo`: the main job in one command, with no server.
//!
//! An embedded Kafka, constructed CloudTrail of an organisation in a time lapse, and the daemon on top: the same code path as
//! `insightd run`, with its transactions and its HTTP. What comes out is read back from the output topic, as any user would,
//! shown as it happens, and matched against what was injected.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use insightd_generate::{Organisation, Plan};
use sysexits::ExitCode;

use super::ExitError;
use super::run::{self, Running};
use crate::config::Config;
use crate::kafka::embedded::{EmbeddedKafka, RECORD_LIMITS, Reader};
use crate::kafka::{Feeder, ProbeError};
use crate::stream::broker::{self, TopicPartition};

mod args;
mod feed;
mod lapse;
mod matching;
mod scrape;
mod screen;
mod show;
mod summary;
mod traffic;
mod window;

pub use args::DemoArgs;
use feed::{Fed, Feed};
use lapse::Lapse;
use show::{Show, Stage};
use traffic::Traffic;
use window::Window;

/// Seed unless one is given.
pub const SEED: u64 = 7;
/// Accounts of the organisation.
pub const ACCOUNTS: u32 = 10;
/// Days before the one with attacks.
pub const HISTORY_DAYS: u32 = 9;
/// Attacks of one day.
pub const ATTACKS: u32 = 10;
/// How much every account does.
pub const ACTIVITY: f64 = 0.3;
/// Seconds in which the day with attacks is shown, unless the machine is slower.
pub const DAY_SHOWN_IN_S: u32 = 24;

/// Configuration of the daemon, above the defaults.
const CONFIG: &str = include_str!("../../../config/demo.toml");
/// Partitions of the input topic: each keeps only so much, so this is how much can be under way.
const PARTITIONS: i32 = 4;
/// Longest wait for the embedded Kafka to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Days that `--keep-running` has traffic for.
const LIVE_DAYS: u32 = 14;
const DAY_S: i64 = 24 * 3600;

/// Runs the command.
///
/// # Errors
/// When the daemon has ended by itself, or the counts do not agree.
pub fn run(args: &DemoArgs) -> Result<(), ExitError> {
    let mut config = Config::load_text("config/demo.toml", CONFIG)
        .map_err(|faults| ExitError::new(ExitCode::Config, faults.to_string()))?;
    if args.verbose {
        config.log.level = "info".to_owned();
    }
    run::logging::start(&config.log)?;
    let (input, output) = (config.input.topics[0].clone(), config.output.topic.clone());
    let kafka = EmbeddedKafka::start(&[
        (&input, PARTITIONS),
        (&output, 1),
        (&config.dlq.topic, 1),
        (&config.state.topic, PARTITIONS),
    ])
    .map_err(failed)?;
    config.kafka.bootstrap_servers = vec![kafka.address()];
    let feeder = Feeder::connect(&config, ANSWER_MAX).map_err(|error| match error {
        ProbeError::Unreachable(reason) => ExitError::new(ExitCode::IoErr, reason),
        ProbeError::Refused(failure) => failed(failure),
    })?;
    let reader = Reader::connect(&kafka.address(), TopicPartition::new(&output, 0)).map_err(failed)?;
    let daemon = start(config)?;
    let outcome = Demo { args, kafka: &kafka, daemon: &daemon }.play(feeder, reader);
    daemon.stop();
    // Why the daemon has ended says more than what that did to the rest.
    daemon.wait()?;
    outcome
}

/// The daemon, with HTTP on the configured address, or on any free port where that one is taken.
fn start(config: Config) -> Result<Running, ExitError> {
    let mut elsewhere = config.clone();
    elsewhere.http.listen = SocketAddr::new(config.http.listen.ip(), 0);
    run::start(config, Some(RECORD_LIMITS)).or_else(|_| run::start(elsewhere, Some(RECORD_LIMITS)))
}

fn failed(failure: broker::BrokerError) -> ExitError {
    ExitError::new(ExitCode::IoErr, failure.message)
}

/// What plays together.
struct Demo<'a> {
    args: &'a DemoArgs,
    kafka: &'a EmbeddedKafka,
    daemon: &'a Running,
}

impl Demo<'_> {
    fn play(&self, feeder: Feeder, reader: Reader) -> Result<(), ExitError> {
        let started = Instant::now();
        let plan = plan(self.args, wall_clock());
        let day = Day::of(&plan);
        let organisation = Organisation::new(plan.clone());
        let mut traffic = Traffic::new(organisation.accounts());
        let labels = organisation.accounts().iter().flat_map(|account| account.labels().to_vec()).collect();
        let fed = Fed::default();
        let mut show = Show::new(&plan, day, labels, reader, &fed, started);
        show.open(self.daemon.listen(), &self.kafka.address());
        let mut feed = Feed {
            daemon: self.daemon,
            feeder,
            window: Window::new(PARTITIONS as usize),
            lapse: Lapse::new(day.from, DAY_S, Duration::from_secs(self.args.day_seconds.into())),
            started,
            fed: &fed,
        };
        if !self.args.keep_running {
            let complete = self.stage(&mut feed, &mut traffic, None, &mut show)?;
            return show.close(if complete { Stage::End } else { Stage::Stopped }, self.daemon.listen());
        }
        let mut complete = self.stage(&mut feed, &mut traffic, Some(day.until), &mut show)?;
        if complete {
            show.close(Stage::Day, self.daemon.listen())?;
            show.say("Traffic goes on, soon at the pace of the wall clock; Ctrl-C ends it.\n\n");
            feed.lapse.follow_the_wall_clock();
            complete = self.stage(&mut feed, &mut traffic, None, &mut show)?;
        }
        show.close(if complete { Stage::End } else { Stage::Stopped }, self.daemon.listen())
    }

    /// Feeds what is delivered before `until` and shows what comes of it; `false` when it was stopped before.
    fn stage(
        &self,
        feed: &mut Feed<'_>,
        traffic: &mut Traffic<'_>,
        until: Option<i64>,
        show: &mut Show<'_>,
    ) -> Result<bool, ExitError> {
        let fed = feed.fed;
        thread::scope(|scope| {
            let feeding = thread::Builder::new()
                .name("traffic".to_owned())
                .spawn_scoped(scope, || feed.run(traffic.until(until)))
                .map_err(|error| ExitError::new(ExitCode::OsErr, error.to_string()))?;
            let watched = show.watch(&|| feeding.is_finished(), &|| self.daemon.is_stopping());
            fed.stop.store(watched.is_err() || show.reader_left(), Ordering::Relaxed);
            let panicked = |_| ExitError::new(ExitCode::Software, "the generator has panicked; please report this");
            let complete = feeding.join().map_err(panicked)?.map_err(failed)?;
            watched.map(|()| complete)
        })
    }
}

/// The day with attacks, seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    from: i64,
    until: i64,
}

impl Day {
    fn of(plan: &Plan) -> Self {
        let from = plan.start + i64::from(plan.quiet_days) * DAY_S;
        Self { from, until: from + DAY_S }
    }
}

/// History and a day of attacks that end with the last midnight, so that nothing is dated ahead of the wall clock `now`; with
/// `--keep-running` traffic that goes on from there.
fn plan(args: &DemoArgs, now: i64) -> Plan {
    let live = if args.keep_running { LIVE_DAYS } else { 0 };
    let midnight = now - now.rem_euclid(DAY_S);
    Plan {
        seed: args.seed,
        accounts: args.accounts as usize,
        start: midnight - i64::from(args.days + 1) * DAY_S,
        days: args.days + 1 + live,
        activity: args.activity,
        attacks: (args.attacks * (1 + live)) as usize,
        quiet_days: args.days,
    }
}

/// Seconds since 1970.
fn wall_clock() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::{Cli, Command};

    fn args(line: &[&str]) -> DemoArgs {
        match Cli::parse_from(["insightd", "demo"].iter().chain(line)).command {
            Command::Demo(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_day_with_attacks_is_yesterday_so_that_nothing_is_dated_ahead() {
        let now = 1_794_000_123;
        let plan = plan(&args(&[]), now);
        let day = Day::of(&plan);
        assert_eq!((plan.start % DAY_S, plan.days, plan.quiet_days), (0, 10, 9));
        assert!(day.until <= now && now < day.until + DAY_S, "{day:?}");
        assert_eq!(day.until, plan.start + i64::from(plan.days) * DAY_S);
    }

    #[test]
    fn with_keep_running_traffic_and_attacks_go_on_beyond_now() {
        let now = 1_794_000_123;
        let (once, on) = (plan(&args(&[]), now), plan(&args(&["--keep-running"]), now));
        assert_eq!((once.start, Day::of(&once)), (on.start, Day::of(&on)));
        assert_eq!((on.days, on.attacks), (24, 150));
        assert!(on.start + i64::from(on.days) * DAY_S > now + 7 * DAY_S);
    }

    #[test]
    fn the_configuration_has_no_fault_and_changes_little() {
        let config = Config::load_text("config/demo.toml", CONFIG).unwrap();
        let defaults = Config::default_config();
        assert_eq!((config.detect, config.baseline), (defaults.detect, defaults.baseline), "detection is as it comes");
        assert_eq!(config.input.topics.len(), 1);
    }
}
