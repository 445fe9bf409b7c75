//! Runs each seed twice and compares the two schedules; holds the tests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use insightd::config::Config;
use insightd::stream::broker::Cause;
use insightd_core::detect::{Restorer, Settings};
use insightd_core::invariants::is_deterministic;
use insightd_core::pipeline::Outcome;
use insightd_core::state::CHECKPOINT_KEY;

use super::backfill::Loader;
use super::cluster::Cluster;
use super::faults::{Counts, Odds, Profile};
use super::group::Group;
use super::log::Log;
use super::mutation::Mutation;
use super::oracle::{Oracle, difference, image};
use super::random::Random;
use super::traffic::Traffic;
use super::world::World;

/// Stack of a thread that runs seeds, bytes: processes nest, because each continues inside another's call.
const STACK: usize = 64 << 20;

/// Rules of some runs, because the state includes what a rule suppresses.
const RULES: &str = "
[[rules]]
name = \"bob\"
principal = \"*bob\"
action = \"sensitivity\"
factor = 0.1

[[rules]]
name = \"eve\"
principal = \"*eve\"
event_name = \"CreateUser\"
action = \"mark\"

[[rules]]
name = \"policies\"
event_name = \"PutBucketPolicy\"
region = \"us-east-1\"
action = \"drop\"
";

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcomes {
    schedule: u64,
    counts: Counts,
    violation: Option<String>,
}

fn config(random: &mut Random) -> Config {
    let pick = |random: &mut Random, from: &[&str]| (*random.pick(from)).to_owned();
    let text = format!(
        "[kafka]\ninstance_id = \"sim\"\ncommit_interval = \"{}\"\ntransaction_records_max = {}\npoll_records_max = {}\n\
         transaction_timeout = \"4s\"\nsession_timeout = \"9s\"\nmax_poll_interval = \"30s\"\n\
         [input]\nkeyed_by_account = true\nlateness = \"{}\"\ndedup_horizon = \"{}\"\nidle_after = \"20s\"\n\
         held_records_max = {}\ndedup_events_max = {}\nclock_jump = \"{}\"\n\
         [baseline]\nwarm_up = \"0s\"\n\
         [detect]\nfalse_insights_per_account_per_week = 10000.0\nend_after = \"2min\"\ndirection = \"{}\"\n\
         principals_max = {}\n\
         [attribution]\nvalues_max = {}\n\
         [state]\nrestore_records_max = {}\n",
        pick(random, &["10ms", "100ms", "1s"]),
        pick(random, &["3", "20", "10000"]),
        pick(random, &["1", "5", "500"]),
        pick(random, &["1min", "2min", "10min"]),
        pick(random, &["30min", "1h", "3h"]),
        pick(random, &["1", "16"]),
        pick(random, &["50", "8000000"]),
        pick(random, &["10min", "1h"]),
        pick(random, &["up", "both"]),
        pick(random, &["2", "1000000"]),
        pick(random, &["5", "32"]),
        pick(random, &["7", "50", "5000"]),
    );
    let rules = if random.chance(0.4) { RULES } else { "" };
    Config::load_text("the simulation", &(text + rules)).expect("a configuration")
}

fn cluster(seed: u64, profile: Profile, mutation: Option<Mutation>, config: &Config) -> Cluster {
    let mut random = Random::new(seed, 2);
    let partitions = random.between(1, 5) as usize;
    let input = Traffic::draw(seed, partitions);
    // The run reads its input days late, hours late, or minutes after it happened.
    let behind = *random.pick(&[3 * 86_400, 7200, 600]);
    let wall = input.end + behind;
    Cluster {
        now: Duration::ZERO,
        wall,
        random,
        odds: Odds::of(profile),
        counts: Counts::default(),
        mutation,
        changelogs: (0..partitions).map(|_| Log::default()).collect(),
        backfill_topic: (0..partitions).map(|_| Log::default()).collect(),
        loader: Loader::draw(seed, config, &input),
        output: Log::default(),
        dlq: Log::default(),
        producers: Default::default(),
        transactions: Vec::new(),
        due: Default::default(),
        offsets: Default::default(),
        group: Group::default(),
        clients: Vec::new(),
        coordinator_gone_until: Duration::ZERO,
        oracle: Oracle::new(config, partitions),
        schedule: 0,
        violation: None,
        healed: false,
        starts: Default::default(),
        ended: None,
        reported: Default::default(),
        due_outcomes: Default::default(),
        reported_backfills: 0,
        due_backfills: 0,
        nap: Duration::from_millis(1500),
        input,
    }
}

fn run(seed: u64, profile: Profile, mutation: Option<Mutation>) -> Outcomes {
    let mut random = Random::new(seed, 3);
    let config = config(&mut random);
    let world = World::new(cluster(seed, profile, mutation, &config), config, random.chance(0.6));
    world.run();
    let mut cluster = world.cluster.borrow_mut();
    if cluster.violation.is_none() {
        finish(&mut cluster, &world.config);
    }
    let (schedule, counts) = (cluster.schedule, std::mem::take(&mut cluster.counts));
    Outcomes { schedule, counts, violation: cluster.violation.take() }
}

/// Checks the invariants that hold at the end of a run.
fn finish(cluster: &mut Cluster, config: &Config) {
    for partition in 0..cluster.changelogs.len() {
        let mut restorer = Restorer::new(Settings::from(config));
        let records = cluster.changelogs[partition].committed().filter(|(key, _)| ***key != *CHECKPOINT_KEY);
        let mut taken = Ok(());
        records.for_each(|(key, value)| {
            if taken.is_ok() {
                taken = restorer.take(key, value.map(|value| &**value));
            }
        });
        let detector = match taken.and_then(|()| restorer.finish()) {
            Ok(detector) => detector,
            Err(error) => return cluster.violate(format!("EO-3: partition {partition} cannot be restored: {error}")),
        };
        if let Some(difference) = difference(&image(&detector), cluster.oracle.image(partition)) {
            return cluster.violate(format!("EO-3: the final state of partition {partition}: {difference}"));
        }
    }
    let (reported, due) = (cluster.reported, cluster.due_outcomes);
    if reported != due {
        cluster.violate(format!("CNT-1: reported {reported:?}, but the reported commits hold {due:?}"));
    }
    if cluster.reported_backfills != cluster.due_backfills {
        let (reported, due) = (cluster.reported_backfills, cluster.due_backfills);
        cluster.violate(format!("CNT-1: reported {reported} backfills, but the reported commits hold {due}"));
    }
    if let Some(partition) = cluster.oracle.left_over() {
        cluster.violate(format!("LOAD-1: a backfill of partition {partition} was delivered but never merged"));
    }
    let mut unreported = cluster.oracle.outcomes;
    unreported.iter_mut().zip(due).for_each(|(all, due)| *all -= due);
    cluster.counts.add("records committed", cluster.oracle.outcomes.iter().sum());
    cluster.counts.add("records committed by a process that died before it reported", unreported.iter().sum());
    for outcome in Outcome::ALL {
        cluster.counts.add(format!("records: {}", outcome.label()), cluster.oracle.outcomes[outcome as usize]);
    }
}

fn reproduction(seed: u64, profile: Profile) -> String {
    format!("INSIGHTD_SIM_SEED={seed} INSIGHTD_SIM_PROFILE={} cargo test --test simulation", profile.name())
}

/// Runs a seed twice. Returns its counts.
fn judge(seed: u64, profile: Profile) -> Result<Counts, String> {
    let (first, again) = (run(seed, profile, None), run(seed, profile, None));
    let repeat = reproduction(seed, profile);
    match first.violation {
        Some(violation) => Err(format!("{violation}\n  {repeat}")),
        None if !is_deterministic(&(first.schedule, &first.counts), &(again.schedule, &again.counts)) => {
            Err(format!("the second run of the same seed took another schedule\n  {repeat}"))
        }
        None => Ok(first.counts),
    }
}

/// Distributes the seeds over one thread for each processor.
fn each(count: u64, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    let (next, work) = (&next, &work);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            let look = move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    work(number);
                }
            };
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, look).expect("a thread");
        }
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn whatever_happens_what_is_committed_is_the_fold_of_the_input() {
    let profile = std::env::var("INSIGHTD_SIM_PROFILE").ok();
    let profile = profile.map(|name| Profile::read(&name).unwrap_or_else(|| panic!("{name} is no profile")));
    let chosen = profile.map_or(Profile::ALL.to_vec(), |profile| vec![profile]);
    let (first, count) = match number("INSIGHTD_SIM_SEED") {
        Some(seed) => (seed, chosen.len() as u64),
        None => (0, number("INSIGHTD_SIM_SEEDS").unwrap_or(200)),
    };
    let one_seed = number("INSIGHTD_SIM_SEED").is_some();
    let (broken, total) = (Mutex::new(Vec::new()), Mutex::new(Counts::default()));
    each(count, |at| {
        let profile = chosen[at as usize % chosen.len()];
        let seed = if one_seed { first } else { at };
        match judge(seed, profile) {
            Ok(counts) => total.lock().expect("no panic").merge(&counts),
            Err(text) => broken.lock().expect("no panic").push(text),
        }
    });
    let (broken, total) = (broken.into_inner().expect("no panic"), total.into_inner().expect("no panic"));
    println!("{count} seeds:");
    total.0.iter().for_each(|(what, times)| println!("{times:>10}  {what}"));
    let shown: Vec<&String> = broken.iter().take(5).collect();
    assert!(broken.is_empty(), "{} of {count} runs broke an invariant:\n{shown:#?}", broken.len());
    assert!(one_seed || total.of("insights committed") > count, "too few insights to compare");
}

/// Most seeds to try for each mutation. One is enough for most.
const MUTATION_SEEDS: u64 = 60;

#[test]
fn each_removed_safeguard_is_noticed() {
    let unnoticed = Mutex::new(Vec::new());
    each(Mutation::SEEDED.len() as u64, |at| {
        let mutation = Mutation::SEEDED[at as usize];
        let found = (0..MUTATION_SEEDS).find_map(|seed| {
            let violation = run(seed, Profile::Everything, Some(mutation)).violation?;
            Some((seed, violation))
        });
        match found {
            Some((seed, text)) => println!("{mutation:?}: seed {seed}: {}", text.lines().next().unwrap_or_default()),
            None => unnoticed.lock().expect("no panic").push(mutation),
        }
    });
    let unnoticed = unnoticed.into_inner().expect("no panic");
    assert!(unnoticed.is_empty(), "undetected in {MUTATION_SEEDS} seeds: {unnoticed:?}");
}

/// How a worker stops that finds the state of a newer release, and how many transactions it begins.
fn downgraded(mutation: Option<Mutation>) -> (Option<Cause>, usize) {
    let mut random = Random::new(1, 3);
    let config = config(&mut random);
    let world = World::new(cluster(1, Profile::None, mutation, &config), config, true);
    world.run();
    let before = {
        let cluster = world.cluster.borrow();
        assert_eq!(cluster.violation, None);
        cluster.transactions.len()
    };
    world.downgrade();
    let cluster = world.cluster.borrow();
    (cluster.ended, cluster.transactions.len() - before)
}

/// State of a newer release stops the worker before it writes anything.
#[test]
fn state_of_a_newer_release_ends_the_worker_unwritten() {
    assert_eq!(downgraded(None), (Some(Cause::Configuration), 0));
    let (ended, begun) = downgraded(Some(Mutation::TakeNewer));
    assert!(
        ended.is_none() && begun > 0,
        "without the safeguard the worker continues: {ended:?}, {begun} transactions"
    );
}
