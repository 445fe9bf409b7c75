//! The shipped sample equals the output of the tests' traffic generator.
//! `INSIGHTD_WRITE_SAMPLE=1 cargo test --test repo shipped_sample` rewrites it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use insightd_test_support::clock::{DAY, iso};
use insightd_test_support::delivery::{Conditions, Delivery, What, deliver};
use insightd_test_support::insightd::{assert_adds_up, replay};
use insightd_test_support::payload::{log_file_path, records};
use insightd_test_support::record;
use insightd_test_support::traffic::{ACCOUNTS, Call, Plan};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Log files as a trail writes them to its bucket, but one a day instead of one every five minutes.
fn files() -> BTreeMap<String, String> {
    let calls = Plan::sample().calls();
    let conditions = Conditions { late: 0.0, too_late: 0.0, broken: 0.0, ..Conditions::usual(2025) };
    let mut days: BTreeMap<(&str, &str, i64), Vec<String>> = BTreeMap::new();
    for Delivery { slot, call, what } in deliver(&calls, &conditions) {
        assert!(matches!(what, What::Good(_)));
        let Call { account, region, .. } = calls[call];
        let day = slot * 300 - (slot * 300).rem_euclid(DAY);
        days.entry((account, region, day)).or_default().push(record::json(&calls[call]));
    }
    days.into_iter()
        .map(|((account, region, day), texts)| {
            let unique = format!("sample{}", &iso(day)[8..10]);
            (log_file_path(account, region, day + DAY - 60, &unique), records(&texts))
        })
        .collect()
}

#[test]
fn sample_is_what_the_generator_makes() {
    let files = files();
    if std::env::var_os("INSIGHTD_WRITE_SAMPLE").is_some() {
        write(&files);
    }
    let mut shipped = BTreeMap::new();
    read(&folder().join("AWSLogs"), &mut shipped);
    assert!(
        files == shipped,
        "samples/ differs from the generator: INSIGHTD_WRITE_SAMPLE=1 cargo test --test repo shipped_sample"
    );
    let packed: u64 = files.keys().map(|name| fs::metadata(folder().join(name)).expect("a file").len()).sum();
    assert!(packed <= 300_000, "samples/ has grown to {packed} bytes");
}

fn write(files: &BTreeMap<String, String>) {
    let _ = fs::remove_dir_all(folder().join("AWSLogs"));
    for (name, text) in files {
        let path = folder().join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        let mut encoder = GzEncoder::new(fs::File::create(path).expect("the file can be made"), Compression::best());
        encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish().map(drop)).expect("the file can be written");
    }
}

fn read(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, found);
            continue;
        }
        let mut text = String::new();
        GzDecoder::new(fs::File::open(&path).expect("a file")).read_to_string(&mut text).expect("gzip of text");
        let name = path.strip_prefix(self::folder()).expect("below samples/").to_string_lossy().into_owned();
        found.insert(name, text);
    }
}

/// `replay samples` raises insights for some APIs of each of the four attacks, for no API twice, and for
/// nothing else. Several APIs in a row are one incident, which raises fewer insights than it has APIs.
#[test]
fn replay_of_the_sample_finds_its_attacks_and_nothing_else() {
    let replayed = replay(&folder(), None, &[]);
    assert_adds_up(&replayed.stats);
    let mut found: Vec<(String, String)> = Vec::new();
    for insight in replayed.insights.iter().filter(|insight| insight.state == "Start") {
        let value: serde_json::Value = serde_json::from_str(&insight.text).expect("JSON");
        found
            .push((insight.account.clone(), value["insightDetails"]["eventName"].as_str().expect("a name").to_owned()));
    }
    let foothold = ["AttachUserPolicy", "CreateAccessKey", "CreateLoginProfile", "CreateUser"];
    let probe = ["DescribeOrganization", "GetAccountAuthorizationDetails", "GetSecretValue", "ListSecrets"];
    let attacks = [(0, &foothold[..]), (0, &probe[..]), (1, &probe[..]), (1, &["RunInstances"][..])];
    let of = |&(account, names): &(usize, &[&str]), insight: &(String, String)| {
        insight.0 == ACCOUNTS[account] && names.contains(&insight.1.as_str())
    };
    for attack in &attacks {
        assert!(found.iter().any(|insight| of(attack, insight)), "{attack:?} is not in {found:?}");
    }
    for insight in &found {
        assert!(attacks.iter().any(|attack| of(attack, insight)), "{insight:?} is no attack");
        assert_eq!(found.iter().filter(|other| *other == insight).count(), 1, "{insight:?} twice");
    }
    assert_eq!(replayed.count("insights_open"), 0, "every insight has ended");
}
