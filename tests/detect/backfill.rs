//! A backfill without a broker: later insights are the same as if the daemon had read the history live.

use insightd::config::Config;
use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::Insight;
use insightd_core::detect::{Restorer, Settings};
use insightd_core::pipeline::{Cutoff, DeadLetterRecord, Output, Pipeline};
use insightd_test_support::clock::{DAY, HOUR};
use insightd_test_support::delivery::Conditions;
use insightd_test_support::load::Load;
use insightd_test_support::traffic::Plan;

/// The wall clock, seconds since 1970. Records dated further ahead are unusable.
const NOW: i64 = 1_790_000_000;

#[derive(Default)]
struct Lines(Vec<String>);

impl Output for Lines {
    fn insight(&mut self, insight: Insight) {
        let mut line = Vec::new();
        insight.write_json(&mut line, false);
        self.0.push(String::from_utf8(line).expect("UTF-8"));
    }

    fn dead_letter(&mut self, _: DeadLetterRecord<'_>) {}
}

/// After a load the detector raises the same insights as one that saw the history.
#[test]
fn detection_after_a_load_knows_the_history() {
    let config = Config::default_config();
    let seed = 77;
    let plan = Plan { length: 4 * DAY, attacks: 12, quiet: 36 * HOUR, poll_every: 240, ..Plan::usual(seed) };
    let load = Load::new(&plan, &Conditions::usual(seed));
    let (before, _) = load.messages.split_at(load.messages.len() / 2);
    let mut plain = Pipeline::for_backfill(&config, 1, Cutoff::new(hashbrown::HashMap::new(), i64::MAX));
    for message in before {
        plain.payload(&message.payload, None, NOW, &mut Lines::default());
    }
    plain.finish_backfill();
    let mut accounts: Vec<AccountId> = Vec::new();
    plain.detector().each_account(&mut |account| accounts.push(account.id));
    let mut loaded = Pipeline::new(&config).recorded();
    for account in accounts {
        let mut restorer = Restorer::new(Settings::from(&config));
        plain.detector().save_alone(account, &mut |key, value| restorer.take(key, value).expect("readable"));
        loaded.detector().merge(restorer.finish().expect("whole"), 0).expect("merged");
    }
    let (mut expected, mut found) = (Lines::default(), Lines::default());
    for message in &load.messages {
        plain.payload(&message.payload, None, NOW, &mut expected);
        loaded.payload(&message.payload, None, NOW, &mut found);
        assert_eq!(found.0.last(), expected.0.last());
    }
    assert_eq!(found.0, expected.0);
    assert!(expected.0.len() > 10);
}
