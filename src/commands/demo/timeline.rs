//! When the demo takes place: days of history, then a day with attacks, then, if asked for, live traffic.

use insightd_generate::Plan;

use super::args::DemoArgs;

/// Seconds of a day.
pub(crate) const DAY_S: i64 = 24 * 3600;
/// Days of traffic after the day with attacks, for `--keep-running`.
const LIVE_DAYS: u32 = 14;

/// The day with attacks, seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttackDay {
    /// Its beginning.
    pub(crate) from: i64,
    /// Its end, exclusive.
    pub(crate) until: i64,
}

impl AttackDay {
    pub(crate) fn of(plan: &Plan) -> Self {
        let from = plan.start + i64::from(plan.quiet_days) * DAY_S;
        Self { from, until: from + DAY_S }
    }
}

/// The traffic: history and a day with attacks that end at the last midnight before `now` (seconds since
/// 1970), so that no record is dated in the future. With `--keep-running`, traffic follows from there.
pub(crate) fn plan(args: &DemoArgs, now: i64) -> Plan {
    let live = if args.keep_running { LIVE_DAYS } else { 0 };
    let midnight = now - now.rem_euclid(DAY_S);
    Plan {
        seed: args.seed,
        accounts: args.accounts as usize,
        start: midnight - i64::from(args.days + 1) * DAY_S,
        days: args.days + 1 + live,
        activity: args.activity,
        attacks: (args.attacks * (1 + live)) as usize,
        quiet_days: args.days,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DemoArgs,
    }

    fn args(line: &[&str]) -> DemoArgs {
        Line::parse_from(["demo"].iter().chain(line)).args
    }

    /// The day with attacks is yesterday, so nothing is dated in the future.
    #[test]
    fn the_day_with_attacks_is_yesterday() {
        let now = 1_794_000_123;
        let plan = plan(&args(&[]), now);
        let day = AttackDay::of(&plan);
        assert_eq!((plan.start % DAY_S, plan.days, plan.quiet_days), (0, 10, 9));
        assert!(day.until <= now && now < day.until + DAY_S, "{day:?}");
        assert_eq!(day.until, plan.start + i64::from(plan.days) * DAY_S);
    }

    #[test]
    fn with_keep_running_traffic_goes_on_beyond_now() {
        let now = 1_794_000_123;
        let (once, on) = (plan(&args(&[]), now), plan(&args(&["--keep-running"]), now));
        assert_eq!((once.start, AttackDay::of(&once)), (on.start, AttackDay::of(&on)));
        assert_eq!((on.days, on.attacks), (24, 150));
        assert!(on.start + i64::from(on.days) * DAY_S > now + 7 * DAY_S);
    }
}
