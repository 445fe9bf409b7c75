//! The model of traffic: the same seed gives the same calls, labels tell the truth, attackers are what they
//! claim to be, and the whole looks like the traffic of real accounts. Seeds are in the messages.

use insightd_test_support::decoding;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::thread;

use insightd_core::cloudtrail::envelope::decode_slice;
use insightd_generate::account::Account;
use insightd_generate::call::{Call, Identity, Kind, event_id, event_version};
use insightd_generate::label::{Attack, Attacker, Label};
use insightd_generate::{Organization, Plan};

/// 2026-01-05T00:00:00Z, a Monday.
const START: i64 = 1_767_571_200;
const DAY: i64 = 86_400;

fn plan(seed: u64, accounts: usize, days: u32) -> Plan {
    Plan { seed, accounts, start: START, days, activity: 1.0, attacks: 0, quiet_days: 0 }
}

/// Ninety attacks, three of each kind and attacker, in small accounts after a quiet week.
fn attacked(seed: u64) -> Plan {
    Plan { activity: 0.15, attacks: 90, quiet_days: 7, ..plan(seed, 12, 14) }
}

fn calls(account: &Account) -> Vec<Call> {
    account.calls().collect()
}

/// The series of a call: region, service, API, and the error code of an error-rate series.
type Series = (&'static str, &'static str, &'static str, Option<&'static str>);

/// The series that a call enters: writes count by API, errors by API and code, data events not at all.
fn series(call: &Call) -> impl Iterator<Item = Series> {
    let (counted, key) = (call.kind != Kind::Data, (call.region, call.api.service, call.api.name));
    let write = (counted && !call.api.read).then_some((key.0, key.1, key.2, None));
    let error = call.error.filter(|_| counted && call.kind != Kind::SignIn);
    write.into_iter().chain(error.map(|code| (key.0, key.1, key.2, Some(code))))
}

// === one seed, one traffic ===

#[test]
fn the_same_seed_gives_the_same_calls_on_any_number_of_threads() {
    let organization = Organization::new(attacked(11));
    let alone: Vec<Vec<Call>> = organization.accounts().iter().map(calls).collect();
    let again = Organization::new(attacked(11));
    let beside: Vec<Vec<Call>> = thread::scope(|scope| {
        let threads: Vec<_> = again.accounts().iter().rev().map(|account| scope.spawn(|| calls(account))).collect();
        threads.into_iter().rev().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(alone == beside);
    assert_ne!(alone[0], calls(&Organization::new(attacked(12)).accounts()[0]));
}

#[test]
fn another_account_changes_no_other() {
    let few = Organization::new(plan(5, 3, 4));
    let many = Organization::new(Plan { accounts: 4, ..plan(5, 3, 4) });
    for (one, same) in few.accounts().iter().zip(many.accounts()) {
        assert_eq!((one.id(), one.actors()), (same.id(), same.actors()));
        assert!(calls(one) == calls(same), "account {}", one.id());
    }
    let ids: HashSet<&str> = many.accounts().iter().map(Account::id).collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn attacks_change_nothing_of_the_traffic_around_them() {
    let (with, without) = (Organization::new(attacked(3)), Organization::new(Plan { attacks: 0, ..attacked(3) }));
    for (with, without) in with.accounts().iter().zip(without.accounts()) {
        assert_eq!(with.actors()[..without.actors().len()], *without.actors());
        let all: HashSet<u64> = calls(with).iter().map(|call| call.serial).collect();
        assert!(calls(without).iter().all(|call| all.contains(&call.serial)));
    }
}

#[test]
fn calls_come_in_order_of_time_with_serials_of_their_own() {
    for account in Organization::new(attacked(4)).accounts() {
        let calls = calls(account);
        assert!(calls.is_sorted_by_key(|call| call.time));
        assert!(calls.iter().all(|call| (START..START + 14 * DAY).contains(&call.time)));
        assert!(calls.iter().all(|call| (call.actor as usize) < account.actors().len()));
        let serials: HashSet<u64> = calls.iter().map(|call| call.serial).collect();
        assert_eq!(serials.len(), calls.len());
    }
}

// === attacks ===

/// The calls that attacks add to each account: the attacks themselves, and the earlier calls that make an
/// attacker a regular user of an API.
fn added(plan: &Plan) -> Vec<(Account, Vec<Call>, Vec<Call>)> {
    let (with, without) = (Organization::new(plan.clone()), Organization::new(Plan { attacks: 0, ..plan.clone() }));
    let pairs = with.accounts().iter().zip(without.accounts());
    pairs
        .map(|(with, without)| {
            let usual = calls(without);
            let known: HashSet<u64> = usual.iter().map(|call| call.serial).collect();
            let more = calls(with).into_iter().filter(|call| !known.contains(&call.serial)).collect();
            (with.clone(), usual, more)
        })
        .collect()
}

fn within<'a>(calls: &'a [Call], label: &Label) -> impl Iterator<Item = &'a Call> {
    let (from, until) = (label.start, label.end);
    calls.iter().filter(move |call| (from..=until).contains(&call.time))
}

#[test]
fn labels_match_the_calls() {
    for (account, _, more) in added(&attacked(21)) {
        for label in account.labels() {
            let own: Vec<&Call> =
                within(&more, label).filter(|call| account.principal(call.actor) == label.principal).collect();
            assert_eq!(own.len() as u64, label.calls, "{label:?}");
            assert_eq!((own[0].time, own[own.len() - 1].time), (label.start, label.end), "{label:?}");
            assert!(own.iter().all(|call| call.region == label.region), "{label:?}");
            let mut counts: BTreeMap<(String, String, Option<String>), u64> = BTreeMap::new();
            for (_, service, name, error) in own.iter().copied().flat_map(series) {
                let key = (format!("{service}.amazonaws.com"), name.to_owned(), error.map(str::to_owned));
                *counts.entry(key).or_default() += 1;
            }
            let said: BTreeMap<_, u64> = label
                .series
                .iter()
                .map(|one| ((one.event_source.clone(), one.event_name.clone(), one.error_code.clone()), one.calls))
                .collect();
            assert_eq!(counts, said, "{label:?}");
            assert!(!said.is_empty(), "an attack in no series is undetectable: {label:?}");
        }
    }
}

#[test]
fn attackers_match_their_labels() {
    for (account, usual, more) in added(&attacked(22)) {
        let mut all: Vec<&Call> = usual.iter().chain(&more).collect();
        all.sort_by_key(|call| call.time);
        for label in account.labels() {
            let by = |call: &&&Call| account.principal(call.actor) == label.principal;
            let before: Vec<&&Call> = all.iter().filter(by).filter(|call| call.time < label.start).collect();
            let attack: HashSet<_> = within(&more, label)
                .filter(|call| account.principal(call.actor) == label.principal)
                .map(|call| (call.api.service, call.api.name))
                .collect();
            let used: HashSet<_> = before.iter().map(|call| (call.api.service, call.api.name)).collect();
            let days: BTreeSet<i64> = before.iter().map(|call| call.time / DAY).collect();
            match label.attacker {
                Attacker::Stranger => assert!(before.is_empty(), "seen before: {label:?}"),
                Attacker::Known => {
                    assert!(days.len() >= 2 && before.len() >= 5, "hardly known, {} calls: {label:?}", before.len());
                    assert!(used.is_disjoint(&attack), "has called them: {label:?}");
                }
                Attacker::User => {
                    assert!(attack.is_subset(&used), "has not called them: {label:?}");
                    let recent = before.iter().filter(|call| call.time > label.start - 7 * DAY);
                    let recent: HashSet<_> = recent.map(|call| (call.api.service, call.api.name)).collect();
                    assert!(attack.is_subset(&recent), "not of late: {label:?}");
                }
            }
        }
    }
}

/// Every attacker performs every kind of attack, after the quiet days, and apart from other attacks.
#[test]
fn every_attacker_does_every_kind_after_the_quiet_days() {
    for seed in [31, 32, 33] {
        let organization = Organization::new(attacked(seed));
        let mut seen: HashMap<(Attack, Attacker), usize> = HashMap::new();
        for account in organization.accounts() {
            for label in account.labels() {
                *seen.entry((label.attack, label.attacker)).or_default() += 1;
                assert!(label.start >= START + 7 * DAY && label.end < START + 14 * DAY, "seed {seed}: {label:?}");
            }
            for pair in account.labels().windows(2) {
                assert!(pair[1].start - pair[0].end >= 6 * 3600, "seed {seed}: {pair:?}");
            }
        }
        assert_eq!(seen.len(), 30, "seed {seed}: {seen:?}");
        assert!(seen.values().sum::<usize>() >= 85, "seed {seed}: attacks were left out: {seen:?}");
    }
}

#[test]
fn attacks_that_hide_hide_beside_what_they_claim() {
    let (mut rises, mut crons) = (Vec::new(), 0);
    for (account, usual, _) in [41, 42].into_iter().flat_map(|seed| added(&attacked(seed))) {
        for label in account.labels() {
            let first = &label.series[0];
            let same = |call: &&Call| {
                call.region == label.region
                    && call.api.source() == first.event_source
                    && call.api.name == first.event_name
            };
            if label.attack == Attack::SustainedRise {
                let usual = within(&usual, label).filter(same).count();
                rises.push(label.calls as f64 / usual.max(1) as f64);
            }
            if label.attack == Attack::BesideCron {
                let inside = within(&usual, label).filter(same).count();
                let near = |call: &&Call| (label.start - 1800..label.end + 1800).contains(&call.time);
                let beside = usual.iter().filter(near).filter(same).count() - inside;
                crons += usize::from(beside >= 5 && beside > inside);
            }
            if label.attack == Attack::UnusedRegionMining {
                assert!(!account.regions().contains(&label.region.as_str()), "{label:?}");
            }
        }
    }
    rises.sort_by(f64::total_cmp);
    let median = rises[rises.len() / 2];
    assert!((1.2..3.5).contains(&median), "calls of a rise for each usual one: {rises:?}");
    assert!(crons >= 14, "{crons} of 18 bursts lie beside a burst of the same API");
}

// === likeness ===

#[test]
fn five_of_six_calls_read_and_some_fail() {
    let (mut reads, mut errors, mut all) = (0, 0, 0);
    for seed in [1, 2] {
        for account in Organization::new(plan(seed, 12, 3)).accounts() {
            for call in account.calls().filter(|call| call.kind != Kind::Data) {
                all += 1;
                reads += usize::from(call.api.read);
                errors += usize::from(call.error.is_some());
            }
        }
    }
    let (reads, errors) = (f64::from(reads as u32) / f64::from(all), errors as f64 / f64::from(all));
    assert!((0.78..0.92).contains(&reads), "{reads} of the calls read");
    assert!((0.005..0.08).contains(&errors), "{errors} of the calls fail");
}

/// Of real traffic: the median series has 2 events in 4.4 days.
#[test]
fn most_series_are_nearly_empty_and_a_few_are_busy() {
    for seed in [6, 7] {
        let mut counts: Vec<usize> = Vec::new();
        let (mut services, mut apis) = (HashSet::new(), HashSet::new());
        for account in Organization::new(plan(seed, 20, 5)).accounts() {
            let mut own: HashMap<Series, usize> = HashMap::new();
            for call in account.calls() {
                services.insert(call.api.service);
                apis.insert((call.api.service, call.api.name));
                if call.time < START + 44 * DAY / 10 {
                    series(&call).for_each(|key| *own.entry(key).or_default() += 1);
                }
            }
            counts.extend(own.into_values());
        }
        counts.sort_unstable();
        let at = |part: f64| counts[(part * (counts.len() - 1) as f64) as usize];
        assert!((1..=4).contains(&at(0.5)), "seed {seed}: median {}", at(0.5));
        assert!(at(0.99) >= 200, "seed {seed}: 99th percentile {}", at(0.99));
        assert!(services.len() >= 40 && apis.len() >= 400, "seed {seed}: {} {}", services.len(), apis.len());
    }
}

#[test]
fn people_rest_and_accounts_differ() {
    let organization = Organization::new(plan(8, 16, 7));
    let (mut week, mut weekend, mut sizes) = (0, 0, Vec::new());
    for account in organization.accounts() {
        let mut size = 0;
        for call in account.calls() {
            size += 1;
            let person = matches!(&account.actors()[call.actor as usize].identity,
                Identity::Role { role, .. } if role.starts_with("AWSReservedSSO_"));
            // Saturday and Sunday of UTC, without the hours that are Friday or Monday elsewhere.
            let hour = (call.time - START) / 3600;
            week += usize::from(person && hour < 4 * 24);
            weekend += usize::from(person && (5 * 24 + 12..6 * 24 + 12).contains(&hour));
        }
        sizes.push(size);
        assert!((1..=4).contains(&account.regions().len()));
    }
    assert!(weekend * 4 * 3 < week, "{weekend} on a weekend's day, {week} in four days of the week");
    sizes.sort_unstable();
    assert!(sizes[15] > 10 * sizes[0], "{sizes:?}");
}

// === who calls ===

/// Federated people and programs only request sessions; the sessions then work with the role.
#[test]
fn federated_sessions_begin_at_an_identity_provider() {
    let (mut all, mut vouched) = (0, 0);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for account in Organization::new(Plan { activity: 0.3, ..plan(51, 40, 3) }).accounts() {
        let mut pending: HashMap<(String, String), i64> = HashMap::new();
        for call in account.calls() {
            all += 1;
            let identity = &account.actors()[call.actor as usize].identity;
            let (kind, api) = match identity {
                Identity::Saml { .. } => ("SAMLUser", "AssumeRoleWithSAML"),
                Identity::Web { issuer, .. } if issuer.starts_with("oidc.eks.") => {
                    ("pods", "AssumeRoleWithWebIdentity")
                }
                Identity::Web { .. } => ("WebIdentityUser", "AssumeRoleWithWebIdentity"),
                Identity::Directory { .. } => ("IdentityCenterUser", call.api.name),
                Identity::Role { role, session } => {
                    pending.remove(&(role.clone(), session.clone()));
                    continue;
                }
                _ => {
                    assert!(!call.api.name.starts_with("AssumeRoleWith"), "{call:?} by {identity:?}");
                    continue;
                }
            };
            *kinds.entry(kind).or_default() += 1;
            assert_eq!(call.api.name, api);
            assert_eq!(call.kind, if kind == "IdentityCenterUser" { Kind::ServiceEvent } else { Kind::Call });
            match identity {
                Identity::Saml { role, name: session, .. } => {
                    vouched += 1;
                    assert!(role.starts_with("AWSReservedSSO_"), "{role}");
                    pending.insert((role.clone(), session.clone()), call.time);
                }
                Identity::Web { role, session, .. } if kind == "WebIdentityUser" => {
                    vouched += 1;
                    pending.insert((role.clone(), session.clone()), call.time);
                }
                _ => {}
            }
        }
        // Work begins within the second. Unused sessions are only those at the end, or of a person's other
        // tool.
        let left = pending.values().filter(|time| **time < START + 3 * DAY - 3600).count();
        assert!(left <= 2, "{left} sessions were begun and not used: {pending:?}");
    }
    println!("{all} calls, of them {kinds:?}");
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    assert!(kinds.values().all(|count| *count >= 50), "{kinds:?}");
    assert!(vouched * 100 < all, "{vouched} of {all} calls begin a session");
}

// === the direct path ===

#[test]
fn a_call_gives_the_event_that_decoding_its_record_gives() {
    let organization = Organization::new(Plan { activity: 0.3, ..plan(9, 20, 2) });
    let (mut kinds, mut types) = (HashSet::new(), HashSet::new());
    for account in organization.accounts() {
        let mut sink = decoding::Memory::default();
        // Every seventh call, and all calls of rare kinds.
        let rare = |call: &Call| {
            matches!(
                account.actors()[call.actor as usize].identity,
                Identity::Saml { .. } | Identity::Web { .. } | Identity::Directory { .. }
            )
        };
        let sample: Vec<Call> = (account.calls().enumerate())
            .filter(|(nth, call)| nth % 7 == 0 || rare(call))
            .map(|(_, call)| call)
            .take(3000)
            .collect();
        for call in &sample {
            decode_slice(record(account, call).to_string().as_bytes(), &decoding::limits(), &mut sink);
            kinds.insert(format!("{:?}", call.kind));
            types.insert(std::mem::discriminant(&account.actors()[call.actor as usize].identity));
        }
        assert_eq!(sink.events.len(), sample.len());
        for (call, decoded) in sample.iter().zip(&sink.events) {
            assert_eq!(format!("{:?}", call.event(account)), *decoded, "{call:?}");
        }
    }
    assert!(kinds.len() >= 2, "{kinds:?}");
    assert!(types.len() >= 7, "{} of 8 types of identities", types.len());
}

/// A record with the fields of a call that the decoder reads.
fn record(account: &Account, call: &Call) -> serde_json::Value {
    let (actor, id) = (&account.actors()[call.actor as usize], account.id());
    let identity = match &actor.identity {
        Identity::User(name) => {
            serde_json::json!({"type": "IAMUser", "arn": format!("arn:aws:iam::{id}:user/{name}"), "accountId": id})
        }
        Identity::Role { role, session } => {
            serde_json::json!({"type": "AssumedRole", "arn": format!("arn:aws:sts::{id}:assumed-role/{role}/{session}"), "accountId": id})
        }
        Identity::Root => {
            serde_json::json!({"type": "Root", "arn": format!("arn:aws:iam::{id}:root"), "accountId": id})
        }
        Identity::Service(name) if call.kind == Kind::ServiceEvent => {
            serde_json::json!({"accountId": id, "invokedBy": name})
        }
        Identity::Service(name) => serde_json::json!({"type": "AWSService", "invokedBy": name}),
        Identity::Foreign(principal) => serde_json::json!({
            "type": "AWSAccount",
            "principalId": principal,
            "accountId": insightd_generate::call::foreign_account(principal),
        }),
        Identity::Saml { provider, name, .. } => serde_json::json!({
            "type": "SAMLUser", "principalId": format!("{provider}:{name}"), "userName": name, "identityProvider": provider,
        }),
        Identity::Web { issuer, name, .. } => {
            let provider = format!("arn:aws:iam::{id}:oidc-provider/{issuer}");
            let principal = format!("{provider}:sts.amazonaws.com:{name}");
            serde_json::json!({"type": "WebIdentityUser", "principalId": principal, "userName": name, "identityProvider": provider})
        }
        Identity::Directory { store, user } => serde_json::json!({
            "type": "IdentityCenterUser", "accountId": id, "credentialId": "c",
            "onBehalfOf": {"userId": user, "identityStoreArn": format!("arn:aws:identitystore::{id}:identitystore/{store}")},
        }),
    };
    let time = jiff::Timestamp::from_second(call.time).expect("in range");
    let mut record = serde_json::json!({
        "eventVersion": "1.08", "userIdentity": identity, "eventTime": time.to_string(), "eventSource": call.api.source(),
        "eventName": call.api.name, "awsRegion": call.region, "eventID": event_id(id, call.serial), "recipientAccountId": id,
    });
    let invoker = actor.invoked_by(call.kind);
    if !invoker.is_empty() {
        record["userIdentity"]["invokedBy"] = invoker.into();
    }
    if !actor.agent.is_empty() {
        record["userAgent"] = actor.agent.as_ref().into();
    }
    if let Some(code) = call.error.filter(|_| call.kind != Kind::SignIn) {
        record["errorCode"] = code.into();
    }
    let old = event_version(id, call.api.service, call.kind) < 6;
    if !(old && call.api.is_plain()) {
        record["readOnly"] = call.api.read.into();
    }
    if !old {
        record["managementEvent"] = (call.kind != Kind::Data).into();
    }
    record
}
