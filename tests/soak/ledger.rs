//! Counts of kills, restarts and load, and the minimum that makes a run meaningful.

use std::collections::BTreeMap;

use crate::scene::Form;
use crate::victims::{Death, OPEN};

/// The counts of one soak.
#[derive(Default)]
pub struct Ledger {
    deaths: BTreeMap<Death, usize>,
    /// Times that the third process joined and left.
    pub joins: usize,
    pub rebalances: usize,
    pub broker_restarts: Vec<String>,
    /// Log lines of brokers about transactions that they ended without a marker.
    pub markerless: Vec<String>,
    /// Records a second that one process reads without kills.
    pub rate_max: f64,
    /// Length of the period of kills, seconds.
    pub seconds: f64,
    /// Unread messages at the start of the period.
    pub backlog: i64,
    /// Messages produced in the period.
    pub produced: i64,
    /// Messages read and committed in the period.
    pub read: i64,
}

impl Ledger {
    /// Adds the deaths of a process.
    pub fn add(&mut self, deaths: Vec<Death>) {
        deaths.into_iter().for_each(|death| *self.deaths.entry(death).or_default() += 1);
    }

    fn count(&self, of: impl Fn(&Death) -> bool) -> usize {
        self.deaths.iter().filter(|(death, _)| of(death)).map(|(_, count)| count).sum()
    }

    fn kills(&self) -> usize {
        self.count(|death| !matches!(death, Death::ByItself(_)))
    }

    fn open(&self) -> usize {
        self.count(|death| matches!(death, Death::At(name) if OPEN.contains(name)))
    }

    /// Lower bound of the backlog at any time: this many of its messages stayed unread.
    fn backlog_min(&self) -> i64 {
        self.backlog - self.read
    }

    /// Available messages a second, as a share of the rate without kills.
    fn load(&self) -> f64 {
        (self.backlog + self.produced) as f64 / self.seconds / self.rate_max
    }

    /// Prints the counts.
    pub fn show(&self, form: &Form) {
        println!("--- soak, seed {}, {:.0} s of kills", form.seed, self.seconds);
        println!("kill -9                                {:>8}", self.kills());
        for (death, count) in &self.deaths {
            let name = match death {
                Death::At(name) if OPEN.contains(name) => format!("  {name} (transaction open)"),
                Death::At(name) => format!("  {name}"),
                Death::Outside => "  from outside, at a random moment".to_owned(),
                Death::ByItself(code) => format!("exited with code {code:?}, broker down"),
            };
            println!("{name:<39}{count:>8}");
        }
        println!("kills with a transaction open          {:>8}", self.open());
        println!("a third process joined and left        {:>8}", self.joins);
        println!("rebalances (generations of the group)  {:>8}", self.rebalances);
        println!(
            "broker restarts                        {:>8}  {}",
            self.broker_restarts.len(),
            self.broker_restarts.join(", ")
        );
        println!("messages unread at the start           {:>8}  never fewer than {}", self.backlog, self.backlog_min());
        for (what, messages) in [("produced", self.produced), ("read and committed", self.read)] {
            let what = format!("messages {what} during kills");
            println!("{what:<39}{messages:>8}  {:.0} a second", messages as f64 / self.seconds);
        }
        for line in &self.markerless {
            println!("a broker skipped a marker: {line}");
        }
        if form.is_long {
            println!(
                "read a second without kills            {:>8.0}  load: {:.0} % of it",
                self.rate_max,
                100.0 * self.load()
            );
        }
    }

    /// Panics if a run is too small to be meaningful.
    pub fn assert_enough(&self, form: &Form) {
        assert!(self.kills() >= form.kills, "too few kills");
        assert!(!self.broker_restarts.is_empty() && self.rebalances > 0);
        if form.is_long {
            assert!(self.backlog_min() > 0, "the processes ran out of input");
            assert!(self.load() >= 0.5, "the load was {:.0} % of the highest rate", 100.0 * self.load());
            assert!(self.rebalances >= 20 && self.broker_restarts.len() >= 3, "too little happened");
            assert!(
                !cfg!(feature = "crash-points") || 2 * self.open() >= self.kills(),
                "too few transactions were open"
            );
        }
    }
}
