//! Any changelog, and damaged changelogs of any scenario: a restore succeeds or fails but never panics;
//! restored state can be shown and saved; an undamaged changelog restores the whole state.
#![no_main]

mod scenario;

use insightd_core::detect::{Detector, Restorer};
use insightd_core::detect::statistics::horizon::Direction;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scenario::{Step, run, settings};

type Changelog = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Damage to one record.
#[derive(Arbitrary, Debug)]
struct Damage {
    record: u16,
    of_key: bool,
    kind: Kind,
}

#[derive(Arbitrary, Debug)]
enum Kind {
    Cut(u16),
    More(u8),
    Byte(u16, u8),
    Tombstone,
    Again(u16),
}

#[derive(Arbitrary, Debug)]
struct Input {
    both: bool,
    scenario: Vec<Step>,
    damages: Vec<Damage>,
    /// Records of the fuzzer's own.
    more: Changelog,
}

fn damage(changelog: &mut Changelog, damage: &Damage) {
    if changelog.is_empty() {
        return;
    }
    let at = usize::from(damage.record) % changelog.len();
    let (key, value) = &mut changelog[at];
    match damage.kind {
        Kind::Tombstone => *value = None,
        Kind::Again(other) => {
            let copy = changelog[at].clone();
            let other = usize::from(other) % changelog.len();
            changelog.insert(other, copy);
        }
        Kind::Cut(_) | Kind::More(_) | Kind::Byte(..) => {
            let bytes = if damage.of_key { key } else { value.get_or_insert_default() };
            match damage.kind {
                Kind::Cut(to) => bytes.truncate(usize::from(to) % (bytes.len() + 1)),
                Kind::More(byte) => bytes.push(byte),
                Kind::Byte(at, byte) if !bytes.is_empty() => {
                    let at = usize::from(at) % bytes.len();
                    bytes[at] = byte;
                }
                _ => {}
            }
        }
    }
}

fn image(detector: &Detector) -> Changelog {
    let mut image = Changelog::new();
    detector.save_all(&mut |key, value| image.push((key.to_vec(), value.map(<[u8]>::to_vec))));
    image
}

fuzz_target!(|input: Input| {
    let settings = settings(if input.both { Direction::Both } else { Direction::Up });
    let mut living = Detector::new(settings.clone());
    living.start_undo();
    let mut changelog = Changelog::new();
    run(&mut living, input.scenario, &mut |_| {}, &mut |detector| {
        detector.save(&mut |key, value| changelog.push((key.to_vec(), value.map(<[u8]>::to_vec))));
        detector.commit();
    });
    let whole = input.damages.is_empty() && input.more.is_empty();
    input.damages.iter().for_each(|one| damage(&mut changelog, one));
    changelog.extend(input.more);
    let mut restorer = Restorer::new(settings.clone());
    let taken = changelog.iter().try_for_each(|(key, value)| restorer.take(key, value.as_deref()));
    match taken.and_then(|()| restorer.finish()) {
        Ok(again) => {
            again.each_series(&mut |_| {});
            again.each_open(&mut |_, _| {});
            again.each_region(&mut |_| {});
            again.each_account(&mut |_| {});
            let found = image(&again);
            assert!(!whole || found == image(&living), "another state than what was saved");
            // As a backfill it is merged or refused, and a merge can be rolled back.
            let mut other = Detector::new(settings);
            other.start_undo();
            let _ = other.merge(again, 0);
            other.each_series(&mut |_| {});
            other.roll_back();
            assert!(image(&other).is_empty(), "a backfill that was rolled back has left a trace");
        }
        Err(fault) => assert!(!whole, "refused what was saved: {fault}"),
    }
});
