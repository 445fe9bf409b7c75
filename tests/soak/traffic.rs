//! The input of the daemons. The short form reads traffic with every kind of disorder and damage. The long
//! form adds a backlog, and live traffic from `insightd generate`, enough for a high load.

use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::scene::{Form, Scene};
use insightd_test_support::clock::{DAY, HOUR};
use insightd_test_support::delivery::Conditions;
use insightd_test_support::insightd::{Daemon, command};
use insightd_test_support::load::{Load, partition};
use insightd_test_support::traffic::Plan;

/// Rate of live traffic during the kills, as a share of the rate without kills. The backlog adds to the load,
/// because a producer on the same cores could not produce as much during the kills.
const LIVE: f64 = 0.2;
/// Days of the organization whose traffic is the backlog.
const BACKLOG_DAYS: u64 = 24;
/// Messages of the backlog over which the rate without kills is measured.
const MEASURED: i64 = 1_500_000;

/// A constructed organization: the backlog for the measurement, and then the load.
struct Organization {
    seed: u64,
    start: &'static str,
    days: u64,
    attacks: u64,
}

fn generate(scene: &Scene, organization: &Organization, rate: Option<u64>) -> Child {
    let Organization { seed, start, days, attacks } = *organization;
    let mut command = command();
    command
        .args(["generate", "--accounts", "40", "--threads", "2", "--start", start, "--kafka"])
        .arg(scene.config_file());
    for (option, value) in [("--seed", seed), ("--days", days), ("--attacks", attacks), ("--quiet-days", 1)] {
        command.arg(option).arg(value.to_string());
    }
    if let Some(rate) = rate {
        command.arg("--rate").arg(rate.to_string());
    }
    let log = std::fs::File::create(scene.folder.path().join(format!("producer-{seed}.log"))).expect("a log");
    command.stdin(Stdio::null()).stderr(log).spawn().expect("insightd can be run")
}

/// Fills the input before any process reads it. Returns the number of messages.
pub fn backlog(scene: &Scene) -> i64 {
    let backlog = Organization { seed: scene.form.seed, start: "2025-01-06", days: BACKLOG_DAYS, attacks: 1200 };
    let status = generate(scene, &backlog, None).wait().expect("it ends");
    assert!(status.success(), "the producer ended with {status}");
    scene.broker.ends(&scene.input()).iter().sum()
}

/// Messages a second that a process reads and commits without kills, over the first part of the backlog, from
/// its first commit on.
pub fn rate_without_kills(scene: &Scene, daemon: &mut Daemon, backlog: i64) -> f64 {
    let mut before = 0;
    daemon.wait_until("a first commit", |_| {
        before = scene.messages_read();
        before > 0
    });
    let begin = Instant::now();
    let mut read = 0;
    daemon.wait_until("the first part of the backlog is read", |_| {
        read = scene.messages_read() - before;
        read >= MEASURED
    });
    let seconds = begin.elapsed().as_secs_f64();
    println!("backlog: {backlog} messages, {read} of them read in {seconds:.1} s after the first commit");
    read as f64 / seconds
}

/// Traffic with every kind of disorder and damage.
pub fn mixed(form: &Form) -> Load {
    let days = form.days;
    let plan = Plan {
        length: days * DAY,
        attacks: days as usize,
        quiet: 36 * HOUR,
        poll_every: 240,
        ..Plan::usual(form.seed)
    };
    Load::new(&plan, &Conditions::usual(form.seed))
}

/// Produces until all kills are done.
pub fn feed(scene: &Scene, mixed: &Load, rate_max: f64) {
    let mut heavy = scene.form.is_long.then(|| {
        let rate = (rate_max * LIVE) as u64;
        println!("coming in: {rate} records a second");
        let load = Organization { seed: scene.form.seed + 1, start: "2025-02-03", days: 40, attacks: 2000 };
        generate(scene, &load, Some(rate))
    });
    let feeder = scene.broker.feeder(&scene.input());
    for piece in mixed.messages.chunks(mixed.messages.len().div_ceil(60 * scene.form.kills)) {
        for message in piece {
            feeder.send(partition(message), Some(message.account), &message.payload);
        }
        if !scene.done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(40));
        }
    }
    feeder.flush();
    while !scene.done.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
    }
    if let Some(heavy) = &mut heavy {
        let ended = heavy.try_wait().expect("the producer can be asked");
        assert!(ended.is_none(), "the producer has ended before the kills: {ended:?}");
        // Messages in its queue are not in the topic, and so not part of the input.
        heavy.kill().expect("ended");
        heavy.wait().expect("ended");
    }
}
