//! The state as JSON lines: each line says in `kind` what it is.

use std::io::{self, BufWriter, Write as _};

use insightd_core::cloudtrail::insight::rfc3339;
use insightd_core::detect::{AccountView, Detector, RegionView, SeriesView, Settings};
use insightd_core::state::{CHECKPOINT_KEY, Checkpoint};
use serde_json::{Value, json};

use super::args::{StateConfigArgs, StateInspectArgs};
use super::load;
use crate::commands::ExitError;
use crate::config::Config;
use crate::kafka::changelog;

/// Shows what fits.
pub(super) fn inspect(args: &StateInspectArgs) -> Result<(), ExitError> {
    let config = load(&args.config.config)?;
    let of_series = args.event_source.is_some() || args.event_name.is_some();
    let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    each_partition(&config, &mut |_, _, detector, out| {
        detector.each_account(&mut |account| {
            if !of_series && args.account.is_none_or(|id| id == account.id) {
                out(account_line(&account));
            }
        });
        detector.each_series(&mut |series| {
            let api = fits(&args.event_source, series.key.source) && fits(&args.event_name, series.key.name);
            if api && fits(&args.region, series.region) && args.account.is_none_or(|id| id == series.account) {
                out(series_line(&series));
            }
        });
    })
}

/// Shows all.
pub(super) fn export(args: &StateConfigArgs) -> Result<(), ExitError> {
    let config = load(&args.config)?;
    each_partition(&config, &mut |partition, head, detector, out| {
        out(json!({
            "kind": "partition",
            "topic": config.state.topic,
            "partition": partition,
            "state": head.map(|head| head.state),
            "next": head.map(|head| head.next),
        }));
        detector.each_account(&mut |account| out(account_line(&account)));
        detector.each_region(&mut |region| out(region_line(&region)));
        detector.each_series(&mut |series| out(series_line(&series)));
    })
}

type Show<'a> = dyn FnMut(i32, Option<&Checkpoint>, &Detector, &mut dyn FnMut(Value)) + 'a;

/// Restores one partition after the other and shows it.
fn each_partition(config: &Config, show: &mut Show<'_>) -> Result<(), ExitError> {
    let mut out = BufWriter::new(io::stdout().lock());
    for partition in 0..changelog::partitions(config)? {
        let mut detector = Detector::new(Settings::from(config));
        let (mut head, mut fault) = (None, None);
        changelog::read_on(config, partition, 0, &mut |key, value| {
            let taken = if key == CHECKPOINT_KEY {
                value.map(Checkpoint::read).transpose().map(|read| head = read)
            } else {
                detector.restore(key, value)
            };
            fault = fault.take().or(taken.err());
        })?;
        if let Some(fault) = fault.or_else(|| detector.restored().err()) {
            let text = format!("{}[{partition}]: {fault}", config.state.topic);
            return Err(ExitError::new(sysexits::ExitCode::Config, text));
        }
        let mut failed = None;
        show(partition, head.as_ref(), &detector, &mut |line| {
            failed = failed.take().or(writeln!(out, "{line}").err());
        });
        match failed {
            // Whoever reads has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Some(error) => return Err(unwritten(&error)),
            None => {}
        }
    }
    out.flush().map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> ExitError {
    ExitError::new(sysexits::ExitCode::IoErr, format!("cannot write to standard output: {error}"))
}

fn minute(minute: i64) -> String {
    rfc3339(minute * 60)
}

fn account_line(account: &AccountView) -> Value {
    json!({
        "kind": "account",
        "account": account.id.to_string(),
        "begin": account.begin.map(minute),
        "mature": account.mature,
        "liveSeries": account.live,
        "principals": account.principals,
        "regions": account.regions,
    })
}

fn region_line(region: &RegionView<'_>) -> Value {
    json!({
        "kind": "region",
        "account": region.account.to_string(),
        "region": region.name,
        "begin": region.begin.map(minute),
        "clock": region.clock.map(rfc3339),
        "heldRecords": region.quarantined,
        "series": region.series,
        "eventIds": region.event_ids,
    })
}

fn series_line(series: &SeriesView<'_>) -> Value {
    json!({
        "kind": "series",
        "account": series.account.to_string(),
        "region": series.region,
        "eventSource": series.key.source,
        "eventName": series.key.name,
        "errorCode": series.key.error,
        "clock": rfc3339(series.clock),
        "firstCall": minute(series.first),
        "lastCall": minute(series.last),
        "expectedCallsPerMinute": series.expected.mean,
        "standardDeviation": series.expected.sd,
        "minutesWatched": series.minutes,
        "callsOfEightDays": series.calls,
        "dormant": series.dormant,
        "openSince": series.open_since.map(minute),
        "principals": series.principals.iter().map(|(text, calls)| json!({"value": text, "calls": calls})).collect::<Vec<_>>(),
    })
}
