//! The trace of one series of CloudTrail files, minute by minute, for a plot. Reads the files a second time,
//! so that the backtest itself does not have to keep counts.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use insightd_core::cloudtrail::envelope::{self, Sink};
use insightd_core::cloudtrail::event::{Category, Event};
use insightd_core::cloudtrail::outcome::{DecodeError, Envelope, Limit, Skipped};
use insightd_core::detect::RepeatFilter;
use insightd_core::detect::statistics::horizon::Horizons;
use insightd_core::rules::Action;

use super::cloudtrail::BacktestResult;
use super::collector::FoundInsight;
use super::series_name::SeriesName;
use super::trace::{Band, Trace};
use crate::commands::sources::Sources;
use crate::commands::wall_clock;
use crate::config::{Config, decoding_limits};

/// Longest history that is drawn: four years, in minutes.
const MINUTES_MAX: i64 = 4 * 366 * 1440;

/// The trace of a series over the history of its account.
///
/// # Errors
/// Why there is none, in one sentence.
pub(crate) fn trace(result: &BacktestResult, series: &SeriesName, sources: &Sources) -> Result<Trace, String> {
    let span = result.accounts.get(&series.account).ok_or_else(|| format!("there is no series {series}"))?;
    let mut counts =
        Counts { series, config: &result.config, seen: RepeatFilter::default(), newest: 0, minutes: BTreeMap::new() };
    let limits = decoding_limits(&result.config, wall_clock::seconds());
    for source in &sources.list {
        // The first reading has reported the files that cannot be read.
        let _ = source.open().and_then(|mut input| envelope::decode_stream(&mut input, &limits, &mut counts));
    }
    if counts.minutes.is_empty() {
        return Err(format!("there is no series {series}; a name is account/region/source/name[/error]"));
    }
    let minutes = counts.minutes;
    let length = span.end - span.begin;
    if length > MINUTES_MAX {
        return Err(format!("{length} minutes of history are too many to draw"));
    }
    let insights: Vec<&FoundInsight> = result.main().found.iter().filter(|found| found.series == *series).collect();
    let open_at =
        |minute: i64| insights.iter().any(|found| minute >= found.start && found.end.is_none_or(|end| minute < end));
    let mut band = Band::new(Horizons::per_minute(result.config.detect.direction));
    let count = |minute: i64| f64::from(minutes.get(&minute).copied().unwrap_or(0));
    Ok((span.begin..=span.end).map(|minute| band.next(minute * 60, count(minute), open_at(minute))).collect())
}

/// Counts the calls of one series as the detector does: repeats once, excluded records not at all.
struct Counts<'a> {
    series: &'a SeriesName,
    config: &'a Config,
    seen: RepeatFilter,
    newest: i64,
    minutes: BTreeMap<i64, u32>,
}

impl Counts<'_> {
    fn belongs(&self, event: &Event<'_>) -> bool {
        let SeriesName { account, region, source, name, error } = self.series;
        let counted = match event.category {
            Category::Management => error.is_some() || event.write,
            Category::Data => self.config.input.data_events,
            Category::Network | Category::Insight => false,
        };
        let same_error = error.is_none() || event.error.as_deref() == error.as_deref();
        event.account == *account
            && event.region == *region
            && event.source == *source
            && event.name == *name
            && same_error
            && counted
            && !event.correction
    }

    fn is_repeat(&mut self, event: &Event<'_>) -> bool {
        let horizon_s = i64::try_from(self.config.input.dedup_horizon.as_secs()).unwrap_or(i64::MAX / 2);
        self.newest = self.newest.max(event.time);
        self.seen.expire(self.newest - horizon_s);
        let Some(id) = &event.id else { return false };
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        event.time < self.newest - horizon_s || !self.seen.is_first(hasher.finish(), event.time)
    }
}

impl Sink for Counts<'_> {
    fn event(&mut self, _: Envelope, event: &Event<'_>) {
        if !self.belongs(event) {
            return;
        }
        let rule = self.config.rules.first_match(event, event.time);
        let excluded = rule.is_some_and(|rule| self.config.rules.at(rule).action == Action::Exclude);
        if !excluded && !self.is_repeat(event) {
            *self.minutes.entry(event.time.div_euclid(60)).or_default() += 1;
        }
    }

    fn malformed(&mut self, _: Envelope, _: DecodeError, _: &str, _: &[u8]) {}

    fn shed(&mut self, _: Envelope, _: Limit, _: &[u8]) {}

    fn skipped(&mut self, _: Skipped) {}
}
