//! When an insight ends, and the End that it raises.

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
            let step = episode.close(self.recent.count(minute), context.settings.end_after);
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
