//! `insightd demo`: the daemon at work, in one command, without a server.
//!
//! An embedded Kafka, constructed CloudTrail of an organization in a time lapse, and the daemon on top: the
//! code path of `insightd run`, with its transactions and its HTTP. The insights are read back from the
//! output topic as any consumer would, shown as they happen, and matched with the attacks that were injected.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use insightd_generate::Organization;
use sysexits::ExitCode;

use super::exit_error::ExitError;
use super::run::{self, Daemon, RunningDaemon};
use super::wall_clock;
use crate::config::Config;
use crate::kafka::embedded::{EmbeddedKafka, RECORD_LIMITS, Reader};
use crate::kafka::{Feeder, ProbeError};
use crate::stream::broker::{BrokerError, TopicPartition};

mod args;
mod feed;
mod in_flight;
mod matching;
mod scrape;
mod screen;
mod show;
mod summary;
mod time_lapse;
mod timeline;
mod traffic;

pub(crate) use args::DemoArgs;
use feed::{Feed, FeedProgress};
use in_flight::InFlight;
use show::{Scenario, Show, Stage};
use time_lapse::TimeLapse;
use timeline::{AttackDay, DAY_S};
use traffic::Traffic;

/// The configuration of the daemon, on top of the defaults.
const CONFIG: &str = include_str!("../../../config/demo.toml");
/// Partitions of the input topic. Each keeps a limited number of bytes, so this bounds what can be in flight.
const PARTITIONS: i32 = 4;
/// Longest wait for the embedded Kafka to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// If the daemon ends by itself, or if the counts do not agree.
pub(crate) fn run(args: &DemoArgs) -> Result<(), ExitError> {
    let mut config = Config::load_text("config/demo.toml", CONFIG)?;
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
        ProbeError::Unreachable(reason) => ExitError::io(reason),
        ProbeError::Refused(refused) => failed(refused),
    })?;
    let reader = Reader::connect(&kafka.address(), TopicPartition::new(&output, 0)).map_err(failed)?;
    let budget = config.detect.false_insights_per_account_per_week;
    let daemon = start(config)?;
    let outcome = Demo { args, kafka: &kafka, daemon: &daemon, budget }.play(feeder, reader);
    daemon.stop();
    // A failure of the daemon explains more than what it did to the rest.
    daemon.wait()?;
    outcome
}

/// Starts the daemon, with HTTP on the configured address, or on any free port if that one is taken.
fn start(config: Config) -> Result<RunningDaemon, ExitError> {
    let mut any_port = config.clone();
    any_port.http.listen = SocketAddr::new(config.http.listen.ip(), 0);
    let daemon = Daemon::build(config, Some(RECORD_LIMITS)).or_else(|_| Daemon::build(any_port, Some(RECORD_LIMITS)));
    daemon?.start()
}

fn failed(error: BrokerError) -> ExitError {
    ExitError::io(error.message)
}

/// The parts of the demo.
struct Demo<'a> {
    args: &'a DemoArgs,
    kafka: &'a EmbeddedKafka,
    daemon: &'a RunningDaemon,
    /// The daemon's `detect.false_insights_per_account_per_week`.
    budget: f64,
}

impl Demo<'_> {
    fn play(&self, feeder: Feeder, reader: Reader) -> Result<(), ExitError> {
        let started = Instant::now();
        let plan = timeline::plan(self.args, wall_clock::seconds());
        let day = AttackDay::of(&plan);
        let organization = Organization::new(plan.clone());
        let mut traffic = Traffic::new(organization.accounts());
        let labels = organization.accounts().iter().flat_map(|account| account.labels().to_vec()).collect();
        let fed = FeedProgress::default();
        let mut show = Show::new(Scenario { plan, labels, budget: self.budget }, reader, &fed, started);
        show.open(self.daemon.listen(), &self.kafka.address());
        let mut feed = Feed {
            daemon: self.daemon,
            feeder,
            in_flight: InFlight::new(PARTITIONS as usize),
            time_lapse: TimeLapse::new(day.from, DAY_S, Duration::from_secs(self.args.day_seconds.into())),
            started,
            progress: &fed,
        };
        if self.args.keep_running {
            if !self.stage(&mut feed, &mut traffic, Some(day.until), &mut show)? {
                return show.close(Stage::Stopped, self.daemon.listen());
            }
            show.close(Stage::Day, self.daemon.listen())?;
            show.say("Traffic continues, soon at the pace of the wall clock; Ctrl-C ends it.\n\n");
            feed.time_lapse.follow_the_wall_clock();
        }
        let complete = self.stage(&mut feed, &mut traffic, None, &mut show)?;
        show.close(if complete { Stage::End } else { Stage::Stopped }, self.daemon.listen())
    }

    /// Feeds the traffic that is delivered before `until` and shows the insights; false if it was stopped
    /// early.
    fn stage(
        &self,
        feed: &mut Feed<'_>,
        traffic: &mut Traffic<'_>,
        until: Option<i64>,
        show: &mut Show<'_>,
    ) -> Result<bool, ExitError> {
        let fed = feed.progress;
        thread::scope(|scope| {
            let feeding = thread::Builder::new()
                .name("traffic".to_owned())
                .spawn_scoped(scope, || feed.run(traffic.until(until)))
                .map_err(|error| ExitError::system(&error))?;
            let watched = show.watch(&|| feeding.is_finished(), &|| self.daemon.is_stopping());
            fed.stop.store(watched.is_err() || show.reader_left(), Ordering::Relaxed);
            let panicked = |_| ExitError::new(ExitCode::Software, "the generator has panicked; please report this");
            let complete = feeding.join().map_err(panicked)?.map_err(failed)?;
            watched.map(|()| complete)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_leaves_detection_as_it_is() {
        let config = Config::load_text("config/demo.toml", CONFIG).unwrap();
        let defaults = Config::default_config();
        assert_eq!((config.detect, config.baseline), (defaults.detect, defaults.baseline));
        assert_eq!(config.input.topics.len(), 1);
    }
}
