//! The binary under test: `replay` over files, and the daemon as a process with its log, HTTP and exit.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;

/// Sends a signal to a process of the test.
pub fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the process has not ended");
}

/// The binary that cargo built for this test.
pub fn command() -> Command {
    Command::new(crate::binary())
}

/// Optional files outside the project: `../shared` beside the repository, or `INSIGHTD_SHARED`.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("INSIGHTD_SHARED").map_or_else(|| crate::root().join("../shared"), PathBuf::from);
    let found = root.join(path);
    found.exists().then_some(found)
}

/// One Insights record as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insight {
    /// The line, or the Kafka value, byte for byte.
    pub text: String,
    /// `recipientAccountId`.
    pub account: String,
    /// `insightType`.
    pub kind: String,
    /// `Start` or `End`.
    pub state: String,
    /// The deterministic identity of this record.
    pub id: String,
}

impl Insight {
    /// Reads one record; panics if the text is not an Insights record.
    pub fn read(text: &str) -> Self {
        let value: Value =
            serde_json::from_str(text).unwrap_or_else(|e| panic!("output that is no JSON ({e}): {text}"));
        let field = |pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_else(|| panic!("no {pointer} in {text}")).to_owned()
        };
        Self {
            text: text.to_owned(),
            account: field("/recipientAccountId"),
            kind: field("/insightDetails/insightType"),
            state: field("/insightDetails/state"),
            id: field("/eventID"),
        }
    }
}

/// The results of a run of `replay`.
#[derive(Debug)]
pub struct Replayed {
    /// Standard output, in its order.
    pub insights: Vec<Insight>,
    /// The object of `--stats`.
    pub stats: Value,
    /// Standard error.
    pub errors: String,
}

impl Replayed {
    /// A number of the stats.
    pub fn count(&self, name: &str) -> u64 {
        self.stats[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {}", self.stats))
    }

    /// The insights of one account, in order.
    pub fn of(&self, account: &str) -> Vec<&Insight> {
        self.insights.iter().filter(|insight| insight.account == account).collect()
    }

    /// How many Starts of a type.
    pub fn starts(&self, kind: &str) -> usize {
        self.insights.iter().filter(|insight| insight.kind == kind && insight.state == "Start").count()
    }
}

/// Runs `replay` over a path and expects it to succeed.
pub fn replay(path: &Path, config: Option<&str>, options: &[&str]) -> Replayed {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stats = folder.path().join("stats.json");
    let mut command = command();
    command.arg("replay").arg("--stats").arg(&stats).args(options);
    if let Some(config) = config {
        let file = folder.path().join("insightd.toml");
        fs::write(&file, config).expect("the configuration can be written");
        command.arg("--config").arg(file);
    }
    let Output { status, stdout, stderr } =
        command.arg(path).stdin(Stdio::null()).output().expect("insightd can be run");
    let errors = String::from_utf8_lossy(&stderr).into_owned();
    assert!(status.success(), "replay of {} ended with {status}: {errors}", path.display());
    let output = String::from_utf8(stdout).expect("replay writes UTF-8");
    let stats = fs::read_to_string(&stats).expect("replay wrote its stats");
    Replayed {
        insights: output.lines().map(Insight::read).collect(),
        stats: serde_json::from_str(&stats).expect("stats are JSON"),
        errors,
    }
}

/// CNT-1: every record ended in exactly one outcome.
pub fn assert_adds_up(stats: &Value) {
    let number = |name: &str| stats[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {stats}"));
    let sum: u64 =
        ["counted", "duplicates", "out_of_scope", "too_late", "malformed", "shed"].into_iter().map(number).sum();
    assert_eq!(number("records"), sum, "CNT-1 is broken: {stats}");
}

/// A free port on loopback, for the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// The daemon as a process of its own. Killed when dropped.
pub struct Daemon {
    child: Child,
    http: SocketAddr,
    /// Holds the configuration and the log.
    folder: tempfile::TempDir,
}

/// Longest wait for an expected event: debug builds on two busy cores are slow.
pub const PATIENCE: Duration = Duration::from_secs(240);

impl Daemon {
    /// Starts `run` with this configuration; `http.listen` is added.
    pub fn start(config: &str) -> Self {
        Self::start_with(config, None)
    }

    /// The same with one more variable in its environment.
    pub fn start_with(config: &str, variable: Option<(&str, &str)>) -> Self {
        let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("insightd.toml");
        fs::write(&file, format!("{config}\n[http]\nlisten = \"{http}\"\n")).expect("the configuration can be written");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = command()
            .envs(variable)
            .arg("run")
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("insightd can be started");
        Self { child, http, folder }
    }

    /// Starts it and waits until `/readyz` answers 200.
    pub fn start_ready(config: &str) -> Self {
        let mut daemon = Self::start(config);
        daemon.wait_until("it is ready", |daemon| daemon.get("/readyz").is_some_and(|(status, _)| status == 200));
        daemon
    }

    /// Waits until a condition is true; panics with the log if the daemon ends or [`PATIENCE`] runs out.
    pub fn wait_until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begin = Instant::now();
        while !holds(self) {
            if let Some(status) = self.ended() {
                panic!("the daemon ended with {status} before {what}:\n{}", self.log());
            }
            assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Status and body of a GET; `None` without an answer.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())?;
        Some((status, body))
    }

    /// Sum of all samples of a metric whose labels contain these pairs; `None` if there are none.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        sum_of(&text, name, labels)
    }

    /// Resident memory now, in KiB, as the kernel counts it.
    pub fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Any signal.
    pub fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process can be asked")
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "the daemon does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM and expects exit code 0.
    pub fn stop(&mut self) {
        self.terminate();
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "after SIGTERM:\n{}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the daemon\n{}", self.log());
        }
    }
}

/// Sum of the samples of a metric in the text format whose labels hold these pairs.
pub fn sum_of(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut sum = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (metric, rest) = series.split_once('{').unwrap_or((series, ""));
        let holds = labels.iter().all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")));
        if metric == name && holds {
            *sum.get_or_insert(0.0) += value.parse::<f64>().unwrap_or_else(|_| panic!("no number: {line}"));
        }
    }
    sum
}
