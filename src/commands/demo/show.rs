//! Insights read back, matched and shown; and the summary at the end.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use insightd_generate::Plan;
use insightd_generate::label::Label;
use sysexits::ExitCode;

use super::feed::Fed;
use super::matching::Ledger;
use super::scrape::{Counts, scrape};
use super::screen::Screen;
use super::summary::{self, Played};
use super::{DAY_S, Day, failed};
use crate::commands::ExitError;
use crate::commands::insight_text::InsightText;
use crate::kafka::embedded::Reader;

/// Longest wait for an insight before the display moves on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Counts are published right after the commit that is waited for.
const COUNTED_WITHIN: Duration = Duration::from_secs(5);
/// Age of an account before its first insight, days (`baseline.warm_up`, which the demo leaves as it is).
const WARM_UP_DAYS: f64 = 1.5;

/// Where the demo stands when it sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The day with attacks is over, and it goes on.
    Day,
    /// All of it is over.
    End,
    /// It was stopped.
    Stopped,
}

/// What is being played.
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

/// See the module.
pub(super) struct Show<'a> {
    screen: Screen,
    ledger: Ledger,
    reader: Reader,
    read_back: u64,
    fed: &'a Fed,
    plan: Plan,
    day: Day,
    part: Part,
    started: Instant,
}

impl<'a> Show<'a> {
    /// Nothing was shown yet.
    pub(super) fn new(
        plan: &Plan,
        day: Day,
        labels: Vec<Label>,
        reader: Reader,
        fed: &'a Fed,
        started: Instant,
    ) -> Self {
        Self {
            screen: Screen::new((day.until - plan.start).unsigned_abs()),
            ledger: Ledger::new(labels),
            reader,
            read_back: 0,
            fed,
            plan: plan.clone(),
            day,
            part: Part::History,
            started,
        }
    }

    /// Says what is going to happen and where to look.
    pub(super) fn open(&mut self, metrics: SocketAddr, kafka: &str) {
        let text = summary::opening(&self.plan, metrics, kafka, self.screen.paint());
        self.screen.say(&text);
        self.screen.heading(
            "History.",
            &format!("{} days in which nothing is injected: whatever is found in them is false.", self.plan.quiet_days),
        );
    }

    /// Text as it is.
    pub(super) fn say(&mut self, text: &str) {
        self.screen.say(text);
    }

    /// Shows insights until the feed has ended and all was read, or the daemon is asked to stop.
    ///
    /// # Errors
    /// When the output topic cannot be read, or holds what is no insight.
    pub(super) fn watch(
        &mut self,
        fed_all: &dyn Fn() -> bool,
        is_stopping: &dyn Fn() -> bool,
    ) -> Result<(), ExitError> {
        while !self.screen.is_closed() {
            // Asked before the last look at the topic: what was written by then is seen by it.
            let fed_all = fed_all();
            if !self.take_in()? && ((fed_all && self.reader.behind().map_err(failed)? <= 0) || is_stopping()) {
                return Ok(());
            }
            self.progress();
        }
        Ok(())
    }

    /// Whether nobody reads standard output any more: the end of the demo, but no fault.
    pub(super) fn reader_left(&self) -> bool {
        self.screen.is_closed()
    }

    fn take_in(&mut self) -> Result<bool, ExitError> {
        let Some(record) = self.reader.next(LOOK_EVERY).map_err(failed)? else { return Ok(false) };
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
            // The last files of the day are delivered some minutes after it.
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
        self.screen.progress(
            (time - self.plan.start).max(0).unsigned_abs(),
            time,
            part.label(),
            records,
            self.started.elapsed(),
        );
    }

    /// Compares the counts and sums up.
    ///
    /// # Errors
    /// When the counts do not agree, or `/metrics` cannot be read.
    pub(super) fn close(&mut self, stage: Stage, metrics: SocketAddr) -> Result<(), ExitError> {
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

/// The daemon's counts, as soon as they are what was written, or what they are when they do not become so.
fn settled(metrics: SocketAddr, records: u64) -> Result<Counts, ExitError> {
    let asked = Instant::now();
    loop {
        let counts = scrape(metrics).map_err(|text| ExitError::new(ExitCode::IoErr, text))?;
        if counts.records == records || asked.elapsed() > COUNTED_WITHIN {
            return Ok(counts);
        }
        thread::sleep(LOOK_EVERY);
    }
}
