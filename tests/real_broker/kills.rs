//! `kill -9` again and again, processes that come and go: what comes out is what one `replay` finds.
//!
//! The long form: `INSIGHTD_KILLS=100 INSIGHTD_LOAD_DAYS=60 cargo test --test real_broker kills -- --nocapture`.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::exactly_once::assert_all_as_replayed;
use crate::setup::Setup;
use crate::support::clock::{DAY, HOUR};
use crate::support::delivery::Conditions;
use crate::support::insightd::Daemon;
use crate::support::load::{Load, partition};
use crate::support::random::Random;
use crate::support::traffic::Plan;

fn number(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Sends the load in pieces over all of the kills, so that each of them finds work under way.
fn feed(setup: &Setup, load: &Load, pieces: usize, pause: Duration, done: &AtomicBool) {
    let feeder = setup.broker.feeder(&setup.input);
    for piece in load.messages.chunks(load.messages.len().div_ceil(pieces)) {
        for message in piece {
            feeder.send(partition(message), Some(message.account), &message.payload);
        }
        feeder.flush();
        thread::sleep(pause);
    }
    done.store(true, Ordering::Relaxed);
}

#[test]
fn two_processes_killed_again_and_again_find_what_one_replay_finds() {
    let seed = number("INSIGHTD_SEED", 4242) as u64;
    let (kills, days) = (number("INSIGHTD_KILLS", 12), number("INSIGHTD_LOAD_DAYS", 10));
    println!("seed {seed}, {kills} kills, {days} days of traffic");
    let plan = Plan { length: days * DAY, attacks: 10, quiet: 36 * HOUR, poll_every: 240, ..Plan::usual(seed) };
    let load = Load::new(&plan, &Conditions::usual(seed));
    let folder = tempfile::tempdir().expect("a folder");
    load.write(folder.path());
    let setup = Setup::new("kills");
    let mut random = Random::new(seed);
    let done = AtomicBool::new(false);
    let mut daemons = ["a", "b"].map(|process| Some(Daemon::start(&setup.config_of(process))));
    thread::scope(|scope| {
        scope.spawn(|| feed(&setup, &load, 40 * kills as usize, Duration::from_millis(40), &done));
        for kill in 0..kills {
            thread::sleep(Duration::from_millis(random.between(600, 2600) as u64));
            let at = usize::from(random.chance(0.5));
            if let Some(mut daemon) = daemons[at].take() {
                assert!(daemon.ended().is_none(), "it ended by itself:\n{}", daemon.log());
                if random.chance(0.8) {
                    daemon.signal("-KILL");
                    daemon.wait();
                } else {
                    // It leaves the group: a rebalance.
                    daemon.stop();
                }
                println!("kill {kill}: process {at}");
            }
            if random.chance(0.3) {
                thread::sleep(Duration::from_millis(random.between(0, 3000) as u64));
            }
            daemons[at] = Some(Daemon::start(&setup.config_of(["a", "b"][at])));
        }
    });
    assert!(done.load(Ordering::Relaxed));
    setup.wait_until_read(daemons[0].as_mut().expect("a process"));
    assert!(daemons[1].as_mut().is_some_and(|daemon| daemon.ended().is_none()), "both are alive");
    for daemon in daemons.iter_mut().flatten() {
        daemon.stop();
    }
    assert_all(&setup, &load, folder.path());
}

fn assert_all(setup: &Setup, load: &Load, folder: &Path) {
    assert!(setup.insights().len() >= 20, "too little to compare");
    assert_all_as_replayed(setup, load, folder);
}
