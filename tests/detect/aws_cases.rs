//! The published cases in which AWS raised an insight, rebuilt as minimal streams in a minimal account.
//!
//! Numbers from the samples in AWS's documentation and in public issue threads (docs/detection.md):
//! baseline calls, burst calls, and the averages that AWS printed. The busy baselines are thinned to a tenth.

use insightd::config::Config;
use insightd_core::cloudtrail::event::Event;
use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::detect::{Detector, Settings};
use insightd_test_support::event::event;

struct Case {
    name: &'static str,
    api: &'static str,
    error: Option<&'static str>,
    /// Start, seconds since 1970.
    start: i64,
    baseline: i64,
    burst: i64,
    burst_minutes: i64,
    /// AWS's `baselineDuration`.
    baseline_minutes: u64,
}

const CASES: [Case; 8] = [
    case("two calls in one minute on nothing", "AttachUserPolicy", None, 1_599_692_340, (0, 2, 1), 11_459),
    case(
        "six errors in one minute",
        "DescribeQuery",
        Some("QueryIdNotFoundException"),
        1_733_935_920,
        (0, 6, 1),
        11_092,
    ),
    case("three calls, one in the week", "CompleteLifecycleAction", None, 1_595_364_960, (1, 3, 5), 11_336),
    case("three calls, two in the week", "CompleteLifecycleAction", None, 1_704_141_960, (2, 3, 5), 11_326),
    case("1.756 to 50.1 a minute", "CompleteLifecycleAction", None, 1_571_097_600, (17_702, 501, 10), 10_080),
    case("8.5 to 66 a minute", "UpdateInstanceInformation", None, 1_573_689_600, (86_103, 332, 5), 10_080),
    case("8.4 to 67 a minute", "UpdateInstanceInformation", None, 1_668_384_000, (85_085, 334, 5), 10_080),
    case(
        "15 to 357 a minute",
        "GetBucketPolicy",
        Some("NoSuchBucketPolicy"),
        1_735_814_580,
        (165_202, 43_252, 121),
        10_723,
    ),
];

const fn case(
    name: &'static str,
    api: &'static str,
    error: Option<&'static str>,
    start: i64,
    (baseline, burst, burst_minutes): (i64, i64, i64),
    baseline_minutes: u64,
) -> Case {
    Case { name, api, error, start, baseline, burst, burst_minutes, baseline_minutes }
}

impl Case {
    fn window(&self) -> i64 {
        (self.start.div_euclid(86_400) - 7) * 86_400
    }

    /// Times of the calls, and of the other calls that start the account's history and move the clock.
    fn stream(&self) -> Vec<(i64, bool)> {
        let (window, end) = (self.window(), self.start + self.burst_minutes * 60);
        // Arrivals spread evenly with a jitter of their own: a low-discrepancy sequence, the same in every
        // run.
        let spread = |n: i64, from: i64, to: i64| {
            (1..=n).map(move |i| from + (((i as f64) * 0.618_033_988_749_894_9).fract() * (to - from) as f64) as i64)
        };
        let quiet_until = if self.baseline > 1000 { self.start } else { self.start - 600 };
        let mut all: Vec<(i64, bool)> = spread(self.baseline, window, quiet_until).map(|t| (t, true)).collect();
        all.extend((0..self.burst).map(|i| (self.start + i * 60 * self.burst_minutes / self.burst, true)));
        if self.baseline > 1000 {
            let after = self.baseline * 6 * 3600 / (self.start - window);
            all.extend(spread(after, end, end + 6 * 3600).map(|t| (t, true)));
        }
        all.extend((0..).map(|i| window + 600 * i).take_while(|&t| t < end + 6 * 3600).map(|t| (t + 17, false)));
        all.sort_unstable();
        all
    }

    fn event(&self, time: i64, mine: bool, number: usize) -> Event<'static> {
        let (source, name) =
            if mine { ("case.amazonaws.com", self.api) } else { ("logs.amazonaws.com", "CreateLogStream") };
        let error = self.error.filter(|_| mine);
        let call = event(name).of(source).failed(error).write(error.is_none()).at(time);
        Event { read_only: None, ..call.id(format!("{number:032x}")).build() }
    }

    fn insights(&self) -> Vec<Insight> {
        let mut detector = Detector::new(Settings::from(&Config::default_config()));
        let mut insights = Vec::new();
        for (number, (time, mine)) in self.stream().into_iter().enumerate() {
            detector.observe(&self.event(time, mine, number), None, &mut |insight| insights.push(insight));
        }
        detector.finish(&mut |insight| insights.push(insight));
        insights
    }
}

/// Every published case fires in its first minutes with AWS's numbers.
#[test]
fn published_cases_fire_early_with_the_numbers_of_aws() {
    for case in &CASES {
        let insights = case.insights();
        let summary =
            insights.iter().map(|i| format!("{:?} {} {}", i.state, i.name, i.event_minute)).collect::<Vec<_>>();
        let start = &insights.first().unwrap_or_else(|| panic!("{}: nothing fired", case.name));
        assert_eq!((start.state, &*start.name), (State::Start, case.api), "{}: {summary:?}", case.name);
        let delay = start.event_minute - case.start / 60;
        assert!((-1..=5).contains(&delay), "{}: {delay} minutes after the burst began: {summary:?}", case.name);
        if delay == 0 {
            assert_eq!(start.baseline_count, case.baseline as u64, "{}", case.name);
            assert_eq!(start.baseline_minutes, case.baseline_minutes, "{}", case.name);
        }
        assert_eq!(start.insight_minutes, 5, "{}", case.name);
        let ends: Vec<_> = insights.iter().filter(|i| i.state == State::End).collect();
        assert_eq!((insights.len(), ends.len()), (2, 1), "{}: {summary:?}", case.name);
        assert_eq!(ends[0].event_minute - ends[0].insight_minutes as i64, start.event_minute, "{}", case.name);
        assert_eq!(ends[0].baseline_count, start.baseline_count, "{}", case.name);
        if ends[0].insight_minutes as i64 == case.burst_minutes && delay == 0 {
            assert_eq!(ends[0].insight_count, case.burst as u64, "{}", case.name);
        }
    }
}
