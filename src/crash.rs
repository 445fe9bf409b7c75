//! Crash points: named places where a test lets the process die as by `kill -9`. Compiled in by the feature `crash-points` alone, which
//! no shipped binary has; in every other build [`crash_point`] is nothing at all.
//!
//! When which of them strikes is said in `FAILPOINTS`, as the library [fail](https://docs.rs/fail) reads it: `offsets=3*off->return` dies at the
//! fourth pass, `return(20)` there dies 20 ms later.

/// A place to die at. With `meanwhile` the work goes on while the milliseconds pass.
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
        // Its end would disarm the points.
        std::mem::forget(fail::FailScenario::setup());
    }

    /// Says where, and dies, `after` so many milliseconds. Never returns; the type is that of the place.
    pub fn die<R>(name: &str, after: Option<&str>) -> R {
        thread::sleep(Duration::from_millis(after.and_then(|ms| ms.parse().ok()).unwrap_or(0)));
        // A full disk or a closed pipe is no reason to live on.
        let _ = writeln!(std::io::stderr(), "crash point {name}");
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            thread::park();
        }
    }

    /// The same from another thread.
    pub fn die_meanwhile(name: &'static str, after: Option<String>) {
        thread::spawn(move || die::<()>(name, after.as_deref()));
    }
}
