//! The calls of an account as the detector gets them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use insightd_core::cloudtrail::event::Event;
use insightd_generate::account::Account;
use insightd_generate::call::{Call, Kind};
use insightd_generate::delivery::Delivery;
use insightd_generate::label::Label;

const HOUR: i64 = 3600;

/// Whether a call enters a series. The other calls only show which principals and regions are known, and
/// the age of the account.
pub fn is_counted(call: &Call) -> bool {
    call.kind != Kind::Data && (!call.api.read || error(call).is_some())
}

/// The error code that its record has: a failed sign-in has a message only.
pub fn error(call: &Call) -> Option<&'static str> {
    call.error.filter(|_| call.kind != Kind::SignIn)
}

/// All calls, as they are delivered (late, out of order, some twice) or in order of time.
pub fn all(account: &Account, in_order: bool) -> Box<dyn Iterator<Item = Call> + '_> {
    if in_order {
        return Box::new(account.calls());
    }
    Box::new(Delivery::new(account.id(), account.calls()).flat_map(|file| file.calls))
}

/// The calls that can matter: those that are counted, and one of the others per hour, caller and region,
/// which keeps the caller known. Leaves out five of six calls.
pub fn that_matter(account: &Account, in_order: bool) -> Vec<Call> {
    let mut seen: HashSet<(u32, &'static str, i64)> = HashSet::new();
    let mut matters = |call: &Call| {
        let first = seen.insert((call.actor, call.region, call.time.div_euclid(HOUR)));
        is_counted(call) || first
    };
    all(account, in_order).filter(|call| matters(call)).collect()
}

/// A made-up name, the same for the same text, in no table.
fn made_up(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("Made{:016x}", hasher.finish())
}

/// The event source and name that an API has under made-up names.
pub fn made_up_api(source: &str, name: &str) -> (String, String) {
    (format!("{}.amazonaws.com", made_up(source).to_lowercase()), made_up(name))
}

/// The event under a made-up API name.
pub fn renamed(event: &mut Event<'_>) {
    let (source, name) = made_up_api(&event.source, &event.name);
    (event.source, event.name) = (Cow::Owned(source), Cow::Owned(name));
}

/// The label under the same made-up names.
pub fn renamed_label(label: &Label) -> Label {
    let mut label = label.clone();
    for series in &mut label.series {
        (series.event_source, series.event_name) = made_up_api(&series.event_source, &series.event_name);
    }
    label
}
