//! The state as JSON lines. The field `kind` of each line says what it is.

use std::io::{self, BufWriter, Write as _};

use insightd_core::cloudtrail::insight::rfc3339;
use insightd_core::detect::{AccountView, Detector, RegionView, Restorer, SeriesView, Settings};
use insightd_core::state::{CHECKPOINT_KEY, Checkpoint};
use serde_json::{Value, json};

use super::args::{StateConfigArgs, StateInspectArgs};
use crate::commands::exit_error::ExitError;
use crate::config::Config;
use crate::kafka::changelog;

/// Shows the accounts and series that `args` select. Asking for an API selects series only.
///
/// # Errors
/// Those of [`super::run`].
pub(crate) fn inspect(args: &StateInspectArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.config.config))?;
    let of_series = args.event_source.is_some() || args.event_name.is_some();
    let matches = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    each_partition(&config, &mut |_, _, detector, out| {
        detector.each_account(&mut |account| {
            if !of_series && args.account.is_none_or(|id| id == account.id) {
                out(account_line(&account));
            }
        });
        detector.each_series(&mut |series| {
            let api = matches(&args.event_source, series.key.source) && matches(&args.event_name, series.key.name);
            if api && matches(&args.region, series.region) && args.account.is_none_or(|id| id == series.account) {
                out(series_line(&series));
            }
        });
    })
}

/// Shows everything.
///
/// # Errors
/// Those of [`super::run`].
pub(crate) fn export(args: &StateConfigArgs) -> Result<(), ExitError> {
    let config = Config::load(Some(&args.config))?;
    each_partition(&config, &mut |partition, checkpoint, detector, out| {
        out(json!({
            "kind": "partition",
            "topic": config.state.topic,
            "partition": partition,
            "state": checkpoint.map(|checkpoint| checkpoint.state),
            "next": checkpoint.map(|checkpoint| checkpoint.next),
        }));
        detector.each_account(&mut |account| out(account_line(&account)));
        detector.each_region(&mut |region| out(region_line(&region)));
        detector.each_series(&mut |series| out(series_line(&series)));
    })
}

/// Shows one partition: its number, its checkpoint, its state, and where the lines go.
type Show<'a> = dyn FnMut(i32, Option<&Checkpoint>, &Detector, &mut dyn FnMut(Value)) + 'a;

/// Restores one partition after the other and shows it.
fn each_partition(config: &Config, show: &mut Show<'_>) -> Result<(), ExitError> {
    let mut out = BufWriter::new(io::stdout().lock());
    for partition in 0..changelog::partitions(config)? {
        let (checkpoint, detector) = restore(config, partition)?;
        let mut failed = None;
        show(partition, checkpoint.as_ref(), &detector, &mut |line| {
            failed = failed.take().or(writeln!(out, "{line}").err());
        });
        match failed {
            // The reader has closed it, which is not a failure.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Some(error) => return Err(ExitError::stdout(&error)),
            None => {}
        }
    }
    out.flush().map_err(|error| ExitError::stdout(&error))
}

/// The state of one partition, restored from its changelog.
fn restore(config: &Config, partition: i32) -> Result<(Option<Checkpoint>, Detector), ExitError> {
    let mut restorer = Restorer::new(Settings::from(config));
    let (mut checkpoint, mut fault) = (None, None);
    changelog::read_on(config, partition, 0, &mut |key, value| {
        let restored = if key == CHECKPOINT_KEY {
            value.map(Checkpoint::read).transpose().map(|read| checkpoint = read)
        } else {
            restorer.take(key, value)
        };
        fault = fault.take().or(restored.err());
    })?;
    match fault.map_or_else(|| restorer.finish(), Err) {
        Ok(detector) => Ok((checkpoint, detector)),
        Err(error) => {
            let text = format!("{}[{partition}]: {error}", config.state.topic);
            Err(ExitError::new(sysexits::ExitCode::Config, text))
        }
    }
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
