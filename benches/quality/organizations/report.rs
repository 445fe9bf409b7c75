//! The tables about generated organizations.

use std::collections::{BTreeMap, BTreeSet};

use insightd_core::cloudtrail::insight::{Reason, Severity};
use insightd_generate::label::{Attack, Attacker};
use serde::Serialize;

use super::raised::Raised;
use super::{Seed, rivals};
use crate::arguments::Arguments;
use crate::table::{Table, over_seeds};
use insightd_test_support::quality::arithmetic::interpolation::at_rate;
use insightd_test_support::quality::arithmetic::median;

/// Rates of false insights at which recall is read off the curve.
const RATES: [f64; 4] = [0.1, 0.3, 1.0, 3.0];
/// APIs shown among those with the most false insights.
const NOISIEST: usize = 10;
const WEEK_S: i64 = 7 * 86_400;

/// The name of a kind of attack or attacker in `labels.json`.
pub fn label(kind: &impl Serialize) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Prints all tables.
pub fn print(arguments: &Arguments, seeds: &[Seed]) {
    budgets(arguments, seeds);
    curve(arguments, seeds);
    kinds(arguments, seeds);
    false_insights(arguments, seeds);
    noisiest(arguments, seeds);
    beside_rivals(arguments, seeds);
}

// === what one seed says ===

impl Seed {
    fn is_by(&self, attack: usize, attacker: Attacker) -> bool {
        self.attacks[attack].1 == attacker
    }

    /// Share of an attacker's attacks that are in the set; none without attacks.
    fn recall(&self, found: &BTreeSet<usize>, attacker: Attacker) -> Option<f64> {
        let of: Vec<usize> = (0..self.attacks.len()).filter(|at| self.is_by(*at, attacker)).collect();
        let hits = of.iter().filter(|at| found.contains(at)).count();
        (!of.is_empty()).then(|| hits as f64 / of.len() as f64)
    }

    fn found(&self, budget: usize) -> BTreeSet<usize> {
        self.raised[budget].iter().filter_map(|one| one.attack).collect()
    }

    fn false_at(&self, budget: usize) -> impl Iterator<Item = &Raised> {
        self.raised[budget].iter().filter(|one| one.attack.is_none())
    }

    /// Median seconds from an attack's first call to its first insight, of those found.
    fn delay(&self, budget: usize, attacker: Attacker) -> Option<f64> {
        let mut first: BTreeMap<usize, i64> = BTreeMap::new();
        for one in &self.raised[budget] {
            if let Some(attack) = one.attack.filter(|attack| self.is_by(*attack, attacker)) {
                let delay = first.entry(attack).or_insert(i64::MAX);
                *delay = one.delay_s.min(*delay);
            }
        }
        median(first.into_values().map(|seconds| seconds as f64))
    }
}

fn per_seed(seeds: &[Seed], value: impl Fn(&Seed) -> Option<f64>, decimals: usize) -> String {
    over_seeds(&seeds.iter().map(value).collect::<Vec<_>>(), decimals)
}

fn detailed(arguments: &Arguments) -> String {
    format!("at budget {}", arguments.budgets[arguments.detailed()])
}

// === the tables ===

fn budgets(arguments: &Arguments, seeds: &[Seed]) {
    let mut head = vec!["budget", "false per account-week", "in the first week", "later"];
    let by_attacker: Vec<String> = Attacker::ALL.iter().map(label).collect();
    head.extend(by_attacker.iter().map(String::as_str));
    let delays: Vec<String> = by_attacker.iter().map(|attacker| format!("delay s, {attacker}")).collect();
    head.extend(delays.iter().map(String::as_str));
    let title = format!(
        "### Budgets\n\nFalse insights, share of the attacks found by attacker, median delay in seconds of event time: median over the seeds (each \
         seed). The first week includes its 36 silent hours. {}",
        arguments.origin()
    );
    let mut table = Table::new(&title, head);
    let accounts = arguments.accounts as f64;
    let later_weeks = arguments.account_weeks() - accounts;
    for (at, budget) in arguments.budgets.iter().enumerate() {
        let in_first = |one: &&Raised| one.detected_at < arguments.plan(0).start + WEEK_S;
        let rate = |count: usize, weeks: f64| (weeks > 0.0).then(|| count as f64 / weeks);
        let first = |seed: &Seed| seed.false_at(at).filter(in_first).count();
        let later = |seed: &Seed| seed.false_at(at).count() - first(seed);
        let mut cells = vec![
            budget.to_string(),
            per_seed(seeds, |seed| rate(seed.false_at(at).count(), arguments.account_weeks()), 2),
            per_seed(seeds, |seed| rate(first(seed), accounts.min(arguments.account_weeks())), 2),
            per_seed(seeds, |seed| rate(later(seed), later_weeks), 2),
        ];
        cells.extend(Attacker::ALL.map(|who| per_seed(seeds, |seed| seed.recall(&seed.found(at), who), 3)));
        cells.extend(Attacker::ALL.map(|who| per_seed(seeds, |seed| seed.delay(at, who), 0)));
        table.row(cells);
    }
    table.print();
}

/// Recall at rates of false insights that were not hit exactly, so that two detectors can be compared.
fn curve(arguments: &Arguments, seeds: &[Seed]) {
    let mut head = vec!["false per account-week".to_owned()];
    head.extend(Attacker::ALL.iter().map(label));
    let title = format!(
        "### At the same rate of false insights\n\nShare of the attacks found, read off between the budgets of the table before; - lies outside \
         them. {}",
        arguments.origin()
    );
    let mut table = Table::new(&title, head);
    for rate in RATES {
        let at_this = |seed: &Seed, who: Attacker| {
            let point = |at: usize| {
                let achieved = seed.false_at(at).count() as f64 / arguments.account_weeks();
                Some((achieved, seed.recall(&seed.found(at), who)?))
            };
            at_rate(&(0..arguments.budgets.len()).filter_map(point).collect::<Vec<_>>(), rate)
        };
        let mut cells = vec![rate.to_string()];
        cells.extend(Attacker::ALL.map(|who| per_seed(seeds, |seed| at_this(seed, who), 3)));
        table.row(cells);
    }
    table.print();
}

fn kinds(arguments: &Arguments, seeds: &[Seed]) {
    let mut head = vec!["attack".to_owned()];
    head.extend(Attacker::ALL.iter().map(label));
    let title = format!(
        "### By kind of attack, {}\n\nFound / injected over all seeds (each seed). {}",
        detailed(arguments),
        arguments.origin()
    );
    let mut table = Table::new(&title, head);
    let found: Vec<BTreeSet<usize>> = seeds.iter().map(|seed| seed.found(arguments.detailed())).collect();
    let mut row = |name: &str, is: &dyn Fn(Attack) -> bool| {
        let mut cells = vec![name.to_owned()];
        for who in Attacker::ALL {
            let pairs: Vec<(usize, usize)> = seeds
                .iter()
                .zip(&found)
                .map(|(seed, found)| {
                    let is = |at: &usize| is(seed.attacks[*at].0) && seed.is_by(*at, who);
                    let of: Vec<usize> = (0..seed.attacks.len()).filter(is).collect();
                    (of.iter().filter(|at| found.contains(at)).count(), of.len())
                })
                .collect();
            let (hits, all) = pairs.iter().fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
            let each: Vec<String> = pairs.iter().map(|(hits, all)| format!("{hits}/{all}")).collect();
            cells.push(format!("{hits}/{all} ({})", each.join(" ")));
        }
        table.row(cells);
    };
    for kind in Attack::ALL {
        row(&label(&kind), &|one| one == kind);
    }
    row("rate attacks: all but the last", &|one| one != Attack::LoggingOff);
    table.print();
}

/// False insights by what raised them and by severity; and how many of the attacks found each severity holds.
fn false_insights(arguments: &Arguments, seeds: &[Seed]) {
    let budget = arguments.detailed();
    let mut head = vec!["false per account-week".to_owned()];
    head.extend(Reason::ALL.map(|reason| reason.label().to_owned()));
    head.extend(["all", "Starts about attacks"].map(str::to_owned));
    let title = format!(
        "### Severity and reason, {}\n\nMedian over the seeds (each seed). {}",
        detailed(arguments),
        arguments.origin()
    );
    let mut table = Table::new(&title, head);
    for severity in Severity::ALL {
        let rate = |seed: &Seed, reason: Option<Reason>| {
            let of = |one: &&Raised| one.severity == severity && reason.is_none_or(|reason| one.reason == reason);
            Some(seed.false_at(budget).filter(of).count() as f64 / arguments.account_weeks())
        };
        let right = |seed: &Seed| {
            let right = seed.raised[budget].iter().filter(|one| one.attack.is_some() && one.severity == severity);
            Some(right.count() as f64)
        };
        let mut cells = vec![severity.label().to_owned()];
        cells.extend(Reason::ALL.map(|reason| per_seed(seeds, |seed| rate(seed, Some(reason)), 3)));
        cells.push(per_seed(seeds, |seed| rate(seed, None), 3));
        cells.push(per_seed(seeds, right, 0));
        table.row(cells);
    }
    table.print();
}

fn noisiest(arguments: &Arguments, seeds: &[Seed]) {
    let mut by_api: BTreeMap<String, usize> = BTreeMap::new();
    for one in seeds.iter().flat_map(|seed| seed.false_at(arguments.detailed())) {
        let service = one.source.trim_end_matches(".amazonaws.com");
        let error = one.error.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        *by_api.entry(format!("{service}:{}{error}", one.name)).or_default() += 1;
    }
    let mut by_api: Vec<(String, usize)> = by_api.into_iter().collect();
    by_api.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let title = format!(
        "### APIs with the most false insights, {}\n\nOver all seeds. {}",
        detailed(arguments),
        arguments.origin()
    );
    let mut table = Table::new(&title, ["API", "false insights"]);
    for (api, count) in by_api.into_iter().take(NOISIEST) {
        table.row([api, count.to_string()]);
    }
    table.print();
}

fn beside_rivals(arguments: &Arguments, seeds: &[Seed]) {
    let budget = arguments.detailed();
    let mut head = vec!["detector".to_owned(), "threshold".to_owned(), "false per account-week".to_owned()];
    head.extend(Attacker::ALL.iter().map(label));
    let title = format!(
        "### Beside simple rivals\n\nShare of the attacks found with as many false insights as insightd {}. The threshold of a rival is chosen after \
         the fact, to its advantage, one for all series; it sees every call once, in order, whole minutes at a time. {}",
        detailed(arguments),
        arguments.origin()
    );
    let mut table = Table::new(&title, head);
    let rate = |count: usize| Some(count as f64 / arguments.account_weeks());
    let mut ours = vec!["insightd".to_owned(), "-".to_owned()];
    ours.push(per_seed(seeds, |seed| rate(seed.false_at(budget).count()), 2));
    ours.extend(Attacker::ALL.map(|who| per_seed(seeds, |seed| seed.recall(&seed.found(budget), who), 3)));
    table.row(ours);
    for (at, name) in rivals::NAMES.iter().enumerate() {
        let mut cells = vec![(*name).to_owned()];
        cells.push(per_seed(seeds, |seed| Some(seed.rivals[at].threshold), 1));
        cells.push(per_seed(seeds, |seed| rate(seed.rivals[at].false_insights), 2));
        cells.extend(Attacker::ALL.map(|who| per_seed(seeds, |seed| seed.recall(&seed.rivals[at].found, who), 3)));
        table.row(cells);
    }
    table.print();
}
