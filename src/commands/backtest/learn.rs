//! A table of priors, learned from the series of a run.
//!
//! The table has an entry for each API, and for each error code over all APIs. For each of the two views it
//! has a rate and a mean excess. From k incidents with summed excess x in T minutes, all summed over the
//! series, the rate is `q = (k + 1) / (T + 500)` a minute and the mean excess `B = (x + 0.66) / (k + 2)`.
//! This weighs the default rate, 2e-3, as one incident in 500 minutes, and the default excess, 0.33, as two
//! incidents. A series adds at most four incidents, so that one wild series does not dominate.

use std::collections::BTreeMap;

use insightd_core::detect::statistics::incident::IncidentSums;
use insightd_core::detect::statistics::prior::{Prior, ViewPriors};
use insightd_core::pipeline::{Pipeline, SeriesView};

use crate::config::tables::priors::{Entry, write};

/// An entry needs two weeks of minutes over all its series; otherwise the default holds.
const MINUTES_MIN: f64 = 20_160.0;
/// An entry needs this many incidents in both views together: with fewer, it would mostly repeat the default,
/// and a quiet series soon learns that it is quiet.
const ENTRY_INCIDENTS_MIN: f64 = 5.0;
/// Most incidents of one series that count, in each view.
const INCIDENTS_MAX: f64 = 4.0;

/// An entry of the table: API (source and name) and error code. Without an API, it is for the error code over
/// all APIs.
type Key = (Option<(String, String)>, Option<String>);

/// Sums over the series of one entry.
#[derive(Clone, Copy, Debug)]
struct Sums {
    /// Of the burst and of the slow view.
    views: [IncidentSums; 2],
    /// Minutes watched.
    minutes: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self { views: [IncidentSums { incidents: 0.0, excess: 0.0 }; 2], minutes: 0.0 }
    }
}

/// The sums for all entries.
#[derive(Debug, Default)]
pub(crate) struct LearnedPriors {
    sums: BTreeMap<Key, Sums>,
    series: usize,
}

impl LearnedPriors {
    /// Learns from all series of a pipeline.
    pub(crate) fn of(pipeline: &Pipeline) -> Self {
        let mut learned = Self::default();
        pipeline.each_series(&mut |series| learned.add(&series));
        learned
    }

    fn add(&mut self, series: &SeriesView<'_>) {
        self.series += 1;
        let api = Some((series.key.source.to_owned(), series.key.name.to_owned()));
        let error = series.key.error.map(str::to_owned);
        if error.is_some() {
            self.sums.entry((None, error.clone())).or_default().add(series);
        }
        self.sums.entry((api, error)).or_default().add(series);
    }

    /// Entries with enough evidence: error codes, then APIs, each in alphabetical order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let enough = self.sums.iter().filter(|(_, sums)| sums.is_enough());
        let entry = |((api, error), sums): (&Key, &Sums)| Entry {
            api: api.clone(),
            error: error.clone(),
            pair: sums.pair(),
            incidents: sums.incidents(),
        };
        enough.map(entry).collect()
    }

    /// The table as a file. `source` says what it was learned from.
    pub(crate) fn file(&self, version: &str, source: &str) -> String {
        let head = format!(
            "What is known of an API before its own history speaks, for `detect.priors`: by API (and error code), else by error code over all\n\
             APIs, else the default. For the burst and the slow view: `rate`, exceedances of three standard deviations a minute, and `excess`,\n\
             their mean ln(z / 3). `incidents` tells how much is behind an entry; it is not read.\n\
             \n\
             Learned by insightd {version} from {} series:\n{source}\n\
             Entries have at least {MINUTES_MIN} minutes watched and {ENTRY_INCIDENTS_MIN} incidents, over all series.",
            self.series
        );
        write(&head, ViewPriors::default(), &self.entries())
    }
}

impl Sums {
    fn add(&mut self, series: &SeriesView<'_>) {
        self.minutes += series.minutes;
        for (sum, IncidentSums { incidents, excess }) in self.views.iter_mut().zip(series.incident_sums) {
            let part = (INCIDENTS_MAX / incidents).min(1.0);
            if incidents > 0.0 {
                sum.incidents += incidents * part;
                sum.excess += excess * part;
            }
        }
    }

    fn incidents(&self) -> f64 {
        self.views.iter().map(|view| view.incidents).sum()
    }

    fn is_enough(&self) -> bool {
        self.minutes >= MINUTES_MIN && self.incidents() >= ENTRY_INCIDENTS_MIN
    }

    fn pair(&self) -> ViewPriors {
        let prior = |view: IncidentSums| Prior {
            rate: (view.incidents + 1.0) / (self.minutes + 500.0),
            excess: (view.excess + 0.66) / (view.incidents + 2.0),
        };
        ViewPriors { burst: prior(self.views[0]), slow: prior(self.views[1]) }
    }
}

#[cfg(test)]
mod tests {
    use insightd_core::cloudtrail::event::AccountId;
    use insightd_core::cloudtrail::insight::SourceCategory;

    use super::*;
    use crate::config::tables::priors::parse;

    fn view<'a>(name: &'a str, error: Option<&'a str>, minutes: f64, sums: [(f64, f64); 2]) -> SeriesView<'a> {
        SeriesView {
            account: AccountId::parse("111122223333").expect("an account"),
            region: "eu-west-1",
            key: insightd_core::detect::SeriesKey {
                source: "iam.amazonaws.com",
                name,
                error,
                category: SourceCategory::Management,
            },
            begin: 0,
            clock: 0,
            incident_sums: sums.map(|(incidents, excess)| IncidentSums { incidents, excess }),
            minutes,
            expected: insightd_core::detect::statistics::expectation::Expectation { mean: 0.0, sd: 1.0 },
            first: 0,
            last: 0,
            calls: 0,
            dormant: false,
            open_since: None,
            principals: Vec::new(),
        }
    }

    #[test]
    fn a_wild_series_counts_as_four_incidents() {
        let mut learned = LearnedPriors::default();
        learned.add(&view("CreateUser", None, 15_000.0, [(2.0, 1.0), (0.0, 0.0)]));
        learned.add(&view("CreateUser", None, 10_000.0, [(40.0, 20.0), (1.0, 0.5)]));
        let entries = learned.entries();
        assert_eq!(entries.len(), 1);
        let ViewPriors { burst, slow } = entries[0].pair;
        assert!((burst.rate - 7.0 / 25_500.0).abs() < 1e-12 && (burst.excess - 3.66 / 8.0).abs() < 1e-12, "{burst:?}");
        assert!((slow.rate - 2.0 / 25_500.0).abs() < 1e-12 && (slow.excess - 1.16 / 3.0).abs() < 1e-12, "{slow:?}");
    }

    #[test]
    fn little_evidence_is_left_out_and_error_codes_are_summed() {
        let mut learned = LearnedPriors::default();
        learned.add(&view("CreateUser", Some("AccessDenied"), 12_000.0, [(2.0, 0.6); 2]));
        learned.add(&view("DeleteUser", Some("AccessDenied"), 12_000.0, [(1.0, 0.3); 2]));
        learned.add(&view("ListUsers", None, 50_000.0, [(2.0, 0.6); 2]));
        let entries = learned.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!((&entries[0].api, entries[0].error.as_deref()), (&None, Some("AccessDenied")));
        let file = learned.file("0", "logs");
        let read = parse(&file).unwrap_or_else(|faults| panic!("{}\n{file}", faults.join("\n")));
        let known = read.lookup("ec2.amazonaws.com", "RunInstances", Some("AccessDenied"));
        assert!((known.burst.rate - 4.0 / 24_500.0).abs() < 1e-6, "{known:?}");
        assert_eq!(read.lookup("iam.amazonaws.com", "CreateUser", None), ViewPriors::default());
    }
}
