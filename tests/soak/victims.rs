//! Kills processes, and lets one join and leave.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::scene::Scene;
use insightd_test_support::insightd::{Daemon, Signal};
use insightd_test_support::random::Random;

/// Points at which a process can kill itself (src/crash.rs), and how often a process passes each at most
/// before it dies there. All but the last two leave a transaction open or its outcome unknown.
pub const POINTS: [(&str, i64); 7] = [
    ("producing", 90),
    ("produced", 24),
    ("offsets", 24),
    ("before-commit", 24),
    ("commit-unknown", 24),
    ("committed", 24),
    ("restoring", 5),
];
/// Points at which a transaction is open.
pub const OPEN: [&str; 5] = ["producing", "produced", "offsets", "before-commit", "commit-unknown"];

/// Longest wait for a process to reach its point.
const POINT_MAX: Duration = Duration::from_secs(40);

/// How one process ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    /// The process killed itself at this point.
    At(&'static str),
    /// The test killed the process at a random moment.
    Outside,
    /// The process exited with this code while a broker was down or shortly after.
    ByItself(Option<i32>),
}

/// The value of `FAILPOINTS` for this kill, or none for a kill by the test, which is every fifth one.
fn plan(number: usize, random: &mut Random) -> Option<String> {
    if !cfg!(feature = "crash-points") || number % 5 == 4 {
        return None;
    }
    let (name, passes) = POINTS[(number - number / 5) % POINTS.len()];
    let after = match name {
        // Before the coordinator gets the request, while it handles it, or after its response.
        "commit-unknown" => random.between(0, 20),
        // Long enough for other processes to see an open transaction.
        "before-commit" => random.between(0, 300),
        _ => 0,
    };
    Some(format!("{name}={}*off->return({after})", random.between(0, passes)))
}

/// Kills and restarts this process until all kills are begun.
pub fn kill_again_and_again(scene: &Scene, process: &str, mut daemon: Daemon) -> Vec<Death> {
    let mut random = Random::new(scene.form.seed ^ u64::from(process.as_bytes()[0]));
    let (mut deaths, mut number) = (Vec::new(), 0);
    let mut planned: Option<String> = None;
    loop {
        let mut live = |limit: Duration, until: &dyn Fn(&Daemon) -> bool| {
            let begun = Instant::now();
            while begun.elapsed() < limit && daemon.ended().is_none() && !until(&daemon) {
                thread::sleep(Duration::from_millis(10));
            }
        };
        if planned.is_some() {
            live(POINT_MAX, &|_| false);
        } else {
            // Mostly while it works, sometimes while it starts.
            if random.chance(0.8) {
                live(POINT_MAX, &|daemon| daemon.get("/readyz").is_some_and(|(status, _)| status == 200));
            }
            live(Duration::from_millis(random.between(0, scene.form.life_max_ms) as u64), &|_| false);
        }
        if daemon.ended().is_none() {
            daemon.signal(Signal::KILL);
        }
        let status = daemon.wait();
        let log = daemon.log();
        // Part of the evidence if the judge finds differences.
        let name = format!("{process}-{}.log", deaths.len());
        std::fs::write(scene.folder.path().join(name), &log).expect("written");
        let point = POINTS.iter().find(|(name, _)| log.contains(&format!("crash point {name}\n")));
        let death = match status.signal() {
            Some(9) => point.map_or(Death::Outside, |(name, _)| Death::At(name)),
            _ => Death::ByItself(status.code()),
        };
        if matches!(death, Death::ByItself(_)) {
            assert!(scene.broker_was_away_recently(), "process {process} ended by itself with {status}:\n{log}");
            println!(
                "process {process} ended by itself with {status}: {}",
                log.lines().next_back().unwrap_or_default()
            );
        }
        let is_kill = !matches!(death, Death::ByItself(_));
        deaths.push(death);
        if is_kill {
            number = scene.begun.fetch_add(1, Ordering::Relaxed);
        }
        if number >= scene.form.kills {
            return deaths;
        }
        if random.chance(0.2) {
            // Sometimes down long enough for the others to notice.
            thread::sleep(Duration::from_millis(random.between(0, 2000) as u64));
        }
        planned = plan(number, &mut random);
        daemon = scene.start(process, planned.as_deref());
    }
}

/// Lets a third process join and leave, a rebalance each time. Returns how often.
pub fn join_and_leave(scene: &Scene) -> usize {
    let mut random = Random::new(scene.form.seed ^ 99);
    let mut pause = |from, to| {
        let until = Instant::now() + Duration::from_millis(random.between(from, to) as u64);
        while Instant::now() < until && !scene.done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
    };
    let mut times = 0;
    while !scene.done.load(Ordering::Relaxed) {
        pause(scene.form.life_max_ms / 2, 2 * scene.form.life_max_ms);
        let mut daemon = scene.start("c", None);
        pause(4000, 9000);
        if daemon.ended().is_none() {
            daemon.terminate();
        }
        let status = daemon.wait();
        if status.code() != Some(0) {
            assert!(scene.broker_was_away_recently(), "the third process ended with {status}:\n{}", daemon.log());
        }
        times += 1;
    }
    times
}
