//! Crash points: named places where a test kills the process as `kill -9` does. Only the feature
//! `crash-points` compiles them in; in all other builds, and so in what ships, [`crash_point`] expands to
//! nothing.
//!
//! The environment variable `FAILPOINTS` says which point strikes, in the language of the library
//! [fail](https://docs.rs/fail): `offsets=3*off->return` kills at the fourth pass, `return(20)` after 20 ms.

/// Marks a crash point. With `meanwhile`, the work continues during the delay.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "crash-points")]
        fail::fail_point!($name, |after| $crate::crash::die($name, after.as_deref()));
    };
    ($name:literal, meanwhile) => {
        #[cfg(feature = "crash-points")]
        (|| fail::fail_point!($name, |after| $crate::crash::die_meanwhile($name, after)))();
    };
}

#[cfg(feature = "crash-points")]
pub use armed::{arm, die, die_meanwhile};
pub(crate) use crash_point;

#[cfg(feature = "crash-points")]
mod armed {
    use std::io::Write as _;
    use std::thread;
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    /// Reads `FAILPOINTS`.
    pub fn arm() {
        // Dropping the scenario would disarm the points.
        std::mem::forget(fail::FailScenario::setup());
    }

    /// Kills the process, after `after` milliseconds, and says where. Never returns; `R` is what the place
    /// needs.
    pub fn die<R>(name: &str, after: Option<&str>) -> R {
        thread::sleep(Duration::from_millis(after.and_then(|ms| ms.parse().ok()).unwrap_or(0)));
        // A full disk or a closed pipe must not keep the process alive.
        let _ = writeln!(std::io::stderr(), "crash point {name}");
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            thread::park();
        }
    }

    /// Kills the process from another thread.
    pub fn die_meanwhile(name: &'static str, after: Option<String>) {
        thread::spawn(move || die::<()>(name, after.as_deref()));
    }
}
