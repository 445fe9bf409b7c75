//! The backfill of one account: its history in the files, encoded for the daemon.

use hashbrown::HashMap;
use insightd_core::cloudtrail::event::AccountId;
use insightd_core::pipeline::Pipeline;
use insightd_core::state::BackfillParts;

/// The history of one account before its live history. Minutes are since 1970.
pub(crate) struct AccountBackfill {
    pub(crate) account: AccountId,
    /// Its first minute.
    pub(crate) begin: i64,
    /// Its newest minute.
    pub(crate) end: i64,
    /// The first minute that the daemon has counted itself; none if it has not seen the account.
    pub(crate) live_from: Option<i64>,
    /// Number of series.
    pub(crate) series: usize,
    /// The messages for the backfill topic.
    pub(crate) parts: Vec<Vec<u8>>,
}

/// The extent of an account's history over its regions.
#[derive(Default)]
struct Extent {
    /// Newest minute, if any region has one.
    end: Option<i64>,
    series: usize,
}

/// The backfills of all accounts of a finished pipeline.
pub(crate) fn of_pipeline(pipeline: &mut Pipeline, live_from: &HashMap<AccountId, i64>) -> Vec<AccountBackfill> {
    let detector = pipeline.detector();
    let mut extents: HashMap<AccountId, Extent> = HashMap::new();
    detector.each_region(&mut |region| {
        let extent = extents.entry(region.account).or_default();
        extent.end = extent.end.max(region.clock.map(|time| time.div_euclid(60)));
        extent.series += region.series;
    });
    let mut begins = Vec::new();
    detector.each_account(&mut |account| begins.extend(account.begin.map(|begin| (account.id, begin))));
    let mut backfills = Vec::new();
    for (account, begin) in begins {
        let Some(&Extent { end: Some(end), series }) = extents.get(&account) else { continue };
        let mut messages = Vec::new();
        let mut send = |part: &[u8]| messages.push(part.to_vec());
        let mut parts = BackfillParts::new(account.number(), begin, &mut send);
        detector.save_alone(account, &mut |key, value| parts.add(key, value.unwrap_or_default()));
        parts.finish();
        let live_from = live_from.get(&account).copied();
        backfills.push(AccountBackfill { account, begin, end, live_from, series, parts: messages });
    }
    backfills
}
