//! Any sequence of records, whatever their times: no panic, no NaN, and Starts and Ends alternate.
#![no_main]

mod scenario;

use std::collections::BTreeSet;

use insightd_core::cloudtrail::insight::{Insight, State};
use insightd_core::detect::Detector;
use insightd_core::detect::statistics::horizon::Direction;
use libfuzzer_sys::fuzz_target;
use scenario::{EVENT_IDS_MAX, SERIES_MAX, Step, run, settings};

/// Insights of which the Start was seen and the End not yet.
#[derive(Default)]
struct Open(BTreeSet<String>);

impl Open {
    fn note(&mut self, insight: &Insight) {
        let finding = &insight.finding;
        let numbers = [finding.observed, finding.expected, finding.score, finding.limit];
        assert!(numbers.iter().all(|number| number.is_finite()), "{insight:?}");
        assert!(insight.baseline_minutes > 0 && insight.insight_minutes > 0, "{insight:?}");
        let key = format!("{} {} {} {:?}", insight.account, insight.region, insight.name, insight.error);
        let fits = if insight.state == State::Start { self.0.insert(key) } else { self.0.remove(&key) };
        assert!(fits, "two Starts or two Ends of one series: {insight:?}");
    }
}

fuzz_target!(|input: (bool, Vec<Step>)| {
    let (both, steps) = input;
    let mut detector = Detector::new(settings(if both { Direction::Both } else { Direction::Up }));
    let mut open = Open::default();
    let mut emit = |insight: Insight| open.note(&insight);
    run(&mut detector, steps, &mut emit, &mut |_| {});
    detector.finish(&mut emit);
    let levels = detector.gauges();
    assert!(levels.series <= SERIES_MAX as u64 && levels.dedup_events <= EVENT_IDS_MAX as u64);
});
