//! Generated organizations: attacks by three kinds of attacker found, and false insights, at several budgets;
//! the rivals on the same calls.

mod raised;
mod renaming;
mod report;
mod rivals;

use insightd_test_support::quality::stream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use insightd::config::Config;
use insightd_core::cloudtrail::event::Event;
use insightd_core::detect::Settings;
use insightd_generate::Organization;
use insightd_generate::account::Account;
use insightd_generate::label::{Attack, Attacker};

use self::raised::{Raised, raise};
pub use self::renaming::same_streams;
use crate::arguments::Arguments;
use insightd_test_support::quality::arithmetic::alarms::{self, Scored};

/// One seed.
#[derive(Debug)]
struct Seed {
    /// Every attack of the organization; indices below are into it.
    attacks: Vec<(Attack, Attacker)>,
    /// What insightd raised, by budget.
    raised: Vec<Vec<Raised>>,
    /// What each rival raises with as many false insights as insightd in detail.
    rivals: [alarms::Raised; 3],
}

/// What one account gave; its attacks are numbered from 0.
#[derive(Debug)]
struct OfAccount {
    attacks: Vec<(Attack, Attacker)>,
    raised: Vec<Vec<Raised>>,
    scored: [Vec<Scored>; 3],
}

/// Measures and prints.
pub fn run(arguments: &Arguments) {
    let seeds: Vec<Seed> = arguments.seeds.iter().map(|seed| measured(arguments, *seed)).collect();
    println!("\n## Generated organizations");
    report::print(arguments, &seeds);
}

fn measured(arguments: &Arguments, seed: u64) -> Seed {
    let organization = Organization::new(arguments.plan(seed));
    let settings = Settings::from(&Config::default_config());
    let accounts = of_accounts(organization.accounts(), arguments.threads, |account| {
        of_account(account, arguments, &settings, arguments.plan(seed).start.div_euclid(60))
    });
    together(accounts, arguments)
}

/// The same for each account, on so many threads; in the order of the accounts.
fn of_accounts<T: Send>(accounts: &[Account], threads: u8, measure: impl Fn(&Account) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, account)) = accounts.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let measured = measure(account);
                    done.lock().expect("no thread panicked").push((at, measured));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panicked");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, measured)| measured).collect()
}

fn of_account(account: &Account, arguments: &Arguments, settings: &Settings, begin: i64) -> OfAccount {
    let calls = stream::that_matter(account, arguments.in_order);
    let events: Vec<Event<'_>> = calls.iter().map(|call| call.event(account)).collect();
    let at_budget = |budget: &f64| {
        let settings = Settings { budget: *budget, ..settings.clone() };
        raise(account.id(), &events, account.labels(), settings)
    };
    OfAccount {
        attacks: account.labels().iter().map(|label| (label.attack, label.attacker)).collect(),
        raised: arguments.budgets.iter().map(at_budget).collect(),
        scored: rivals::scores(account, &calls, begin),
    }
}

/// Numbers the attacks and series of all accounts together, and gives each rival its threshold.
fn together(accounts: Vec<OfAccount>, arguments: &Arguments) -> Seed {
    let mut attacks = Vec::new();
    let mut raised: Vec<Vec<Raised>> = vec![Vec::new(); arguments.budgets.len()];
    let mut scored: [Vec<Scored>; 3] = Default::default();
    for (number, account) in (0_u64..).zip(accounts) {
        let shift = |attack: Option<usize>| attack.map(|attack| attack + attacks.len());
        for (all, of_one) in raised.iter_mut().zip(account.raised) {
            all.extend(of_one.into_iter().map(|one| Raised { attack: shift(one.attack), ..one }));
        }
        for (all, of_one) in scored.iter_mut().zip(account.scored) {
            let numbered = |one: Scored| Scored { series: number << 32 | one.series, attack: shift(one.attack), ..one };
            all.extend(of_one.into_iter().map(numbered));
        }
        attacks.extend(account.attacks);
    }
    let allowed = raised[arguments.detailed()].iter().filter(|one| one.attack.is_none()).count();
    let mut floors = rivals::FLOORS.into_iter();
    let rivals = scored.map(|scored| alarms::at_most_false(scored, allowed, floors.next().unwrap_or_default()));
    Seed { attacks, raised, rivals }
}
