//! Settings and a record for the unit tests of `detect`. The settings are those of `config/default.toml`; of
//! its tables of APIs they hold only what these tests call.

use std::sync::Arc;

use crate::cloudtrail::event::{AccountId, Category, Event};
use crate::detect::Settings;
use crate::detect::decide::security::{Security, Technique};
use crate::detect::statistics::horizon::Direction;

/// The defaults of the configuration.
pub(crate) fn settings() -> Settings {
    let mut security = Security::default();
    security.add(Technique { id: "T1580".into(), weight: 2.0 }, [], ["AccessDenied"]);
    security.add(Technique { id: "T1496".into(), weight: 3.0 }, [("ec2.amazonaws.com", "RunInstances")], []);
    Settings {
        direction: Direction::Up,
        priors: Arc::default(),
        security: Arc::new(security),
        principals_max: 1_000_000,
        lateness: 10,
        clock_jump_s: 3600,
        quarantined_max: 16,
        dedup_horizon_s: 3 * 3600,
        dedup_events_max: 8_000_000,
        idle_after_s: 120,
        warm_up: 36 * 60,
        budget: 1.0,
        end_after: 5,
        accounts_max: 50_000,
        clocks_max: 200_000,
        series_max: 200_000,
        series_ttl: 35 * crate::detect::DAY,
        values_max: 32,
        value_bytes_max: 1024,
        attribution_bytes_max: 192 << 20,
        data_events: false,
        rules: Arc::default(),
        moves_back: false,
    }
}

/// A management write by one principal at `time` (seconds), in the account of this number. It has no
/// eventID: nothing is a repeat of it. A test changes only the fields that matter to it.
pub(crate) fn event(account: u64, name: &str, time: i64) -> Event<'static> {
    Event {
        account: AccountId::of_number(account).expect("at most twelve digits"),
        region: "us-east-1".into(),
        source: "ec2.amazonaws.com".into(),
        name: name.to_owned().into(),
        error: None,
        time,
        id: None,
        principal: "arn:aws:iam::111122223333:user/dana".into(),
        invoked_by: "".into(),
        agent: "aws-cli".into(),
        category: Category::Management,
        write: true,
        read_only: Some(false),
        inferred: false,
        correction: false,
    }
}
