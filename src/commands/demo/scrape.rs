//! The daemon's own counts, read over HTTP from `/metrics` as Prometheus does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for the answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The counts of the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All records; the sum of the next four.
    pub(crate) records: u64,
    /// Records that entered a series.
    pub(crate) counted: u64,
    /// Records that were delivered again.
    pub(crate) duplicates: u64,
    /// Records that no series counts, such as reads.
    pub(crate) out_of_scope: u64,
    /// Records that were malformed, shed or too late.
    pub(crate) unusable: u64,
    /// Insights that were written, Starts and Ends.
    pub(crate) insights: u64,
}

/// Reads `/metrics`.
///
/// # Errors
/// What went wrong, in one sentence.
pub(crate) fn scrape(address: SocketAddr) -> Result<Counts, String> {
    let answer = get(address).map_err(|error| format!("cannot read http://{address}/metrics: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if !head.lines().next().is_some_and(|status| status.contains(" 200 ")) {
        return Err(format!("http://{address}/metrics answered {:?}", head.lines().next().unwrap_or_default()));
    }
    Ok(Counts::read(body))
}

fn get(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

impl Counts {
    fn read(exposition: &str) -> Self {
        let mut counts = Self::default();
        for line in exposition.lines() {
            let Some((sample, value)) = line.rsplit_once(' ') else { continue };
            let value = value.parse().unwrap_or(0);
            if sample.starts_with("insightd_insights_total{") {
                counts.insights += value;
            } else if sample.starts_with("insightd_records_total{") {
                counts.records += value;
                let is = |outcome: &str| sample.contains(&format!("outcome=\"{outcome}\""));
                if is("counted") {
                    counts.counted += value;
                } else if is("duplicate") {
                    counts.duplicates += value;
                } else if is("out_of_scope") {
                    counts.out_of_scope += value;
                } else {
                    counts.unusable += value;
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use insightd_core::pipeline::{Outcome, Tally};

    use super::*;
    use crate::config::Config;
    use crate::metrics::Metrics;

    #[test]
    fn the_counts_are_those_of_the_exposition() {
        let metrics = Metrics::new(&Config::default_config()).unwrap();
        let mut tally = Tally { insights: [[3, 2], [1, 0]], ..Tally::default() };
        for (outcome, count) in Outcome::ALL.into_iter().zip(1..) {
            tally.records[0][outcome as usize] = count;
        }
        metrics.committed(&tally);
        let counts = Counts::read(&metrics.render().unwrap());
        let expected =
            Counts { records: 21, counted: 1, duplicates: 2, out_of_scope: 3, unusable: 4 + 5 + 6, insights: 6 };
        assert_eq!(counts, expected);
    }
}
