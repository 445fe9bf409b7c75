//! All records of the input, with the expected outcome of each: deduplication, lateness, history.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use insightd_test_support::clock::parse;

/// Minutes that a minute stays open behind its clock.
const LATENESS_MINUTES: i64 = 10;
/// Seconds of event time in which a repeated eventID is known.
const DEDUP_HORIZON: i64 = 3 * 3600;

/// Account, region, source, name, and the error of an error-rate series.
pub type Series = (String, String, String, String, Option<String>);

/// A record that entered a series.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Position in the order of arrival.
    pub order: u64,
    /// Seconds since 1970.
    pub time: i64,
    /// Whether its minute was closed at its arrival.
    pub late: bool,
    /// As attributed.
    pub principal: String,
    /// As attributed.
    pub agent: String,
    /// As attributed: `"null"` for none.
    pub error: String,
}

impl Entry {
    /// Minutes since 1970.
    pub fn minute(&self) -> i64 {
        self.time.div_euclid(60)
    }
}

/// All records, and the count of each outcome.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Records seen.
    pub records: u64,
    /// Records that entered a series.
    pub counted: u64,
    /// Records with a known eventID.
    pub duplicates: u64,
    /// Records that enter no series.
    pub out_of_scope: u64,
    /// Records beyond the dedup horizon.
    pub too_late: u64,
    /// Records counted into a closed minute.
    pub late: u64,
    /// Management records with readOnly true.
    pub read_only: u64,
    series: BTreeMap<Series, Vec<Entry>>,
    /// Order and time of the first copy of each eventID.
    arrivals: BTreeMap<(String, String), (u64, i64)>,
    clocks: BTreeMap<(String, String), i64>,
    histories: BTreeMap<String, i64>,
    known: BTreeSet<(String, String)>,
}

impl Ledger {
    /// Adds the next record.
    pub fn enter(&mut self, text: &str) {
        let record: Value = serde_json::from_str(text).expect("a good record is JSON");
        let order = self.records;
        self.records += 1;
        let account = account(&record);
        let time = parse(string(&record, "eventTime").expect("a time")).expect("a time");
        self.histories.entry(account.clone()).or_insert(time.div_euclid(60));
        let management = is_management(&record);
        if management && record["readOnly"] == Value::Bool(true) {
            self.read_only += 1;
        }
        let error = string(&record, "errorCode").filter(|code| !code.is_empty());
        let write = is_write(&record);
        if !management || is_correction(&record) || !(write || error.is_some()) {
            self.out_of_scope += 1;
            return;
        }
        let region = string(&record, "awsRegion").expect("a region").to_owned();
        let clock = self.clocks.entry((account.clone(), region.clone())).or_insert(time);
        if time < *clock - DEDUP_HORIZON {
            self.too_late += 1;
            return;
        }
        let id = string(&record, "eventID").expect("an eventID").to_owned();
        if !self.known.insert((account.clone(), id.clone())) {
            self.duplicates += 1;
            return;
        }
        let late = clock.div_euclid(60) - time.div_euclid(60) > LATENESS_MINUTES;
        *clock = time.max(*clock);
        self.counted += 1;
        self.late += u64::from(late);
        self.arrivals.insert((account.clone(), id), (order, time));
        let entry = Entry {
            order,
            time,
            late,
            principal: principal(&record),
            agent: string(&record, "userAgent").unwrap_or("null").to_owned(),
            error: error.unwrap_or("null").to_owned(),
        };
        let source = string(&record, "eventSource").expect("a source").to_owned();
        let name = string(&record, "eventName").expect("a name").to_owned();
        if let Some(code) = error {
            let series = (account.clone(), region.clone(), source.clone(), name.clone(), Some(code.to_owned()));
            self.series.entry(series).or_default().push(entry.clone());
        }
        if write {
            self.series.entry((account, region, source, name, None)).or_default().push(entry);
        }
    }

    /// All entries of a series, in order of arrival.
    pub fn entries(&self, series: &Series) -> &[Entry] {
        self.series.get(series).map_or(&[], Vec::as_slice)
    }

    /// Order and time of the record with this eventID.
    pub fn arrival(&self, account: &str, id: &str) -> Option<(u64, i64)> {
        self.arrivals.get(&(account.to_owned(), id.to_owned())).copied()
    }

    /// Time of a clock, seconds since 1970.
    pub fn clock(&self, account: &str, region: &str) -> i64 {
        self.clocks[&(account.to_owned(), region.to_owned())]
    }

    /// Minute of the account's first record.
    pub fn history_begin(&self, account: &str) -> i64 {
        self.histories[account]
    }
}

fn string<'a>(record: &'a Value, field: &str) -> Option<&'a str> {
    record[field].as_str()
}

fn account(record: &Value) -> String {
    let own = string(record, "recipientAccountId").or_else(|| record["userIdentity"]["accountId"].as_str());
    own.expect("an account").to_owned()
}

/// Whether a record is a management event. Old records have no category; in the constructed traffic all of
/// them are EC2 calls, so management events.
fn is_management(record: &Value) -> bool {
    match string(record, "eventCategory") {
        Some(category) => category == "Management",
        None => record["managementEvent"].as_bool().unwrap_or(true),
    }
}

/// Whether a record is a write. Old records have no readOnly; then the name decides.
fn is_write(record: &Value) -> bool {
    record["readOnly"].as_bool().map_or_else(
        || !string(record, "eventName").is_some_and(|name| name.starts_with("Describe") || name.starts_with("Get")),
        |read_only| !read_only,
    )
}

fn is_correction(record: &Value) -> bool {
    record["addendum"]["reason"] == "UPDATED_DATA"
}

/// The principal: the ARN, for an assumed role without its session; without an ARN the invoking service, else
/// the principal id.
fn principal(record: &Value) -> String {
    let identity = &record["userIdentity"];
    let text = |field: &str| identity[field].as_str();
    if let Some(arn) = text("arn") {
        return match arn.split_once(":assumed-role/") {
            Some((head, tail)) => {
                let role = tail.rsplit_once('/').map_or(tail, |(role, _)| role);
                format!("{head}:assumed-role/{role}")
            }
            None => arn.to_owned(),
        };
    }
    text("invokedBy").or_else(|| text("principalId")).unwrap_or("unknown").to_owned()
}
