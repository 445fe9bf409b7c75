//! An insight as it leaves the detector: the numbers and attributions of one series and one episode.

use super::episode::Episode;
use crate::cloudtrail::event::AccountId;
use crate::cloudtrail::insight::{Attribution, Insight, InsightType, State};
use crate::detect::model::series::{Series, WINDOW};

/// Insight sides of the attributions: principals, user agents, errors, each with its top values and their
/// calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributions(pub(crate) [Vec<(String, u64)>; 3]);

/// The window that an insight reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InsightWindow {
    /// Minute of its `eventTime`.
    pub(crate) event_minute: i64,
    /// Calls in the window.
    pub(crate) count: u64,
    /// Minutes of the window.
    pub(crate) minutes: u64,
}

impl InsightWindow {
    /// Of a Start: the detection minute and the four before it.
    pub(crate) fn of_start(episode: &Episode) -> Self {
        Self { event_minute: episode.start, count: episode.start_count, minutes: WINDOW as u64 }
    }

    /// Of an End: from the Start to the first usual minute.
    pub(crate) fn of_end(episode: &Episode) -> Self {
        let minutes = (episode.end() - episode.start) as u64;
        Self { event_minute: episode.end(), count: episode.count(), minutes }
    }
}

/// The insight about `series` in this account and region.
pub(crate) fn insight(
    series: &Series,
    state: State,
    episode: &Episode,
    window: InsightWindow,
    Attributions([principals, agents, errors]): Attributions,
    (account, region): (AccountId, &str),
) -> Insight {
    let [p, a, e] = &episode.baselines;
    let side = |insight, baseline: &Vec<(String, u64)>| Attribution { insight, baseline: baseline.clone() };
    let key = series.key();
    let is_error = key.error.is_some();
    Insight {
        account,
        region: region.to_owned(),
        source: key.source.to_owned(),
        name: key.name.to_owned(),
        error: key.error.map(str::to_owned),
        category: key.category,
        kind: if is_error { InsightType::ApiErrorRate } else { InsightType::ApiCallRate },
        state,
        start: episode.start,
        event_minute: window.event_minute,
        baseline_count: episode.baseline_count,
        baseline_minutes: episode.baseline_minutes,
        insight_count: window.count,
        insight_minutes: window.minutes,
        principals: side(principals, p),
        agents: side(agents, a),
        errors: (!is_error).then(|| side(errors, e)),
        finding: episode.finding.clone(),
    }
}

impl Series {
    /// The Start of the open insight, without its attributions; none if no insight is open.
    pub(crate) fn opened(&self, account: AccountId, region: &str) -> Option<Insight> {
        let episode = self.episode.as_deref()?;
        let window = InsightWindow::of_start(episode);
        Some(insight(self, State::Start, episode, window, Attributions::default(), (account, region)))
    }
}
