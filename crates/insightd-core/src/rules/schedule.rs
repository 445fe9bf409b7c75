//! Weekly windows of local time, such as `Sat 22:00-02:00 Europe/Berlin`.
//!
//! A window follows the local time of its zone, to the minute, and excludes its end. A window that ends at or
//! before its beginning continues into the next day. When clocks go forward, the skipped hour is in no
//! window; when they go back, the repeated hour is in the window twice.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

const DAY_MINUTES: u16 = 24 * 60;
const WEEK_MINUTES: u16 = 7 * DAY_MINUTES;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Most windows of one rule.
const WINDOWS_MAX: usize = 50;

/// The windows of a rule, which applies inside any of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Vec<Window>);

#[derive(Clone, Debug, PartialEq)]
struct Window {
    written: Box<str>,
    /// Minutes of the local week (from Monday, 00:00), from (inclusive) and to (exclusive). Those across the
    /// end of the week are cut in two.
    ranges: Vec<(u16, u16)>,
    zone: TimeZone,
}

impl Schedule {
    /// Reads windows, each `[DAYS] HH:MM-HH:MM [ZONE]`: days as `Sat`, `Mon-Fri` or `Mon,Wed-Fri` (every day
    /// if left out), a zone by its IANA name (UTC if left out).
    ///
    /// # Errors
    /// What is wrong with the first wrong window.
    pub fn parse(windows: &[String]) -> Result<Self, String> {
        if windows.is_empty() || windows.len() > WINDOWS_MAX {
            return Err(format!("must hold 1 to {WINDOWS_MAX} windows"));
        }
        windows.iter().map(|text| Window::parse(text)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the time (seconds since 1970) lies in a window.
    pub fn contains(&self, time: i64) -> bool {
        // A time outside the calendar is in no window.
        let Ok(at) = Timestamp::from_second(time) else { return false };
        self.0.iter().any(|window| window.contains(at))
    }

    /// The windows as written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|window| &*window.written)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written().collect::<Vec<_>>().join(", "))
    }
}

impl Window {
    fn parse(written: &str) -> Result<Self, String> {
        let wrong =
            |what: String| format!("{what} in {written:?}; a window is such as \"Sat 22:00-02:00 Europe/Berlin\"");
        let mut words = written.split_whitespace().peekable();
        let days = match words.next_if(|word| !word.starts_with(|c: char| c.is_ascii_digit())) {
            Some(text) => days(text).map_err(wrong)?,
            None => (0..7).collect(),
        };
        let hours = words.next().ok_or_else(|| wrong("there are no hours".to_owned()))?;
        let zone = words.next().unwrap_or("UTC");
        if let Some(more) = words.next() {
            return Err(wrong(format!("{more:?} is one word too many")));
        }
        let (from, to) = hours.split_once('-').ok_or_else(|| wrong(format!("{hours:?} is no span of hours")))?;
        let (from, to) = (minute(from, DAY_MINUTES - 1).map_err(wrong)?, minute(to, DAY_MINUTES).map_err(wrong)?);
        if from == to {
            return Err(wrong("it begins as it ends (00:00-24:00 is the whole day)".to_owned()));
        }
        let length = if from < to { to - from } else { to + DAY_MINUTES - from };
        // The bundled database, not the machine's: a configuration means the same everywhere.
        let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| wrong(format!("{zone:?} is no time zone")))?;
        let ranges = days.into_iter().flat_map(|day| ranges(day * DAY_MINUTES + from, length)).collect();
        Ok(Self { written: written.into(), ranges, zone })
    }

    fn contains(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let day = local.weekday().to_monday_zero_offset().unsigned_abs();
        let minute = u16::from(day) * DAY_MINUTES
            + u16::from(local.hour().unsigned_abs()) * 60
            + u16::from(local.minute().unsigned_abs());
        self.ranges.iter().any(|&(from, to)| (from..to).contains(&minute))
    }
}

/// The minutes of the week covered by `length` minutes from `from`.
fn ranges(from: u16, length: u16) -> impl Iterator<Item = (u16, u16)> {
    let to = from + length;
    let beyond = to.saturating_sub(WEEK_MINUTES);
    [(from, to.min(WEEK_MINUTES)), (0, beyond)].into_iter().filter(|(from, to)| from < to)
}

/// `Sat`, `Mon-Fri`, `Mon,Wed-Fri`; `Fri-Mon` wraps around the week. Days from Monday = 0.
fn days(text: &str) -> Result<Vec<u16>, String> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let span = (last + 7 - first) % 7;
        days.extend((0..=span).map(|more| (first + more) % 7));
    }
    let written = days.len();
    days.sort_unstable();
    days.dedup();
    if days.len() < written { Err(format!("a day is given twice by {text:?}")) } else { Ok(days) }
}

fn day(text: &str) -> Result<u16, String> {
    let found = DAYS.iter().position(|day| day.eq_ignore_ascii_case(text));
    found.map(|day| day as u16).ok_or_else(|| format!("{text:?} is no day ({})", DAYS.join(" ")))
}

/// `HH:MM` as minutes, up to `most`.
fn minute(text: &str, most: u16) -> Result<u16, String> {
    let number = |text: &str| match text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse::<u16>().ok(),
        false => None,
    };
    text.split_once(':')
        .and_then(|(hours, minutes)| Some((number(hours)?, number(minutes)?)))
        .filter(|&(_, minutes)| minutes < 60)
        .map(|(hours, minutes)| hours * 60 + minutes)
        .filter(|&minute| minute <= most)
        .ok_or_else(|| format!("{text:?} is no time of day from 00:00 to {:02}:{:02}", most / 60, most % 60))
}

#[cfg(test)]
mod tests;
