//! 39 days of three accounts, constructed with a seed: the same records every time.
//!
//! Sixteen days of work; three quiet weeks, in which series become dormant and the oldest ones are forgotten;
//! two days of work, which end with open insights and quarantined records.

use insightd_core::cloudtrail::event::{AccountId, Category, Event};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

/// A midnight, seconds since 1970.
const START: i64 = 20_600 * DAY;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Days of work at the beginning.
const BUSY: i64 = 16;
/// First day of work after the quiet weeks.
const BACK: i64 = 37;
/// The end of the scenario, seconds since 1970.
pub const END: i64 = START + 39 * DAY;
/// Records are read so many seconds after they happened: a record close to the wall clock needs no
/// confirmation.
const BEHIND: i64 = DAY;

/// One thing that happens to a detector.
#[derive(Clone)]
pub enum Step {
    /// A record arrives at a wall time.
    Record { event: Box<Event<'static>>, wall: Option<i64> },
    /// The partition is read to its end at this wall time.
    CaughtUp(i64),
}

impl Step {
    /// Wall time at which it happens, in a scenario that has one.
    fn wall(&self) -> i64 {
        match self {
            Self::Record { wall, .. } => wall.unwrap_or_default(),
            Self::CaughtUp(wall) => *wall,
        }
    }
}

/// An ordinary call; callers replace what is unusual about theirs.
fn call(account: u64, name: &str, who: &str, time: i64) -> Event<'static> {
    Event {
        account: AccountId::of_number(account).expect("an account"),
        region: "us-east-1".into(),
        source: "ec2.amazonaws.com".into(),
        name: name.to_owned().into(),
        error: None,
        time,
        id: Some(format!("{account}-{name}-{who}-{time}").into()),
        principal: format!("arn:aws:iam::{account:012}:user/{who}").into(),
        invoked_by: "".into(),
        agent: "aws-cli/2.15.30".into(),
        category: Category::Management,
        write: true,
        read_only: Some(false),
        inferred: false,
        correction: false,
    }
}

/// Steps, sorted by their time of arrival.
struct Plan {
    choices: Pcg64Mcg,
    /// Time of arrival, order of planning, step.
    steps: Vec<(i64, usize, Step)>,
}

impl Plan {
    fn new(seed: u128) -> Self {
        Self { choices: Pcg64Mcg::new(seed), steps: Vec::new() }
    }

    fn below(&mut self, n: u64) -> i64 {
        (self.choices.next_u64() % n) as i64
    }

    fn arrive(&mut self, at: i64, event: Event<'static>) {
        let wall = Some(at + BEHIND);
        self.steps.push((at, self.steps.len(), Step::Record { event: Box::new(event), wall }));
    }

    fn add(&mut self, event: Event<'static>) {
        self.arrive(event.time, event);
    }

    /// `calls` calls like `of`, the first at its time, one every `every` seconds.
    fn burst(&mut self, of: &Event<'static>, calls: i64, every: i64) {
        for n in 0..calls {
            let time = of.time + n * every;
            let id = of.id.as_ref().map(|id| format!("{id}-{n}").into());
            self.add(Event { time, id, ..of.clone() });
        }
    }

    fn caught_up(&mut self, at: i64, later: i64) {
        self.steps.push((at, self.steps.len(), Step::CaughtUp(at + BEHIND + later)));
    }

    fn steps(mut self) -> Vec<Step> {
        self.steps.sort_by_key(|(at, order, _)| (*at, *order));
        self.steps.into_iter().map(|(_, _, step)| step).collect()
    }

    /// Calls that keep the clocks of two accounts going.
    fn heartbeats(&mut self, from: i64, to: i64, every: i64) {
        for time in (from..to).step_by(every as usize) {
            let jitter = self.below(900);
            self.add(Event { agent: "ops/1.0".into(), ..call(1, "Heartbeat", "ops", time + jitter) });
            if (time / every) % 3 == 0 {
                self.add(Event { region: "eu-west-1".into(), ..call(1, "Heartbeat", "ops", time + jitter + 20) });
                self.add(Event { region: "eu-west-1".into(), ..call(2, "Heartbeat", "ops", time + jitter + 40) });
            }
        }
    }

    /// A day of ordinary work by two people and robots, with data events, failures and reads.
    fn work(&mut self, day: i64) {
        let begin = START + day * DAY;
        for _ in 0..8 {
            let time = begin + 8 * HOUR + self.below(9 * HOUR as u64);
            let who = ["dana", "erin", "deploy"][self.below(3) as usize];
            let error = (self.below(5) == 0).then(|| "AccessDenied".into());
            let calls = 1 + self.below(3);
            self.burst(&Event { error, ..call(1, "TagResource", who, time) }, calls, 7);
        }
        for _ in 0..4 {
            let time = begin + self.below(DAY as u64);
            let (source, category) = ("s3.amazonaws.com".into(), Category::Data);
            self.add(Event { source, category, ..call(2, "PutObject", "uploader", time) });
        }
        // More principals and agents than `attribution.values_max`.
        let time = begin + 12 * HOUR + self.below(600);
        let (who, agent) =
            (format!("worker-{}", day % 7), format!("agent-{}/{day}-of-a-tool-with-a-long-name", day % 6));
        self.burst(&Event { agent: agent.into(), ..call(1, "PutObjectTagging", &who, time) }, 3, 11);
        self.add(Event { read_only: Some(true), write: false, ..call(1, "DescribeInstances", "erin", time + 60) });
        self.add(call(1, "Check", "health", time + 61));
    }
}

/// The scenario.
pub fn weeks() -> Vec<Step> {
    let mut plan = Plan::new(0x5eed);
    plan.heartbeats(START + 300, START + BUSY * DAY, HOUR);
    plan.heartbeats(START + BUSY * DAY, START + BACK * DAY, 8 * HOUR);
    plan.heartbeats(START + BACK * DAY, END - HOUR, HOUR);
    (0..BUSY).chain(BACK..39).for_each(|day| plan.work(day));
    first_days(&mut plan);
    attacks(&mut plan);
    rules(&mut plan);
    steady(&mut plan);
    disorder(&mut plan);
    last_hours(&mut plan);
    plan.steps()
}

/// APIs that are called on the first days only, that grow, and that reach a new level.
fn first_days(plan: &mut Plan) {
    for day in 1..3 {
        plan.burst(&call(1, "Payday", "robot", START + day * DAY + 9 * HOUR), 12, 20);
        plan.burst(&call(1, "Payday", "frank", START + day * DAY + 10 * HOUR), 5, 20);
    }
    let throttled = Event { error: Some("Throttling".into()), ..call(2, "Migrate", "migrator", START + 30 * HOUR) };
    plan.burst(&Event { region: "eu-west-1".into(), ..throttled }, 9, 50);
    // Each day a burst larger than all before: evidence of a trend.
    let mut calls = 3.0_f64;
    for day in 1..BUSY {
        plan.burst(&call(1, "StartExport", "batch", START + day * DAY + 14 * HOUR), calls as i64, 2);
        calls *= 1.3;
    }
    // A new level that lasts: accepted after a day.
    for time in (START + 5 * DAY..START + 6 * DAY + 12 * HOUR).step_by(40) {
        plan.add(Event { id: None, ..call(2, "Rollout", "uploader", time) });
    }
    // One of the two remembered callers of a dormant series comes back.
    plan.burst(&call(1, "Payday", "robot", START + 13 * DAY + 9 * HOUR), 4, 20);
    plan.burst(&call(1, "Payday", "robot", START + BACK * DAY + 9 * HOUR), 6, 20);
}

fn attacks(plan: &mut Plan) {
    let at = |days: i64, hours: i64| START + days * DAY + hours * HOUR;
    let thief = Event { agent: "python-requests/2.31".into(), ..call(1, "RunInstances", "mallory", at(5, 3)) };
    plan.burst(&thief, 40, 3);
    // During the cooldown of the first insight.
    plan.burst(&Event { time: at(5, 3) + 25 * MINUTE, name: "CreateUser".into(), ..thief.clone() }, 6, 5);
    plan.burst(
        &Event { time: at(5, 3) + 40 * MINUTE, name: "StopLogging".into(), region: "eu-west-1".into(), ..thief },
        25,
        4,
    );
    // A known principal with a tool and an API that are new to it.
    let stolen = Event { agent: "curl/8.1".into(), ..call(1, "GetSecret", "dana", at(8, 2)) };
    plan.burst(&stolen, 30, 4);
    // A robot far beyond its usual counts.
    plan.burst(&Event { agent: "ops/1.0".into(), ..call(1, "Heartbeat", "ops", at(10, 4)) }, 150, 1);
    // A principal far beyond its own record, but not beyond the counts of the API.
    for day in 0..12 {
        plan.burst(&call(1, "Sync", "big", at(day, 15)), 90, 1);
        plan.burst(&call(1, "Sync", "small", at(day, 17)), 3, 20);
    }
    plan.burst(&call(1, "Sync", "small", at(12, 15)), 85, 1);
    // A new account.
    plan.heartbeats_of(3, at(12, 0), at(16, 0));
    plan.burst(&call(3, "CreateAccessKey", "eve", at(13, 5)), 20, 6);
    let denied = Event { error: Some("AccessDenied".into()), ..call(2, "PutObject", "uploader", at(9, 11)) };
    let (source, category) = ("s3.amazonaws.com".into(), Category::Data);
    plan.burst(&Event { source, category, ..denied }, 60, 2);
}

impl Plan {
    fn heartbeats_of(&mut self, account: u64, from: i64, to: i64) {
        for time in (from..to).step_by(HOUR as usize) {
            self.add(call(account, "Heartbeat", "ops", time));
        }
    }
}

fn rules(plan: &mut Plan) {
    let at = |days: i64, hours: i64| START + days * DAY + hours * HOUR;
    for day in 2..11 {
        plan.burst(&call(1, "Build", "ci", at(day, 6)), 3, 30);
        plan.add(call(1, "Build", "dana", at(day, 6) + 300));
    }
    // The rule suppresses this burst; the calls of the next principal must not start an insight.
    plan.burst(&call(1, "Build", "ci", at(11, 6)), 60, 2);
    plan.burst(&call(1, "Build", "dana", at(11, 6) + 200), 2, 5);
    plan.burst(&call(1, "Scan", "scanner-1", at(11, 20)), 50, 2);
    plan.burst(&call(1, "Scan", "noise-1", at(12, 20)), 50, 2);
}

/// A steady series that falls silent for an hour, and later for good.
fn steady(plan: &mut Plan) {
    let (begin, gap) = (START + 12 * DAY, START + 15 * DAY + 2 * HOUR);
    for time in (begin..gap + 5 * HOUR).step_by(2) {
        if !(gap..gap + HOUR).contains(&time) {
            // No eventIDs: they would fill the fixtures.
            plan.add(Event { id: None, ..call(3, "PutMetricData", "metrics", time) });
        }
    }
    // Moves the clock during the silence.
    for time in (begin..gap + 9 * HOUR).step_by(3 * MINUTE as usize) {
        plan.add(Event { id: None, ..call(3, "Poll", "metrics", time) });
    }
}

/// Duplicates, late records, records dated ahead, idle clocks.
fn disorder(plan: &mut Plan) {
    let at = |days: i64, minutes: i64| START + days * DAY + minutes * MINUTE;
    for day in [1, 4, 6, 9] {
        plan.arrive(at(day, 700), call(1, "TagResource", "erin", at(day, 693)));
        plan.arrive(at(day, 702), call(1, "TagResource", "erin", at(day, 660)));
        plan.arrive(at(day, 703), call(1, "TagResource", "erin", at(day, 660)));
        plan.arrive(at(day, 704), call(1, "TagResource", "erin", at(day, 300)));
        plan.caught_up(at(day, 705), 900);
        plan.caught_up(at(day, 706), 1900);
    }
    // Dated ahead: one confirmed two days later, more than fit into the quarantine, one that enters no
    // series, and the first record of a region.
    plan.arrive(at(3, 500), call(1, "TagResource", "dana", at(5, 505)));
    for ahead in [5000, 3000, 2000, 900, 300] {
        plan.arrive(at(6, 500), call(2, "Early", "uploader", at(6, 500 + ahead)));
    }
    plan.arrive(at(6, 510), Event { read_only: Some(true), write: false, ..call(1, "Describe", "gina", at(9, 0)) });
    plan.arrive(at(7, 0), Event { region: "ap-south-1".into(), ..call(1, "TagResource", "dana", at(7, 3000)) });
    // Close to the wall clock, so it needs no confirmation.
    let event = Box::new(Event { region: "us-west-2".into(), ..call(1, "TagResource", "dana", at(15, 100)) });
    plan.steps.push((at(15, 100), plan.steps.len(), Step::Record { event, wall: Some(at(15, 101)) }));
}

/// Insights that are open at the end, one of them marked by a rule, and records that stay in quarantine.
fn last_hours(plan: &mut Plan) {
    plan.burst(&call(1, "Scan", "scanner-2", END - 9 * MINUTE), 60, 2);
    let thief = Event { agent: "Boto3/1.34".into(), ..call(1, "CreateUser", "mallory-2", END - 6 * MINUTE) };
    plan.burst(&thief, 30, 3);
    plan.burst(&Event { region: "eu-west-1".into(), ..call(2, "Migrate", "trudy", END - 5 * MINUTE) }, 40, 2);
    plan.arrive(END - 100, call(1, "TagResource", "dana", END + 30 * HOUR));
    plan.arrive(END - 90, Event { region: "sa-east-1".into(), ..call(1, "TagResource", "erin", END + 20 * HOUR) });
    plan.arrive(END - 80, Event { read_only: Some(true), write: false, ..call(2, "Describe", "hugo", END + 5 * DAY) });
}

/// Two days after a restart: open insights end, quarantined records are confirmed, dormant series become
/// active, attacks follow.
pub fn two_more_days() -> Vec<Step> {
    let mut plan = Plan::new(0x5_eed2);
    plan.heartbeats(END, END + 2 * DAY, HOUR);
    plan.work(39);
    plan.work(40);
    plan.burst(&call(1, "Payday", "frank", END + 9 * HOUR), 8, 20);
    plan.burst(&call(1, "Payday", "zoe", END + 10 * HOUR), 8, 20);
    plan.burst(&call(1, "StartExport", "batch", END + 14 * HOUR), 160, 2);
    plan.burst(&call(1, "Build", "ci", END + 16 * HOUR), 60, 2);
    plan.burst(&call(1, "RunInstances", "mallory-3", END + 26 * HOUR), 30, 3);
    plan.burst(&call(3, "PutMetricData", "metrics", END + 30 * HOUR), 60, 1);
    plan.heartbeats_of(4, END + HOUR, END + 2 * DAY);
    plan.burst(&call(4, "RunInstances", "mallory", END + 31 * HOUR), 30, 3);
    plan.caught_up(END + 2 * DAY, 3000);
    plan.steps()
}

/// Twelve days before the scenario, of a known and of a new account, in an order as files have it.
pub fn days_before() -> Vec<Step> {
    let mut plan = Plan::new(0x5_eed3);
    let begin = START - 12 * DAY;
    for account in [1, 4] {
        plan.heartbeats_of(account, begin, START - HOUR);
        for day in 0..12 {
            let time = begin + day * DAY + 9 * HOUR + plan.below(HOUR as u64);
            let who = ["dana", "erin", "gina"][plan.below(3) as usize];
            let calls = 2 + plan.below(9);
            plan.burst(&call(account, "TagResource", who, time), calls, 9);
        }
        plan.burst(&call(account, "Payday", "robot", begin + 10 * HOUR), 7, 20);
        plan.burst(&call(account, "Old", "robot", begin + 11 * HOUR), 3, 20);
        plan.burst(&call(account, "RunInstances", "mallory", START - 30 * HOUR), 40, 3);
        plan.arrive(begin + DAY, call(account, "TagResource", "dana", begin + DAY - 50 * MINUTE));
        plan.arrive(START - 2 * HOUR, call(account, "TagResource", "erin", START + 3 * DAY));
    }
    let mut steps = plan.steps();
    for step in &mut steps {
        if let Step::Record { wall, .. } = step {
            *wall = None;
        }
    }
    steps
}

/// Cuts the steps into transactions: half days of at most 9000 steps, and some of one to four steps, which
/// write the running parts of series.
pub fn transactions(steps: &[Step]) -> Vec<&[Step]> {
    let mut transactions = Vec::new();
    let mut rest = steps;
    while !rest.is_empty() {
        let most = match transactions.len() {
            14..=26 => 3,
            52..=64 => 4,
            number if number % 17 == 5 => 1,
            _ => 9000,
        };
        let half_day = |step: &Step| step.wall().div_euclid(12 * HOUR);
        let same = rest.iter().take_while(|step| half_day(step) == half_day(&rest[0])).count();
        let (transaction, more) = rest.split_at(same.min(most));
        transactions.push(transaction);
        rest = more;
    }
    transactions
}
