//! Backfills on their way into a task: parts are gathered until an account's backfill is whole, and then
//! merged at once (LOAD-1).
//!
//! Pure, like the task that it belongs to. What is gathered is not state: the state says up to where the
//! topic is merged, and an incomplete backfill is read again from its first part.

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::detect::{BackfillRefusal, BackfillResult, Detector, Restorer, Settings};
use insightd_core::invariants::is_whole;
use insightd_core::state::{BackfillPart, RestoreError};

/// Assembles the backfills of one partition, one after the other.
pub(crate) struct BackfillAssembler {
    settings: Settings,
    gathered: Option<Gathered>,
    next: i64,
}

/// A backfill of which parts are still missing.
struct Gathered {
    account: u64,
    parts: u32,
    backfill: Box<Restorer>,
    /// It will be refused; its remaining parts are skipped.
    refused: Option<BackfillRefusal>,
}

impl BackfillAssembler {
    /// An assembler that has read nothing.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, gathered: None, next: 0 }
    }

    /// Offset from which a restart has to read the backfill topic: that of the first part of what is
    /// gathered.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Drops what is gathered and continues where a state stands.
    pub(crate) fn go_to(&mut self, next: i64) {
        (self.gathered, self.next) = (None, next);
    }

    /// Adds a message whose next offset is `next`, at wall time `now` (seconds since 1970). Returns the
    /// result of the backfill that ends with it, if one does.
    pub(crate) fn add(&mut self, payload: &[u8], next: i64, now: i64, into: &mut Detector) -> Option<BackfillResult> {
        let part = match BackfillPart::read(payload) {
            Ok(part) => part,
            Err(error) => {
                self.go_to(next);
                return Some(BackfillResult { account: None, outcome: Err(refusal(&error)) });
            }
        };
        if part.index == 0 {
            let backfill = Box::new(Restorer::new(self.settings.clone()));
            self.gathered = Some(Gathered { account: part.account, parts: 0, backfill, refused: None });
            self.next = next - 1;
        }
        let account = AccountId::of_number(part.account);
        let follows = |gathered: &&mut Gathered| (gathered.account, gathered.parts) == (part.account, part.index);
        let Some(gathered) = self.gathered.as_mut().filter(follows) else {
            self.go_to(next);
            return orphan(&part, account);
        };
        gathered.gather(&part.records, self.settings.attribution_bytes_max);
        if !part.last {
            return None;
        }
        let gathered = self.gathered.take()?;
        self.next = next;
        let outcome = match gathered.refused {
            Some(refused) => Err(refused),
            None if !is_whole(gathered.parts, part.index) => Err(BackfillRefusal::Incomplete),
            None => gathered.finish().and_then(|backfill| into.merge(backfill, now)),
        };
        Some(BackfillResult { account, outcome })
    }
}

/// A part that continues nothing. Of several in a row, the last one reports that their backfill is
/// incomplete.
fn orphan(part: &BackfillPart, account: Option<AccountId>) -> Option<BackfillResult> {
    (part.index == 0 || part.last).then_some(BackfillResult { account, outcome: Err(BackfillRefusal::Incomplete) })
}

impl Gathered {
    fn gather(&mut self, records: &[(Vec<u8>, Vec<u8>)], bytes_max: usize) {
        self.parts += 1;
        for (key, value) in records {
            if self.refused.is_some() {
                return;
            }
            if let Err(error) = self.backfill.take(key, Some(value)) {
                self.refused = Some(refusal(&error));
            } else if self.backfill.attribution_bytes() > bytes_max {
                self.refused = Some(BackfillRefusal::NoRoom);
            }
        }
    }

    fn finish(self) -> Result<Detector, BackfillRefusal> {
        self.backfill.finish().map_err(|error| refusal(&error))
    }
}

fn refusal(error: &RestoreError) -> BackfillRefusal {
    match error {
        RestoreError::Newer { .. } => BackfillRefusal::Newer,
        RestoreError::Damaged { .. } => BackfillRefusal::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use insightd_core::pipeline::{DeadLetterRecord, Output, Pipeline};
    use insightd_core::state::BackfillParts;

    use super::*;
    use crate::config::Config;

    struct Nothing;

    impl Output for Nothing {
        fn insight(&mut self, _: insightd_core::cloudtrail::insight::Insight) {}
        fn dead_letter(&mut self, dead_letter: DeadLetterRecord<'_>) {
            panic!("{}", dead_letter.detail);
        }
    }

    /// The messages of a backfill of 900 series.
    fn messages() -> Vec<Vec<u8>> {
        let mut pipeline = Pipeline::new(&Config::default_config());
        for n in 0..900 {
            let record = serde_json::json!({
                "eventVersion": "1.08", "eventTime": format!("2026-03-0{}T10:{:02}:00Z", 1 + n / 100, n % 60),
                "eventSource": "ec2.amazonaws.com", "eventName": format!("Api{}", n), "awsRegion": "us-east-1",
                "eventID": format!("{n}"), "recipientAccountId": "111122223333", "readOnly": false, "managementEvent": true,
                "eventCategory": "Management", "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{}", "x".repeat(900))},
            });
            pipeline.payload(record.to_string().as_bytes(), None, 1_780_000_000, &mut Nothing);
        }
        pipeline.finish(&mut Nothing);
        let account = AccountId::parse("111122223333").expect("an account");
        let mut sent = Vec::new();
        let mut send = |bytes: &[u8]| sent.push(bytes.to_vec());
        let mut parts = BackfillParts::new(account.number(), 0, &mut send);
        pipeline.detector().save_alone(account, &mut |key, value| parts.add(key, value.expect("no tombstone")));
        parts.finish();
        assert!(sent.len() > 2, "{} parts", sent.len());
        sent
    }

    fn backfilled(messages: &[&[u8]]) -> (BackfillAssembler, Detector, Vec<BackfillResult>) {
        let settings = Settings::from(&Config::default_config());
        let (mut assembler, mut into) = (BackfillAssembler::new(settings.clone()), Detector::new(settings));
        let add = |(message, offset): (&&[u8], i64)| assembler.add(message, offset + 1, 0, &mut into);
        let results = messages.iter().zip(10..).filter_map(add).collect();
        (assembler, into, results)
    }

    #[test]
    fn a_whole_backfill_is_merged_and_the_position_moves_with_it() {
        let all = messages();
        let parts: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let (assembler, into, results) = backfilled(&parts);
        assert_eq!(results.len(), 1);
        assert_eq!(results[0].outcome.map(|backfilled| backfilled.series), Ok(900));
        assert_eq!((assembler.next(), into.gauges().series), (10 + parts.len() as i64, 900));
        let (assembler, into, results) = backfilled(&parts[..parts.len() - 1]);
        assert!(results.is_empty());
        assert_eq!((assembler.next(), into.gauges().series), (10, 0), "a restart reads it again");
    }

    #[test]
    fn an_unusable_backfill_is_reported_once_and_skipped() {
        let all = messages();
        let parts: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let damaged = &parts[0][..parts[0].len() / 2];
        let newer = [&[99], &parts[0][1..]].concat();
        for (first, refusal) in [(damaged, BackfillRefusal::Damaged), (&newer[..], BackfillRefusal::Newer)] {
            let messages: Vec<&[u8]> = [first].into_iter().chain(parts.iter().copied()).collect();
            let (_, into, results) = backfilled(&messages);
            assert_eq!((results.len(), results[0].outcome), (2, Err(refusal)));
            assert_eq!(into.gauges().series, 900);
        }
        let messages: Vec<&[u8]> = parts[1..].iter().chain(&parts).copied().collect();
        let (assembler, into, results) = backfilled(&messages);
        assert_eq!((results.len(), results[0].outcome), (2, Err(BackfillRefusal::Incomplete)));
        assert_eq!((assembler.next(), into.gauges().series), (10 + messages.len() as i64, 900));
    }
}
