//! Checks each number of an insight against the ledger.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde_json::Value;

use super::ledger::{Entry, Ledger, Series};
use insightd_test_support::clock::parse;

/// Distinct values of an attribute up to which its counts are exact (`attribution.values_max`).
const EXACT_VALUES: usize = 32;
/// Values listed on a side.
const LISTED: usize = 5;
/// Name of an attribute, and its value in an entry.
type Attribute = (&'static str, fn(&Entry) -> &str);

const WEEK_MINUTES: i64 = 7 * 1440;

/// One parsed insight.
#[derive(Debug)]
pub struct Claim {
    /// The record.
    pub text: String,
    /// Start or End.
    pub state: String,
    /// Identity of the insight.
    pub shared_id: String,
    /// The series of the insight.
    pub series: Series,
    /// `eventTime`, minutes since 1970.
    pub minute: i64,
    value: Value,
}

/// Counts of checks, to prove that a run is meaningful.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// Starts.
    pub starts: u64,
    /// Ends.
    pub ends: u64,
    /// Starts of the error rate.
    pub errors: u64,
    /// Lists of attributions compared value by value.
    pub attributions: u64,
    /// Lists skipped because more values occurred than the detector counts exactly.
    pub attributions_inexact: u64,
    /// Windows of insights into which a late record fell.
    pub windows_with_late: u64,
    /// Baselines shorter than seven days.
    pub short_windows: u64,
}

impl AddAssign for Checked {
    fn add_assign(&mut self, other: Self) {
        self.starts += other.starts;
        self.ends += other.ends;
        self.errors += other.errors;
        self.attributions += other.attributions;
        self.attributions_inexact += other.attributions_inexact;
        self.windows_with_late += other.windows_with_late;
        self.short_windows += other.short_windows;
    }
}

impl Claim {
    /// Reads a record with explanation.
    pub fn read(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).expect("an insight is JSON");
        let details = &value["insightDetails"];
        let string = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text in {text}")).to_owned();
        let series = (
            string(&value["recipientAccountId"]),
            string(&value["awsRegion"]),
            string(&details["eventSource"]),
            string(&details["eventName"]),
            details["errorCode"].as_str().map(str::to_owned),
        );
        let time = parse(&string(&value["eventTime"])).unwrap_or_else(|| panic!("eventTime of {text}"));
        assert_eq!(time % 60, 0, "eventTime is a minute: {text}");
        let kind = string(&details["insightType"]);
        let wanted = if series.4.is_some() { "ApiErrorRateInsight" } else { "ApiCallRateInsight" };
        assert_eq!(kind, wanted, "{text}");
        Self {
            text: text.to_owned(),
            state: string(&details["state"]),
            shared_id: string(&value["sharedEventID"]),
            series,
            minute: time / 60,
            value,
        }
    }

    /// The insight without its numbers.
    pub fn outline(&self) -> String {
        format!("{} {:?} {}", self.state, self.series, self.minute)
    }

    fn context(&self) -> &Value {
        &self.value["insightDetails"]["insightContext"]
    }

    fn duration(&self, name: &str) -> i64 {
        self.context()["statistics"][name].as_i64().unwrap_or_else(|| panic!("no {name}: {}", self.text))
    }

    /// Checks a Start: provisional window to the end of the detection minute, baseline up to the Start, both
    /// as known at the tipping event.
    pub fn check_start(&self, ledger: &Ledger, checked: &mut Checked) {
        let account = &self.series.0;
        let explained = &self.value["insightd"];
        let tip = explained["tippingEventID"].as_str().unwrap_or_else(|| panic!("no tipping event: {}", self.text));
        let (order, time) =
            ledger.arrival(account, tip).unwrap_or_else(|| panic!("tipping event {tip} never came: {}", self.text));
        let detected = self.value["detectedAt"].as_str().and_then(parse);
        assert_eq!(detected, Some(time), "detectedAt is the tipping event's time: {}", self.text);
        let detection = explained["detectionMinute"]
            .as_str()
            .and_then(parse)
            .unwrap_or_else(|| panic!("no detectionMinute: {}", self.text))
            / 60;
        self.check_detection(detection, order, time, ledger);

        let arrived = |entry: &&Entry| entry.order <= order;
        let entries = ledger.entries(&self.series);
        let at_start: Vec<&Entry> =
            entries.iter().filter(arrived).filter(|entry| entry.minute() == self.minute).collect();
        assert!(!at_start.is_empty(), "nothing happened in the Start minute: {}", self.text);
        let window = (self.minute.min(detection - 4), detection + 1);
        self.check_side("insight", within(entries.iter().filter(arrived), window), window, checked);

        let midnight = (self.minute.div_euclid(1440)) * 1440;
        let begin = (midnight - WEEK_MINUTES).max(ledger.history_begin(account));
        let window = (begin, self.minute);
        self.check_side("baseline", within(entries.iter().filter(arrived), window), window, checked);
        checked.starts += 1;
        checked.errors += u64::from(self.series.4.is_some());
        checked.short_windows += u64::from(self.minute - begin < WEEK_MINUTES);
    }

    /// The detection minute is the tipping event's, or the newest minute of the series, if an event out of
    /// order completes its sum.
    fn check_detection(&self, detection: i64, order: u64, time: i64, ledger: &Ledger) {
        let entries = ledger.entries(&self.series);
        assert!(
            entries.iter().any(|entry| entry.order == order && !entry.late),
            "the tipping event is of the series: {}",
            self.text
        );
        let newest = entries.iter().filter(|entry| entry.order <= order).map(Entry::minute).max();
        let minute = time.div_euclid(60);
        assert!(
            detection == minute || Some(detection) == newest,
            "detection in minute {detection}, not {minute} or {newest:?}: {}",
            self.text
        );
        assert!(
            (detection - 4..=detection).contains(&self.minute),
            "Start within the five minutes to the detection: {}",
            self.text
        );
    }

    /// Checks an End: the window from the Start to the End without late records; the baseline as at the
    /// Start.
    pub fn check_end(&self, start: &Self, ledger: &Ledger, checked: &mut Checked) {
        assert_eq!(self.series, start.series, "{}", self.text);
        assert_eq!(
            self.context()["statistics"]["baseline"],
            start.context()["statistics"]["baseline"],
            "{}",
            self.text
        );
        assert_eq!(self.duration("baselineDuration"), start.duration("baselineDuration"), "{}", self.text);
        for (mine, its) in self.attributions().into_iter().zip(start.attributions()) {
            assert_eq!(
                mine["baseline"], its["baseline"],
                "baseline of attributions is that of the Start: {}",
                self.text
            );
        }
        let window = (start.minute, self.minute);
        let entries = within(ledger.entries(&self.series).iter(), window);
        checked.windows_with_late += u64::from(entries.iter().any(|entry| entry.late));
        let in_time: Vec<&Entry> = entries.into_iter().filter(|entry| !entry.late).collect();
        self.check_side("insight", in_time, window, checked);
        checked.ends += 1;
    }

    fn attributions(&self) -> Vec<&Value> {
        self.context()["attributions"]
            .as_array()
            .unwrap_or_else(|| panic!("no attributions: {}", self.text))
            .iter()
            .collect()
    }

    fn check_side(&self, side: &str, entries: Vec<&Entry>, (from, to): (i64, i64), checked: &mut Checked) {
        let minutes = to - from;
        assert_eq!(self.duration(&format!("{side}Duration")), minutes, "{side}Duration of {}", self.text);
        let average = &self.context()["statistics"][side]["average"];
        assert_average(average, entries.len(), minutes, || format!("{side} average of {}", self.text));

        let attributions = self.attributions();
        let names: Vec<&str> = attributions.iter().filter_map(|item| item["attribute"].as_str()).collect();
        let all: [Attribute; 3] =
            [("userIdentityArn", |e| &e.principal), ("userAgent", |e| &e.agent), ("errorCode", |e| &e.error)];
        let wanted = if self.series.4.is_some() { &all[..2] } else { &all[..] };
        assert_eq!(names, wanted.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "attributes of {}", self.text);
        for ((name, read), item) in wanted.iter().zip(attributions) {
            self.check_list(name, side, &item[side], &entries, *read, minutes, checked);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one record's parts")]
    fn check_list(
        &self,
        name: &str,
        side: &str,
        list: &Value,
        entries: &[&Entry],
        read: fn(&Entry) -> &str,
        minutes: i64,
        checked: &mut Checked,
    ) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        entries.iter().for_each(|entry| *counts.entry(read(entry)).or_default() += 1);
        if counts.len() > EXACT_VALUES {
            checked.attributions_inexact += 1;
            return;
        }
        let mut top: Vec<(&str, usize)> = counts.into_iter().collect();
        // A stable sort of values in ascending order: breaks ties by value.
        top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        top.truncate(LISTED);
        let list = list.as_array().unwrap_or_else(|| panic!("no {side} list of {name}: {}", self.text));
        let values: Vec<&str> = list.iter().filter_map(|item| item["value"].as_str()).collect();
        assert_eq!(values, top.iter().map(|(value, _)| *value).collect::<Vec<_>>(), "{side} {name} of {}", self.text);
        for (item, (value, count)) in list.iter().zip(top) {
            assert_average(&item["average"], count, minutes, || format!("{side} {name} {value} of {}", self.text));
        }
        checked.attributions += 1;
    }
}

fn within<'a>(entries: impl Iterator<Item = &'a Entry>, (from, to): (i64, i64)) -> Vec<&'a Entry> {
    entries.filter(|entry| (from..to).contains(&entry.minute())).collect()
}

/// Asserts that an average is exact to the last of at most ten decimals.
fn assert_average(average: &Value, count: usize, minutes: i64, what: impl Fn() -> String) {
    let claimed = average.as_f64().unwrap_or_else(|| panic!("no number: {}", what()));
    let recounted = count as f64 / minutes as f64;
    let close = (claimed - recounted).abs() <= 0.5e-10 + recounted.abs() * 1e-15;
    assert!(close, "{claimed} is not {count} in {minutes} minutes ({recounted}): {}", what());
    let written = average.to_string();
    let decimals = written.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    assert!(decimals <= 10 || written.contains('e'), "{written} has more than ten decimals: {}", what());
}

/// At most one insight of a series is open, and the next Start is not before the last End.
pub fn assert_one_at_a_time(claims: &[Claim]) {
    let mut last: BTreeMap<&Series, (&str, i64)> = BTreeMap::new();
    for claim in claims {
        let before = last.insert(&claim.series, (&claim.state, claim.minute));
        match (before, claim.state.as_str()) {
            (None | Some(("End", _)), "Start") | (Some(("Start", _)), "End") => {}
            _ => panic!("{before:?} before {}", claim.text),
        }
        assert!(before.is_none_or(|(_, minute)| minute <= claim.minute), "{before:?} before {}", claim.text);
    }
}
