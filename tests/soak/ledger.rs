//! What was done, and whether it was enough to say something.

use std::collections::BTreeMap;

use crate::scene::Form;
use crate::victims::{Death, OPEN};

/// See the module.
#[derive(Default)]
pub struct Ledger {
    deaths: BTreeMap<Death, usize>,
    /// Times that the third process came and went.
    pub joins: usize,
    pub rebalances: usize,
    pub broker_restarts: Vec<String>,
    /// What brokers have said of transactions that they ended without a marker.
    pub markerless: Vec<String>,
    /// Records a second that the processes read when nobody disturbed them.
    pub rate_max: f64,
    /// Length of the time in which processes were killed.
    pub seconds: f64,
    /// Messages that lay before the processes when it began.
    pub backlog: i64,
    /// Messages that were produced in it.
    pub produced: i64,
    /// Messages read and committed in it.
    pub read: i64,
}

impl Ledger {
    /// Adds what became of a process.
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

    /// Fewer messages did not lie before the processes at any time: whatever was read, this much of the
    /// backlog was not.
    fn backlog_min(&self) -> i64 {
        self.backlog - self.read
    }

    /// What there was to do, of what the processes read when nobody disturbs them.
    fn load(&self) -> f64 {
        (self.backlog + self.produced) as f64 / self.seconds / self.rate_max
    }

    /// Prints it.
    pub fn show(&self, form: &Form) {
        println!("--- soak, seed {}, {:.0} s of kills", form.seed, self.seconds);
        println!("kill -9                                {:>8}", self.kills());
        for (death, count) in &self.deaths {
            let name = match death {
                Death::At(name) if OPEN.contains(name) => format!("  {name} (transaction open)"),
                Death::At(name) => format!("  {name}"),
                Death::Outside => "  from outside, at a random moment".to_owned(),
                Death::ByItself(code) => format!("ended by itself, code {code:?}, broker away"),
            };
            println!("{name:<39}{count:>8}");
        }
        println!("kills with a transaction open          {:>8}", self.open());
        println!("a third process came and went          {:>8}", self.joins);
        println!("rebalances (generations of the group)  {:>8}", self.rebalances);
        println!(
            "broker restarts                        {:>8}  {}",
            self.broker_restarts.len(),
            self.broker_restarts.join(", ")
        );
        println!("messages that lay before it            {:>8}  never fewer than {}", self.backlog, self.backlog_min());
        for (what, messages) in [("produced", self.produced), ("read and committed", self.read)] {
            let what = format!("messages {what} meanwhile");
            println!("{what:<39}{messages:>8}  {:.0} a second", messages as f64 / self.seconds);
        }
        for line in &self.markerless {
            println!("a broker left a marker out: {line}");
        }
        if form.is_long {
            println!(
                "read a second without kills            {:>8.0}  load: {:.0} % of it",
                self.rate_max,
                100.0 * self.load()
            );
        }
    }

    /// The long form must have been one.
    pub fn assert_enough(&self, form: &Form) {
        assert!(self.kills() >= form.kills, "too few kills");
        assert!(!self.broker_restarts.is_empty() && self.rebalances > 0);
        if form.is_long {
            assert!(self.backlog_min() > 0, "the processes had nothing to do now and then");
            assert!(self.load() >= 0.5, "the load was {:.0} % of the highest rate", 100.0 * self.load());
            assert!(self.rebalances >= 20 && self.broker_restarts.len() >= 3, "too little happened");
            assert!(
                !cfg!(feature = "crash-points") || 2 * self.open() >= self.kills(),
                "too few transactions were open"
            );
        }
    }
}
