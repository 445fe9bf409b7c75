//! The same calls under made-up API names: what an API is called may matter only through the tables of the
//! configuration.

use insightd_test_support::quality::stream;
use std::sync::Arc;

use insightd::config::Config;
use insightd_core::cloudtrail::event::Event;
use insightd_core::detect::Settings;
use insightd_generate::Organization;
use insightd_generate::account::Account;
use insightd_generate::label::{Attacker, Label};

use super::of_accounts;
use super::raised::{Raised, raise};
use super::report::label;
use crate::arguments::Arguments;
use crate::table::{Table, over_seeds};

const VARIANTS: [&str; 4] =
    ["own names, tables", "made-up names, tables", "own names, no tables", "made-up names, no tables"];

/// What one seed gave in one variant.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    found: [usize; 3],
    attacks: [usize; 3],
    false_insights: usize,
}

/// Measures and prints; panics where a name matters that is in no table.
pub fn same_streams(arguments: &Arguments) {
    let budget = arguments.budgets[arguments.detailed()];
    let settings = Settings { budget, ..Settings::from(&Config::default_config()) };
    let mut tallies: [Vec<Tally>; 4] = Default::default();
    let mut starts = 0;
    for seed in &arguments.seeds {
        let organization = Organization::new(arguments.plan(*seed));
        let of_account = |account: &Account| variants(account, arguments.in_order, &settings);
        let accounts = of_accounts(organization.accounts(), arguments.threads, of_account);
        tallies.iter_mut().for_each(|of_seeds| of_seeds.push(Tally::default()));
        for (account, variants) in organization.accounts().iter().zip(accounts) {
            starts += variants[2].len();
            for (raised, of_seeds) in variants.iter().zip(&mut tallies) {
                if let Some(tally) = of_seeds.last_mut() {
                    tally.add(raised, account.labels());
                }
            }
        }
    }
    println!("\n## The same calls under other API names");
    print(arguments, budget, &tallies);
    println!(
        "\nWithout the tables of APIs (`detect.security`, `detect.priors`) all {starts} Starts were the same under both names: series, minute, \
         tipping event, reason and severity. Error codes keep their names, and with the tables stay in them."
    );
}

/// The Starts of each variant. Those without tables must be the same.
fn variants(account: &Account, in_order: bool, with: &Settings) -> [Vec<Raised>; 4] {
    let calls = stream::that_matter(account, in_order);
    let own: Vec<Event<'_>> = calls.iter().map(|call| call.event(account)).collect();
    let mut made_up = own.clone();
    made_up.iter_mut().for_each(stream::renamed);
    let labels: Vec<Label> = account.labels().iter().map(stream::renamed_label).collect();
    let without = Settings { security: Arc::default(), priors: Arc::default(), ..with.clone() };
    let raised = [
        raise(account.id(), &own, account.labels(), with.clone()),
        raise(account.id(), &made_up, &labels, with.clone()),
        raise(account.id(), &own, account.labels(), without.clone()),
        raise(account.id(), &made_up, &labels, without),
    ];
    let renamed = raised[2].iter().cloned().map(|one| {
        let (source, name) = stream::made_up_api(&one.source, &one.name);
        Raised { source, name, ..one }
    });
    assert_eq!(renamed.collect::<Vec<_>>(), raised[3], "a name in no table changes what account {} gets", account.id());
    raised
}

impl Tally {
    fn add(&mut self, raised: &[Raised], labels: &[Label]) {
        self.false_insights += raised.iter().filter(|one| one.attack.is_none()).count();
        for (at, label) in labels.iter().enumerate() {
            let attacker = place(label.attacker);
            self.attacks[attacker] += 1;
            self.found[attacker] += usize::from(raised.iter().any(|one| one.attack == Some(at)));
        }
    }
}

fn place(attacker: Attacker) -> usize {
    Attacker::ALL.iter().position(|one| *one == attacker).unwrap_or_default()
}

fn print(arguments: &Arguments, budget: f64, tallies: &[Vec<Tally>; 4]) {
    let mut head = vec!["variant".to_owned(), "false per account-week".to_owned()];
    head.extend(Attacker::ALL.map(|attacker| format!("found: {}", label(&attacker))));
    let title = format!("Median and each seed at budget {budget}. {}", arguments.origin());
    let mut table = Table::new(&title, head);
    for (variant, tallies) in VARIANTS.iter().zip(tallies) {
        let rates: Vec<_> =
            tallies.iter().map(|tally| Some(tally.false_insights as f64 / arguments.account_weeks())).collect();
        let mut cells = vec![(*variant).to_owned(), over_seeds(&rates, 2)];
        for at in 0..Attacker::ALL.len() {
            let share = |tally: &Tally| Some(tally.found[at] as f64 / tally.attacks[at].max(1) as f64);
            cells.push(over_seeds(&tallies.iter().map(share).collect::<Vec<_>>(), 3));
        }
        table.row(cells);
    }
    table.print();
}
