//! When an insight ends, and the End that it raises.

use std::sync::Arc;

use super::episode::{Episode, Step};
use super::insight::{Attributions, InsightWindow, insight};
use crate::cloudtrail::insight::{Insight, State};
use crate::detect::model::series::{Series, SeriesContext, TriggerCount};

impl Series {
    /// Closes the minutes of an open insight that the clock has closed. Returns its End, if it is over. `now`
    /// is the clock, seconds.
    pub(crate) fn close_open_minutes(&mut self, now: i64, context: &SeriesContext<'_>) -> Option<Insight> {
        let mut episode = self.episode.take()?;
        while episode.next() <= context.closed {
            self.needs_full_save = true;
            let minute = episode.next();
            let step = Arc::make_mut(&mut episode).close(self.recent.count(minute), context.settings.end_after);
            let unusual = minute < episode.end();
            for values in self.attributes_mut() {
                values.close_episode_minute(minute, unusual);
            }
            if step == Step::Over {
                return Some(self.end(&episode, now, context));
            }
        }
        self.episode = Some(episode);
        None
    }

    fn end(&mut self, episode: &Episode, now: i64, context: &SeriesContext<'_>) -> Insight {
        let window = InsightWindow::of_end(episode);
        let attributions = Attributions(self.attributes().map(|values| values.top_episode()));
        let place = (context.account, context.region);
        let mut insight = insight(self, State::End, episode, window, attributions, place);
        insight.finding.detected_at = now;
        insight.finding.tipping_event = String::new();
        insight.finding.observed = episode.count() as f64 / window.minutes as f64;
        self.last_episode = (episode.start, episode.end());
        self.needs_full_save = true;
        self.trigger = TriggerCount::NONE;
        for values in self.attributes_mut() {
            values.begin_episode();
        }
        insight
    }
}

#[cfg(test)]
mod tests {
    use crate::cloudtrail::event::Event;
    use crate::cloudtrail::insight::{Insight, Reason, State};
    use crate::detect::decide::budget::Strength;
    use crate::detect::decide::evidence::Evidence;
    use crate::detect::decide::fixture::{self, MIDNIGHT, Surroundings};
    use crate::detect::decide::start::{Decision, Trigger};
    use crate::detect::fixture::event;
    use crate::detect::statistics::expectation::Expectation;
    use crate::detect::{Detector, Settings};

    const MINUTE: i64 = 60;
    /// A minute that begins an hour.
    const BEGIN: i64 = 1_780_002_000;

    fn call(name: &'static str, who: &'static str, time: i64) -> Event<'static> {
        Event { principal: who.into(), ..event(111_122_223_333, name, time) }
    }

    /// Insights of one API with this many calls in these minutes, beside another API that moves the clock.
    fn insights(calls: &[(i64, i64)]) -> Vec<Insight> {
        let settings = Settings { warm_up: 0, budget: 1000.0, end_after: 3, ..crate::detect::fixture::settings() };
        let (mut detector, mut insights) = (Detector::new(settings), Vec::new());
        for minute in 0..60 {
            let time = BEGIN + minute * MINUTE;
            let number = calls.iter().find(|(of, _)| *of == minute).map_or(0, |(_, number)| *number);
            for n in 0..number {
                let who = if n % 5 == 0 {
                    "arn:aws:iam::111122223333:user/erin"
                } else {
                    "arn:aws:iam::111122223333:user/dana"
                };
                detector.observe(&call("Burst", who, time + 1), None, &mut |insight| insights.push(insight));
            }
            detector.observe(&call("Other", "arn:aws:iam::111122223333:user/finn", time), None, &mut |insight| {
                insights.push(insight);
            });
        }
        insights.retain(|insight| insight.name == "Burst");
        insights
    }

    #[test]
    fn an_end_reports_the_calls_and_minutes_of_its_insight() {
        // Minutes 33 and 35 are usual and lie between unusual ones.
        let found = insights(&[(0, 1), (30, 40), (31, 60), (32, 20), (34, 30), (36, 25)]);
        let [start, end] = &found[..] else { panic!("{found:?}") };
        assert_eq!((start.state, end.state), (State::Start, State::End));
        assert_eq!((end.insight_count, end.insight_minutes), (175, 7), "to the minute after the last unusual one");
        assert_eq!(end.event_minute, BEGIN / MINUTE + 37);
        assert_eq!(end.finding.observed.to_bits(), 25.0_f64.to_bits(), "calls a minute");
        assert!(end.finding.tipping_event.is_empty());
        let attributed: Vec<u64> = end.principals.insight.iter().map(|(_, calls)| *calls).collect();
        assert_eq!(attributed, [140, 35], "dana and erin");
        // Three usual minutes in a row, the last of them closed by the clock ten minutes of lateness later.
        assert_eq!(end.finding.detected_at, BEGIN + 50 * MINUTE);
    }

    #[test]
    fn an_insight_ends_only_after_usual_minutes_in_a_row() {
        let found = insights(&[(0, 1), (30, 40), (33, 40), (36, 40)]);
        let ends: Vec<(u64, u64)> = found
            .iter()
            .filter(|insight| insight.state == State::End)
            .map(|end| (end.insight_count, end.insight_minutes))
            .collect();
        assert_eq!(ends, [(120, 7)], "two usual minutes are not three");
    }

    /// If it breaks, an End blames callers whose calls came after it, or misses those in its pauses.
    #[test]
    fn an_end_attributes_no_calls_after_its_last_unusual_minute() {
        let mut surroundings = Surroundings::new(MIDNIGHT);
        surroundings.settings.end_after = 3;
        let mut series = surroundings.series("DescribeInstances", MIDNIGHT);
        // After one minute of nine calls the usual rate is 9 with a spread of 3: up to 15 calls are usual.
        series.statistic.close(MIDNIGHT, 9.0, false, &surroundings.horizons);
        surroundings.count_calls(&mut series, "mallory", MIDNIGHT + 1, 40);
        let evidence = Evidence {
            reason: Reason::Counts,
            x: 3.0,
            trend: 0.0,
            minute: MIDNIGHT + 1,
            expected: Expectation { mean: 9.0, sd: 3.0 },
            falls: false,
        };
        let strength = Strength { rate: 0.01, log_rho: -3.0, cooldown: 0.0 };
        let tipping = fixture::call("mallory", MIDNIGHT + 1);
        let trigger = Trigger { call: &tipping, who: 0, principal_new_to_account: false };
        series.start(&Decision { evidence, strength }, trigger, &surroundings.context());
        for (who, minute, calls) in [("dana", 2, 5), ("mallory", 3, 30), ("dana", 4, 4), ("dana", 5, 4), ("dana", 6, 4)]
        {
            surroundings.count_calls(&mut series, who, MIDNIGHT + minute, calls);
        }
        surroundings.closed = MIDNIGHT + 6;
        let end = series.close_open_minutes(0, &surroundings.context()).expect("three usual minutes");
        let attributed: Vec<(&str, u64)> = end.principals.insight.iter().map(|(who, n)| (&**who, *n)).collect();
        assert_eq!(attributed, [("mallory", 70), ("dana", 5)]);
        assert_eq!((end.insight_count, end.insight_minutes), (75, 3));
    }
}
