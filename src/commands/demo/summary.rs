//! The opening text and the closing summary: which attacks were found and when, which insights were false,
//! whether the counts agree.

use std::net::SocketAddr;
use std::time::Duration;

use anstyle::AnsiColor;
use insightd_core::cloudtrail::insight::Severity;
use insightd_generate::Plan;
use insightd_generate::label::{Attack, Attacker, Label};
use jiff::Timestamp;

use super::matching::{Injected, Ledger};
use super::scrape::Counts;
use crate::commands::console::number::{counted, number};
use crate::commands::console::paint::Paint;

/// What to try next.
pub(crate) const NEXT: &str = "\nThe same engine on your own CloudTrail files: insightd replay --explain FOLDER\n";

/// Days of a week.
const WEEK: f64 = 7.0;

/// The traffic that was played, and the daemon's results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Played {
    /// Accounts of the organization.
    pub(crate) accounts: usize,
    /// Days on which insights can be raised: all but the warm-up.
    pub(crate) watched_days: f64,
    /// Time of the newest record, seconds since 1970.
    pub(crate) until: i64,
    /// Records written to the input topic.
    pub(crate) records: u64,
    /// How long it took.
    pub(crate) took: Duration,
    /// The daemon's counts; none if the demo was stopped early.
    pub(crate) counts: Option<Counts>,
    /// Insights read from the output topic.
    pub(crate) read_back: u64,
    /// The budget of false insights per account and week (`detect.false_insights_per_account_per_week`).
    pub(crate) budget: f64,
}

impl Played {
    /// How the counts differ, if they do.
    pub(crate) fn fault(&self) -> Option<String> {
        let counts = self.counts?;
        if counts.records != self.records {
            return Some(format!(
                "{} records were written to the input topic and the daemon counted {}",
                number(self.records as f64),
                number(counts.records as f64)
            ));
        }
        (counts.insights != self.read_back)
            .then(|| format!("the daemon wrote {} insights and {} were read back", counts.insights, self.read_back))
    }
}

/// Announces the demo and the addresses of its parts.
pub(crate) fn opening(plan: &Plan, metrics: SocketAddr, kafka: &str, paint: Paint) -> String {
    format!(
        "{} {} days of CloudTrail of {} accounts in a time lapse, then a day with attacks (seed {}).\n\
         The traffic is constructed; the daemon is the real one, on a Kafka inside this process.\n\
         {} http://{metrics}/metrics    {} {kafka}, topics cloudtrail and insights\n\n",
        paint.bold("insightd demo:"),
        plan.quiet_days,
        plan.accounts,
        plan.seed,
        paint.bold("metrics"),
        paint.bold("kafka"),
    )
}

/// The summary.
pub(crate) fn text(ledger: &Ledger, played: &Played, paint: Paint) -> String {
    // An attack that has not ended is not missed yet.
    let is_played = |attack: &&Injected| attack.found.is_some() || attack.label.end <= played.until;
    let attacks: Vec<&Injected> = ledger.attacks.iter().filter(is_played).collect();
    let mut text = headline(&attacks, paint);
    for attack in &attacks {
        text += &row(attack, paint);
    }
    if !attacks.is_empty() {
        text += &by_attacker(&attacks);
    }
    text += &false_insights(ledger, played);
    text += &counts(ledger, played);
    text
}

fn headline(attacks: &[&Injected], paint: Paint) -> String {
    let mut delays: Vec<i64> = attacks.iter().filter_map(|attack| Some(attack.found?.after_s)).collect();
    delays.sort_unstable();
    let median = match delays.get(delays.len().saturating_sub(1) / 2) {
        Some(median) => format!(", in the median after {} of event time", duration(*median)),
        None => String::new(),
    };
    let line = format!("Found {} of {} attacks{median}", delays.len(), attacks.len());
    format!("{}\n", paint.bold(&line))
}

fn row(attack: &Injected, paint: Paint) -> String {
    let label = &attack.label;
    let began = Timestamp::from_second(label.start)
        .map_or_else(|_| label.start.to_string(), |t| t.strftime("%H:%M").to_string());
    let (outcome, style) = match attack.found {
        Some(found) => {
            let (after, severity) = (duration(found.after_s), found.severity.label());
            let insights = counted(attack.insights, "insight");
            (format!("after {after:>8}  {severity:6}  {insights}"), AnsiColor::Green.on_default())
        }
        None => ("missed".to_owned(), AnsiColor::Red.on_default()),
    };
    let who = attacker(label.attacker);
    let what = format!("  {began}  {:26}  {who:20}  {:12}  {:14}  ", name(label.attack), label.account, label.region);
    format!("{what}{}\n", paint.paint(style, &outcome))
}

fn by_attacker(attacks: &[&Injected]) -> String {
    let mut parts = Vec::new();
    for kind in [Attacker::Stranger, Attacker::Known, Attacker::User] {
        let of_kind = || attacks.iter().filter(move |attack| attack.label.attacker == kind);
        let (all, found) = (of_kind().count(), of_kind().filter(|attack| attack.found.is_some()).count());
        if all > 0 {
            parts.push(format!("{} {found} of {all}", attackers(kind)));
        }
    }
    format!("\nBy kind of attacker: {}\n", parts.join(", "))
}

fn false_insights(ledger: &Ledger, played: &Played) -> String {
    let total = ledger.false_total();
    let weeks = played.accounts as f64 * played.watched_days / WEEK;
    let rate = match weeks > 0.0 {
        true => format!(", {:.2} a week and account (budget {})", total as f64 / weeks, number(played.budget)),
        false => String::new(),
    };
    let severities: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .filter(|severity| ledger.false_insights[*severity as usize] > 0)
        .map(|severity| format!("{} {}", ledger.false_insights[severity as usize], severity.label()))
        .collect();
    let split = if severities.is_empty() { String::new() } else { format!(" ({})", severities.join(", ")) };
    format!(
        "False insights: {total}{split} in {} accounts over {:.1} days{rate}\n",
        played.accounts, played.watched_days
    )
}

fn counts(ledger: &Ledger, played: &Played) -> String {
    let written = number(played.records as f64);
    let took = played.took.as_secs_f64();
    let speed = number((played.records as f64 / took.max(0.001)).round());
    let Some(counts) = played.counts else {
        return format!(
            "Stopped before the end, with {written} records written; counts are compared only at the end\n"
        );
    };
    let verdict = match played.fault() {
        None => "the counts agree".to_owned(),
        Some(fault) => format!("THE COUNTS DO NOT AGREE: {fault}"),
    };
    format!(
        "Records: {written} written, {} processed ({} counted, {} in no series, {} repeats recognized, {} unusable)\n\
         Insights: {} started, {} ended; {verdict}\n\
         Time: {took:.0} s, {speed} records a second\n",
        number(counts.records as f64),
        number(counts.counted as f64),
        number(counts.out_of_scope as f64),
        number(counts.duplicates as f64),
        number(counts.unusable as f64),
        ledger.starts,
        ledger.ends,
    )
}

/// An attack and its attacker, such as `delete spree by a stranger`.
pub(crate) fn describe(label: &Label) -> String {
    format!("{} by {}", name(label.attack), attacker(label.attacker))
}

fn name(attack: Attack) -> &'static str {
    match attack {
        Attack::CredentialBurst => "credential burst",
        Attack::UnusedRegionMining => "mining in an unused region",
        Attack::DeleteSpree => "delete spree",
        Attack::DeniedReconnaissance => "denied reconnaissance",
        Attack::SnapshotSharing => "snapshot sharing",
        Attack::SlowRamp => "slow ramp",
        Attack::SustainedRise => "sustained rise",
        Attack::BesideCron => "burst beside a cron job",
        Attack::ThrottlingStorm => "throttling storm",
        Attack::LoggingOff => "logging switched off",
    }
}

fn attacker(attacker: Attacker) -> &'static str {
    match attacker {
        Attacker::Stranger => "a stranger",
        Attacker::Known => "a known principal",
        Attacker::User => "a user of these APIs",
    }
}

fn attackers(attacker: Attacker) -> &'static str {
    match attacker {
        Attacker::Stranger => "strangers",
        Attacker::Known => "known principals",
        Attacker::User => "users of these APIs",
    }
}

/// `Mon Nov 23`.
pub(crate) fn date(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.strftime("%a %b %d").to_string())
}

/// `17 s`, `4 min 5 s`, `2 h 3 min`.
pub(crate) fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::{NOON, label, start};
    use super::*;

    fn played(records: u64, counts: Option<Counts>) -> Played {
        Played {
            accounts: 2,
            watched_days: 7.0,
            until: NOON + 86400,
            records,
            took: Duration::from_secs(50),
            counts,
            read_back: 3,
            budget: 1.0,
        }
    }

    fn ledger() -> Ledger {
        let mut missed = label("2", NOON + 7200);
        (missed.attack, missed.attacker) = (Attack::BesideCron, Attacker::User);
        let mut ledger = Ledger::new(vec![label("1", NOON), missed]);
        ledger.enter(&start("1", "CreateUser", None, NOON + 17));
        ledger.enter(&start("1", "DeleteUser", None, NOON));
        ledger
    }

    #[test]
    fn the_summary_names_what_was_found_and_what_was_false() {
        let counts = Counts {
            records: 2_412_331,
            counted: 400_000,
            duplicates: 24_000,
            out_of_scope: 1_988_331,
            unusable: 0,
            insights: 3,
        };
        let text = text(&ledger(), &played(2_412_331, Some(counts)), Paint::Plain);
        let expected = "\
Found 1 of 2 attacks, in the median after 17 s of event time
  21:20  credential burst            a stranger            1             us-east-1       after     17 s  medium  1 insight
  23:20  burst beside a cron job     a user of these APIs  2             us-east-1       missed

By kind of attacker: strangers 1 of 1, users of these APIs 0 of 1
False insights: 1 (1 medium) in 2 accounts over 7.0 days, 0.50 a week and account (budget 1)
Records: 2,412,331 written, 2,412,331 processed (400,000 counted, 1,988,331 in no series, 24,000 repeats recognized, 0 unusable)
Insights: 2 started, 0 ended; the counts agree
Time: 50 s, 48,247 records a second
";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_attack_that_has_not_ended_is_not_missed_yet() {
        let mut early = played(10, None);
        early.until = NOON + 7300;
        let text = text(&ledger(), &early, Paint::Plain);
        assert!(text.starts_with("Found 1 of 1 attacks") && !text.contains("missed"), "{text}");
        assert!(text.contains("Stopped before the end, with 10 records written"), "{text}");
    }

    #[test]
    fn counts_that_differ_are_named() {
        let counts = Counts { records: 9, insights: 3, ..Counts::default() };
        assert!(
            played(10, Some(counts))
                .fault()
                .is_some_and(|fault| fault.contains("10 records") && fault.contains("counted 9"))
        );
        assert_eq!(played(9, Some(counts)).fault(), None);
        let fewer_read = Counts { insights: 4, ..counts };
        assert!(played(9, Some(fewer_read)).fault().is_some_and(|fault| fault.contains("4 insights and 3")));
        assert_eq!(played(9, None).fault(), None);
    }

    #[test]
    fn durations_are_said_in_two_units() {
        assert_eq!([0, 59, 60, 245, 7380].map(duration), ["0 s", "59 s", "1 min 0 s", "4 min 5 s", "2 h 3 min"]);
    }
}
