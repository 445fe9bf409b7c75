//! Reads the insights back, matches and shows them, and sums up at the end.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use insightd_generate::Plan;
use insightd_generate::label::Label;
use sysexits::ExitCode;

use super::feed::FeedProgress;
use super::matching::Ledger;
use super::scrape::{Counts, scrape};
use super::screen::{Progress, Screen};
use super::summary::{self, Played};
use super::timeline::{AttackDay, DAY_S};
use crate::commands::console::insight_text::InsightText;
use crate::commands::exit_error::ExitError;
use crate::kafka::embedded::Reader;
use crate::stream::broker::BrokerError;

/// Longest wait for an insight before the bar moves.
const POLL_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for the counts of a commit: they are published right after it.
const COUNTED_WITHIN: Duration = Duration::from_secs(5);
/// Age of an account before its first insight, days (`baseline.warm_up`, which the demo leaves as it is).
const WARM_UP_DAYS: f64 = 1.5;

/// When the demo sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// After the day with attacks; live traffic follows.
    Day,
    /// At the end of the traffic.
    End,
    /// When it was stopped early.
    Stopped,
}

/// What the demo plays.
pub(crate) struct Scenario {
    pub(crate) plan: Plan,
    /// The labels of the attacks in the traffic.
    pub(crate) labels: Vec<Label>,
    /// The daemon's `detect.false_insights_per_account_per_week`.
    pub(crate) budget: f64,
}

/// The parts of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    History,
    Day,
    Live,
}

impl Part {
    fn label(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Day => "the day with attacks",
            Self::Live => "live",
        }
    }
}

/// The display and its data.
pub(crate) struct Show<'a> {
    screen: Screen,
    ledger: Ledger,
    reader: Reader,
    /// Insights read back.
    read_back: u64,
    fed: &'a FeedProgress,
    plan: Plan,
    day: AttackDay,
    part: Part,
    started: Instant,
    /// `detect.false_insights_per_account_per_week`
    budget: f64,
}

impl<'a> Show<'a> {
    /// Nothing is shown yet.
    pub(crate) fn new(scenario: Scenario, reader: Reader, fed: &'a FeedProgress, started: Instant) -> Self {
        let Scenario { plan, labels, budget } = scenario;
        let day = AttackDay::of(&plan);
        Self {
            screen: Screen::new((day.until - plan.start).unsigned_abs()),
            ledger: Ledger::new(labels),
            reader,
            read_back: 0,
            fed,
            plan,
            day,
            part: Part::History,
            started,
            budget,
        }
    }

    /// Announces the demo and the addresses of its parts.
    pub(crate) fn open(&mut self, metrics: SocketAddr, kafka: &str) {
        let text = summary::opening(&self.plan, metrics, kafka, self.screen.paint());
        self.screen.say(&text);
        self.screen.heading(
            "History.",
            &format!("{} days in which nothing is injected: every insight in them is false.", self.plan.quiet_days),
        );
    }

    /// Shows the text as it is.
    pub(crate) fn say(&mut self, text: &str) {
        self.screen.say(text);
    }

    /// Shows insights until the feed has ended and all are read, or until the daemon is asked to stop.
    ///
    /// # Errors
    /// If the output topic cannot be read, or holds a record that is not an insight.
    pub(crate) fn watch(
        &mut self,
        fed_all: &dyn Fn() -> bool,
        is_stopping: &dyn Fn() -> bool,
    ) -> Result<(), ExitError> {
        while !self.screen.is_closed() {
            // Asked before the topic is read: the read sees everything that was written by then.
            let fed_all = fed_all();
            if !self.show_next()? && ((fed_all && self.reader.behind().map_err(failed)? <= 0) || is_stopping()) {
                return Ok(());
            }
            self.progress();
        }
        Ok(())
    }

    /// Whether the reader of standard output has closed it: the end of the demo, but not a failure.
    pub(crate) fn reader_left(&self) -> bool {
        self.screen.is_closed()
    }

    fn show_next(&mut self) -> Result<bool, ExitError> {
        let Some(record) = self.reader.next(POLL_PAUSE).map_err(failed)? else { return Ok(false) };
        self.read_back += 1;
        let insight = InsightText::read(&record.payload, &record.headers)
            .map_err(|text| ExitError::new(ExitCode::Software, format!("the output topic: {text}")))?;
        let verdict = self.ledger.enter(&insight);
        if self.part_of(insight.detected_at) == Part::History {
            self.screen.brief(&insight, verdict, &self.ledger);
        } else {
            self.screen.insight(&insight, verdict, &self.ledger);
        }
        Ok(true)
    }

    fn part_of(&self, time: i64) -> Part {
        match time {
            time if time < self.day.from => Part::History,
            // The last files of the day are delivered minutes after it.
            time if time < self.day.until || self.plan.days == self.plan.quiet_days + 1 => Part::Day,
            _ => Part::Live,
        }
    }

    fn progress(&mut self) {
        let time = self.fed.time.load(Ordering::Relaxed);
        let part = self.part_of(time);
        if self.part == Part::History && part == Part::Day {
            let attacks = self.ledger.attacks.iter().filter(|attack| attack.label.start < self.day.until).count();
            let text = format!(
                "{attacks} attacks are injected into {}, and time is slowed down.",
                summary::date(self.day.from)
            );
            self.screen.heading("\nThe day with attacks.", &text);
        }
        self.part = part;
        let records = self.fed.records.load(Ordering::Relaxed);
        self.screen.progress(&Progress {
            played_s: (time - self.plan.start).max(0).unsigned_abs(),
            time,
            part: part.label(),
            records,
            elapsed: self.started.elapsed(),
        });
    }

    /// Compares the counts and sums up.
    ///
    /// # Errors
    /// If the counts do not agree, or if `/metrics` cannot be read.
    pub(crate) fn close(&mut self, stage: Stage, metrics: SocketAddr) -> Result<(), ExitError> {
        let records = self.fed.records.load(Ordering::Relaxed);
        let counts = match stage {
            Stage::Stopped => None,
            Stage::Day | Stage::End => Some(settled(metrics, records)?),
        };
        let until = self.fed.time.load(Ordering::Relaxed);
        let played = Played {
            accounts: self.plan.accounts,
            watched_days: ((until - self.plan.start) as f64 / DAY_S as f64 - WARM_UP_DAYS).max(0.0),
            until,
            records,
            took: self.started.elapsed(),
            counts,
            budget: self.budget,
            read_back: self.read_back,
        };
        let text = summary::text(&self.ledger, &played, self.screen.paint());
        self.screen.say(&text);
        if stage == Stage::End {
            self.screen.say(summary::NEXT);
        }
        match played.fault() {
            Some(fault) => Err(ExitError::new(ExitCode::Software, format!("the counts do not agree: {fault}"))),
            None => Ok(()),
        }
    }
}

/// The daemon's counts, as soon as they agree with the records written, or after [`COUNTED_WITHIN`].
fn settled(metrics: SocketAddr, records: u64) -> Result<Counts, ExitError> {
    let began = Instant::now();
    loop {
        let counts = scrape(metrics).map_err(ExitError::io)?;
        if counts.records == records || began.elapsed() > COUNTED_WITHIN {
            return Ok(counts);
        }
        thread::sleep(POLL_PAUSE);
    }
}

fn failed(error: BrokerError) -> ExitError {
    ExitError::io(error.message)
}
