//! Stops or kills brokers and restarts them.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::scene::Scene;

/// Restarts brokers, spread evenly over the kills of the daemons, every other one by SIGKILL. Returns a
/// description of each restart.
pub fn restart_brokers(scene: &Scene) -> Vec<String> {
    let times: usize = if scene.form.is_long { 4 } else { 1 };
    let mut done = Vec::new();
    for time in 1..=times {
        while scene.begun.load(Ordering::Relaxed) * (times + 1) < scene.form.kills * time {
            if scene.done.load(Ordering::Relaxed) {
                return done;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let node = 1 + time as u32 % scene.form.brokers;
        let how = if time % 2 == 1 { "kill" } else { "stop" };
        away(scene);
        scene.broker.script(how, &[&node.to_string()]);
        thread::sleep(Duration::from_secs(if how == "kill" { 4 } else { 1 }));
        scene.note_log(node);
        scene.broker.script("restart", &[&node.to_string()]);
        away(scene);
        done.push(format!(
            "{} {node} of {}",
            if how == "kill" { "SIGKILL to" } else { "SIGTERM to" },
            scene.form.brokers
        ));
        println!("broker restarted: {}", done.last().expect("one"));
    }
    done
}

fn away(scene: &Scene) {
    *scene.away.lock().expect("no panic") = Some(Instant::now());
}
