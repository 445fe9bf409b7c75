//! The verdict: compares the committed output with the fold (EO-B) and with `replay` (EO-C).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use super::defect::{Defect, damage};
use super::fold::event_id;
use super::{Facts, Line, checkpoints, read};

/// Most differences to print for each comparison.
const SHOWN: usize = 5;

/// See `judge compare`.
pub fn run(from: &Path, defect: Option<Defect>, seed: u64) -> ExitCode {
    let [mut found, folded] = ["found", "folded"].map(|name| read::<Line>(from, name));
    let [found_dead_letters, folded_dead_letters] =
        ["found-dead-letters", "folded-dead-letters"].map(|name| read::<Line>(from, name));
    let facts = read::<Facts>(from, "facts").remove(0);
    if let Some(defect) = defect {
        println!("defect {defect:?}, seed {seed}: {}", damage(&mut found, defect, seed));
    }
    let (chain, committed, aborted) = checkpoints::check(&read(from, "checkpoints"), &facts.ends);
    println!(
        "judged: {} records ({} MB), {} insights, {} dead-letter records",
        facts.records,
        facts.bytes / 1_000_000,
        found.len(),
        found_dead_letters.len()
    );
    let verdicts = [
        say(
            &format!(
                "checkpoints: {committed} commits of a partition are one chain each, {aborted} more were written but never committed"
            ),
            &chain,
        ),
        say("EO-B: committed insights = the fold over the input", &differences(&found, &folded)),
        say(
            "EO-B: committed dead-letter records = the fold over the input",
            &differences(&found_dead_letters, &folded_dead_letters),
        ),
        say("EO-C: committed insights = replay", &differences(&found, &replayed(from, &folded))),
    ];
    if verdicts.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn say(what: &str, wrong: &[String]) -> bool {
    println!("{} {what}", if wrong.is_empty() { "holds " } else { "BROKEN" });
    wrong.iter().take(SHOWN).for_each(|difference| println!("    {difference}"));
    if wrong.len() > SHOWN {
        println!("    and {} more", wrong.len() - SHOWN);
    }
    wrong.is_empty()
}

/// The output of `replay`, without the Ends that it adds at the end of the input: the last lines, for
/// insights that were still open.
fn replayed(from: &Path, folded: &[Line]) -> Vec<Line> {
    let text = std::fs::read_to_string(from.join("replayed")).expect("the output of replay");
    let known: BTreeSet<&str> = folded.iter().map(|line| line.id.as_str()).collect();
    let mut lines: Vec<Line> = (1..)
        .zip(text.lines())
        .map(|(number, text)| {
            let json: serde_json::Value = serde_json::from_str(text).expect("replay writes JSON");
            let account = json["recipientAccountId"].as_str().expect("an account").to_owned();
            Line {
                of: account,
                id: event_id(text).to_owned(),
                text: text.to_owned(),
                at: format!("line {number} of replay"),
            }
        })
        .collect();
    while lines.pop_if(|line| line.text.contains(r#""state":"End""#) && !known.contains(line.id.as_str())).is_some() {}
    lines
}

/// Lines that are lost, repeated, unexpected, different, or in another order.
fn differences(found: &[Line], right: &[Line]) -> Vec<String> {
    let by_id = |lines: &'_ [Line]| {
        let mut map: BTreeMap<(String, String), Vec<Line>> = BTreeMap::new();
        lines.iter().for_each(|line| map.entry((line.of.clone(), line.id.clone())).or_default().push(line.clone()));
        map
    };
    let (have, want) = (by_id(found), by_id(right));
    let mut wrong = Vec::new();
    for ((of, id), lines) in &want {
        if lines.len() > 1 {
            wrong.push(format!("{id} of {of} is expected {} times: not unique", lines.len()));
        }
        match have.get(&(of.clone(), id.clone())).map(Vec::as_slice) {
            None => wrong.push(format!("lost: {id} of {of}, due at {}", lines[0].at)),
            Some([one]) if one.text == lines[0].text => {}
            Some([one]) => wrong.push(different(one, &lines[0])),
            Some(several) => {
                let places: Vec<&str> = several.iter().map(|line| line.at.as_str()).collect();
                wrong.push(format!("repeated: {id} of {of}, at {}", places.join(" and at ")));
            }
        }
    }
    for ((of, id), lines) in have.iter().filter(|(key, _)| !want.contains_key(*key)) {
        wrong.push(format!("unexpected: {id} of {of}, at {}", lines[0].at));
    }
    if wrong.is_empty() {
        let order = |lines: &[Line]| {
            let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
            lines.iter().for_each(|line| map.entry(line.of.clone()).or_default().push(line.id.clone()));
            map
        };
        let (have, want) = (order(found), order(right));
        wrong.extend(
            want.iter()
                .filter(|(of, ids)| have[*of] != **ids)
                .map(|(of, _)| format!("in another order: the lines of {of}")),
        );
    }
    wrong
}

fn different(found: &Line, right: &Line) -> String {
    let at = found.text.bytes().zip(right.text.bytes()).take_while(|(found, right)| found == right).count();
    let part = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(30)..(at + 30).min(text.len())]).into_owned()
    };
    format!(
        "different: {} of {} at {}, from byte {at} on: ..{}.. instead of ..{}..",
        right.id,
        right.of,
        found.at,
        part(&found.text),
        part(&right.text)
    )
}
