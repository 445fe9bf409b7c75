//! Labeled count series: how many of the windows are found at a budget of false alarms, how fast, and
//! whether a score means what it says.
//!
//! The definitions are those of the acceptance check for `insightd backtest`; the scores are those of
//! `backtest --direction both`.

use std::path::{Path, PathBuf};

use insightd_core::detect::counts::Counts;
use insightd_core::detect::statistics::horizon::{Direction, Horizons};

use crate::table::Table;
use insightd_test_support::quality::arithmetic::median;
use insightd_test_support::quality::arithmetic::moments::{Exponential, Moments, Window};
use insightd_test_support::quality::arithmetic::tails::{NegativeBinomial, normal_ln_sf, two_sided};
use insightd_test_support::quality::arithmetic::threshold::{Scores, at_budget};
use insightd_test_support::quality::labeled::{Series, load};

/// False-alarm hours per series and day.
const BUDGETS: [f64; 4] = [0.05, 0.1, 0.3, 1.0];
/// The budget whose delay is shown.
const DELAY_AT: f64 = 0.3;
/// The budget behind "as shipped", insights a week: the default of
/// `detect.false_insights_per_account_per_week`.
const BUDGET: f64 = 1.0;
/// Where the labeled data lies beside the repository.
const DATA: &str = "data/counts";

/// Scores of one detector, a list for each series.
struct Detector {
    name: &'static str,
    scores: Vec<Vec<f64>>,
    /// Whether an insight was open at each point; of insightd only.
    open: Option<Vec<Vec<bool>>>,
}

/// Where the labeled series are, if they are here: `shared` beside the repository, or wherever
/// `INSIGHTD_SHARED` says.
pub fn data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("INSIGHTD_SHARED").map_or_else(beside, PathBuf::from).join(DATA);
    folder.join("labels.json").exists().then_some(folder)
}

/// Measures and prints.
pub fn run(folder: &Path, command: &str) -> Result<(), String> {
    let series = load(folder)?;
    let detectors = [insightd(&series), week(&series), hour(&series), negative_binomial(&series)];
    let mut groups: Vec<&str> = series.iter().map(|one| one.group.as_str()).collect();
    groups.dedup();
    println!("## Count series\n\n`{command}`; no seeds: the data is given.");
    for group in groups.into_iter().map(Some).chain([None]) {
        let members: Vec<usize> =
            (0..series.len()).filter(|at| group.is_none_or(|group| series[*at].group == group)).collect();
        print_group(group.unwrap_or("all"), &members, &series, &detectors);
    }
    Ok(())
}

fn print_group(title: &str, members: &[usize], series: &[Series], detectors: &[Detector]) {
    let points: usize = members.iter().map(|at| series[*at].counts.len()).sum();
    let windows: usize = members.iter().map(|at| series[*at].scored_windows().count()).sum();
    let mut head = vec!["detector".to_owned()];
    head.extend(BUDGETS.map(|budget| format!("recall @{budget}")));
    head.extend(["median delay @0.3", "score >= 4 over nominal", ">= 3", "worst series >= 3"].map(str::to_owned));
    let title = format!(
        "{title}: {} series, {points} points, {windows} windows; @ = false-alarm hours per series-day, one threshold for all, chosen after the fact",
        members.len()
    );
    let mut table = Table::new(&title, head);
    for detector in detectors {
        table.row(row(detector, members, series));
    }
    table.print();
    if let Some(open) = &detectors[0].open {
        let chosen: Vec<(&Series, &[bool])> = members.iter().map(|at| (&series[*at], open[*at].as_slice())).collect();
        println!("\nAs shipped (an insight is open): {}.", as_shipped(&chosen));
    }
}

fn row(detector: &Detector, members: &[usize], series: &[Series]) -> Vec<String> {
    let chosen: Vec<(&Series, &[f64])> =
        members.iter().map(|at| (&series[*at], detector.scores[*at].as_slice())).collect();
    let scores: Vec<Scores> = chosen.iter().map(|(series, scores)| series.scores(scores)).collect();
    let mut cells = vec![detector.name.to_owned()];
    cells.extend(BUDGETS.map(|budget| format!("{:.2}", at_budget(&scores, budget).recall)));
    let threshold = at_budget(&scores, DELAY_AT).threshold;
    let delays = chosen.iter().flat_map(|(series, scores)| series.delays(|at| scores[at] > threshold)).flatten();
    cells.push(median(delays).map_or_else(|| "-".to_owned(), |seconds| format!("{:.0} min", seconds / 60.0)));
    let (four, three, worst) = calibration(&chosen);
    cells.extend([format!("{four:.1}x"), format!("{three:.1}x"), format!("{worst:.0}x")]);
    cells
}

/// Points well outside every label that score at least 4 and at least 3, over the 1e-4 and 1e-3 that this
/// should be; and the worst series at 3.
fn calibration(chosen: &[(&Series, &[f64])]) -> (f64, f64, f64) {
    let (mut points, mut four, mut three, mut worst) = (0_usize, 0, 0, 0.0_f64);
    for (series, scores) in chosen {
        let usual: Vec<f64> = series.well_outside().map(|at| scores[at]).collect();
        let reached = |level: f64| usual.iter().filter(|score| **score >= level).count();
        points += usual.len();
        four += reached(4.0);
        three += reached(3.0);
        worst = worst.max(reached(3.0) as f64 / usual.len().max(1) as f64 / 1e-3);
    }
    let points = points.max(1) as f64;
    (four as f64 / points / 1e-4, three as f64 / points / 1e-3, worst)
}

/// The daemon's own decision, no threshold chosen afterwards.
fn as_shipped(chosen: &[(&Series, &[bool])]) -> String {
    let delays: Vec<Option<f64>> = chosen.iter().flat_map(|(series, open)| series.delays(|at| open[at])).collect();
    let found = delays.iter().flatten().count();
    let false_units: usize = chosen.iter().map(|(series, open)| series.false_units(|at| open[at])).sum();
    let units: f64 = chosen.iter().map(|(series, _)| series.units()).sum();
    format!(
        "recall {:.2}, {:.3} false hours a series-day",
        found as f64 / delays.len().max(1) as f64,
        24.0 * false_units as f64 / units
    )
}

// === the detectors ===

fn insightd(series: &[Series]) -> Detector {
    let judged = series.iter().map(|one| {
        let mut counts = Counts::new(Horizons::per_bucket(one.bucket as u32, Direction::Both), BUDGET);
        one.counts.iter().map(|count| counts.judge(*count)).map(|it| (it.score, it.insight)).unzip()
    });
    let (scores, open): (Vec<Vec<f64>>, Vec<Vec<bool>>) = judged.unzip();
    assert!(scores.iter().flatten().all(|score| *score >= 0.0), "a score is a number from 0");
    Detector { name: "insightd", scores, open: Some(open) }
}

fn rival(name: &'static str, series: &[Series], score: impl Fn(&Series) -> Vec<f64>) -> Detector {
    Detector { name, scores: series.iter().map(score).collect(), open: None }
}

fn normal(moments: Moments, count: f64) -> f64 {
    two_sided(normal_ln_sf(moments.z(count).abs()))
}

fn week(series: &[Series]) -> Detector {
    rival("z, 7 days", series, |one| weekly(one, normal))
}

fn negative_binomial(series: &[Series]) -> Detector {
    rival("negative binomial tail, 7 days", series, |one| {
        weekly(one, |moments, count| {
            let tail = NegativeBinomial::by_moments(moments.mean, moments.variance);
            two_sided(tail.ln_at_least(count).min(tail.ln_at_most(count)))
        })
    })
}

/// Scores by the moments of the trailing week (52 weeks of weekly data).
fn weekly(one: &Series, score: impl Fn(Moments, f64) -> f64) -> Vec<f64> {
    let length = if one.bucket <= 3600 { 7 * 86_400 / one.bucket } else { 52 };
    let mut window = Window::new(length, 0);
    let judge = |(at, count): (i64, &f64)| {
        let moments = window.before(at);
        window.learn(at, *count);
        score(moments, *count)
    };
    (0..).zip(&one.counts).map(judge).collect()
}

fn hour(series: &[Series]) -> Detector {
    rival("z, 1 hour", series, |one| {
        let half_life = (3600.0 / one.bucket as f64).max(12.0);
        let mut level = Exponential::new(half_life, one.counts.first().copied().unwrap_or_default(), 0);
        let judge = |(at, count): (i64, &f64)| {
            let moments = level.before(at);
            level.learn(at, *count);
            normal(moments, *count)
        };
        (0..).zip(&one.counts).map(judge).collect()
    })
}
