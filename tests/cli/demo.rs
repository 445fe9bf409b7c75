//! `insightd demo` as a process, with a small organization: it ends by itself with counts that agree, HTTP
//! answers meanwhile, piped output is plain, and Ctrl-C ends it cleanly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use insightd_test_support::insightd::{Signal, send};

/// Longer than any step takes, so that a hang fails the test.
const WAIT: Duration = Duration::from_secs(300);

/// A running small demo. Killed on drop.
struct Demo {
    child: Child,
    lines: BufReader<ChildStdout>,
    text: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        // After a successful test it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    fn start(seed: &str, days: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
        command.args([
            "demo",
            "--seed",
            seed,
            "--accounts",
            "2",
            "--days",
            days,
            "--attacks",
            "4",
            "--activity",
            "0.2",
        ]);
        command.args(more).env("INSIGHTD__KAFKA__WORKERS", "what no demo reads");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, lines, text: String::new() }
    }

    /// Reads until a line contains `part`; returns that line.
    fn line_with(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("UTF-8");
            if read == 0 {
                let stderr = self.stderr();
                panic!("no line with {part:?}:\n{}{stderr}", self.text);
            }
            self.text += &line;
            if line.contains(part) {
                return line;
            }
        }
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).expect("UTF-8");
        }
        text
    }

    /// Reads to the end; returns standard output, standard error and exit status.
    fn end(mut self) -> (String, String, ExitStatus) {
        self.lines.read_to_string(&mut self.text).expect("UTF-8");
        let stderr = self.stderr();
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return (self.text.clone(), stderr, status);
            }
            assert!(began.elapsed() < WAIT, "it does not end:\n{}{stderr}", self.text);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn interrupt(&self) {
        send(&self.child, Signal::INT);
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the address has a listener");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

fn address_of(line: &str) -> String {
    let (_, rest) = line.split_once("http://").expect("an address");
    rest.split_once('/').expect("a path").0.to_owned()
}

/// The number before ` word`, without commas.
fn number_before(text: &str, word: &str) -> u64 {
    let (before, _) = text.split_once(&format!(" {word}")).unwrap_or_else(|| panic!("{word:?} is not in:\n{text}"));
    let digits = before.rsplit([' ', '(']).next().expect("a word").replace(',', "");
    digits.parse().unwrap_or_else(|_| panic!("no number before {word:?}: {digits:?}"))
}

#[test]
fn ends_by_itself_with_a_summary_whose_numbers_add_up() {
    let mut demo = Demo::start("11", "7", &["--day-seconds", "5"]);
    let address = address_of(&demo.line_with("/metrics"));
    let metrics = get(&address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
    assert!(metrics.contains("insightd_records_total{"), "{metrics}");
    assert!(get(&address, "/livez").starts_with("HTTP/1.1 200 "));

    let (text, stderr, status) = demo.end();
    assert!(status.success(), "{text}{stderr}");
    assert_eq!(stderr, "", "nothing to complain about");
    assert!(!text.contains('\u{1b}'), "what is piped is plain:\n{text}");

    let insight = |state: &str| text.lines().filter(|line| line.get(20..25) == Some(state)).count() as u64;
    let (starts, ends) = (insight("start"), insight("end  "));
    let records = text.lines().find(|line| line.starts_with("Records: ")).expect("the counts");
    assert_eq!(number_before(records, "written"), number_before(records, "processed"));
    assert!(number_before(records, "written") > 1000, "{records}");
    let insights = text.lines().find(|line| line.starts_with("Insights: ")).expect("the insights");
    assert_eq!((number_before(insights, "started"), number_before(insights, "ended")), (starts, ends), "{text}");
    assert!(insights.ends_with("the counts agree"), "{insights}");

    let headline = text.lines().find(|line| line.starts_with("Found ")).expect("the headline");
    let found = number_before(headline, "of");
    assert_eq!(number_before(headline, "attacks"), 4);
    assert!(found >= 1, "{text}");
    let finding = text.lines().filter(|line| line.contains("[attack: ")).count() as u64;
    assert_eq!(finding, found, "each attack is announced once:\n{text}");
    let false_shown = text.lines().filter(|line| line.contains("[false: ")).count() as u64;
    let false_summary = text.lines().find_map(|line| line.strip_prefix("False insights: ")).expect("false insights");
    assert_eq!(false_summary.split(' ').next(), Some(false_shown.to_string().as_str()), "{text}");
}

#[test]
fn goes_on_with_keep_running_until_it_is_interrupted() {
    let mut demo = Demo::start("12", "2", &["--day-seconds", "1", "--keep-running"]);
    let address = address_of(&demo.line_with("/metrics"));
    demo.line_with("the counts agree");
    demo.line_with("Ctrl-C");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200 "), "it goes on");
    demo.interrupt();
    let (text, stderr, status) = demo.end();
    assert!(status.success(), "{text}{stderr}");
    assert_eq!(text.matches("Found ").count(), 2, "a summary at the end as well:\n{text}");
}

#[test]
fn an_interrupt_ends_it_early_with_a_summary() {
    let mut demo = Demo::start("13", "2", &["--day-seconds", "300"]);
    demo.line_with("/metrics");
    demo.interrupt();
    let (text, stderr, status) = demo.end();
    assert!(status.success(), "{text}{stderr}");
    assert!(text.contains("Stopped before the end"), "{text}");
}

#[test]
fn ends_quietly_when_standard_output_is_closed() {
    let mut demo = Demo::start("15", "2", &["--day-seconds", "300"]);
    demo.line_with("/metrics");
    let (unread, _writer) = std::io::pipe().expect("a pipe");
    demo.lines = BufReader::new(ChildStdout::from(std::os::fd::OwnedFd::from(unread)));
    let stderr = demo.stderr();
    let status = demo.child.wait().expect("a status");
    assert!(status.success(), "{stderr}");
    assert_eq!(stderr, "");
}

/// Occupies port 9464, so that the demo cannot use it. Waits for a demo of another test that has it. None if
/// the port stays taken: a process that outlives those demos also keeps it during this test.
fn occupy_default_port() -> Option<TcpListener> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match TcpListener::bind("127.0.0.1:9464") {
            Ok(listener) => return Some(listener),
            Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
            Err(_) => return None,
        }
    }
}

#[test]
fn takes_another_port_if_the_default_one_is_in_use() {
    let _listener = occupy_default_port();
    let mut demo = Demo::start("14", "2", &["--day-seconds", "1"]);
    let address = address_of(&demo.line_with("/metrics"));
    assert_ne!(address, "127.0.0.1:9464");
    assert!(get(&address, "/livez").starts_with("HTTP/1.1 200 "));
    demo.interrupt();
    let (text, stderr, status) = demo.end();
    assert!(status.success(), "{text}{stderr}");
}
