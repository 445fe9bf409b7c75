//! One CloudTrail record: its fields, borrowed from the JSON, and what makes it usable
//! (docs/input-formats.md#records).

use std::borrow::Cow;

use serde::de::MapAccess;

use super::category::{Said, classify};
use super::event::{AccountId, Category, Event};
use super::field::{Flag, Lenient, Object, Text, ignore};
use super::outcome::DecodeError;
use super::principal::Identity;
use super::time;

/// The value to which a missing user agent is attributed, as AWS does.
const NO_AGENT: &str = "null";

/// Longest `eventSource`, `eventName` and `awsRegion`, bytes. AWS's own are below 128.
const NAME_BYTES_MAX: usize = 256;

/// 2005-01-01T00:00:00Z. CloudTrail began in 2013; an earlier time is a wrong clock or a wrong unit.
const EVENT_TIME_MIN: i64 = 1_104_537_600;

/// The wanted fields of a record, as written.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    /// One bit for each key present that distinguishes a record from other objects.
    pub(super) marks: u16,
    pub(super) time: Text<'a>,
    pub(super) source: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) region: Text<'a>,
    pub(super) agent: Text<'a>,
    pub(super) error: Text<'a>,
    pub(super) id: Text<'a>,
    pub(super) kind: Text<'a>,
    pub(super) category: Text<'a>,
    pub(super) recipient: Text<'a>,
    pub(super) read_only: Flag,
    pub(super) management: Flag,
    /// Another format says that the activity reads.
    pub(super) read_activity: bool,
    pub(super) identity: Identity<'a>,
    pub(super) addendum: Addendum<'a>,
}

#[derive(Debug, Default)]
pub(super) struct Addendum<'a> {
    pub(super) reason: Text<'a>,
}

impl<'a> Object<'a> for Addendum<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "reason" => self.reason = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

impl<'a> Fields<'a> {
    /// Takes the value of a record's key; false, with nothing taken, for any other key.
    pub(super) fn take<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        // The most frequent keys come first; the unused ones are listed to skip the search among the
        // envelopes' keys.
        match key {
            "eventVersion" => {
                self.marks |= 1 << 0;
                ignore(map)?;
            }
            "userIdentity" => {
                self.marks |= 1 << 1;
                self.identity = map.next_value::<Lenient<_>>()?.0;
            }
            "eventTime" => {
                self.marks |= 1 << 2;
                self.time = map.next_value()?;
            }
            "eventSource" => {
                self.marks |= 1 << 3;
                self.source = map.next_value()?;
            }
            "eventName" => {
                self.marks |= 1 << 4;
                self.name = map.next_value()?;
            }
            "awsRegion" => {
                self.marks |= 1 << 5;
                self.region = map.next_value()?;
            }
            "sourceIPAddress"
            | "requestParameters"
            | "responseElements"
            | "requestID"
            | "errorMessage"
            | "resources"
            | "tlsDetails"
            | "additionalEventData"
            | "apiVersion"
            | "serviceEventDetails"
            | "sharedEventID"
            | "vpcEndpointId"
            | "sessionCredentialFromConsole" => ignore(map)?,
            "userAgent" => self.agent = map.next_value()?,
            "errorCode" => self.error = map.next_value()?,
            "eventID" => {
                self.marks |= 1 << 6;
                self.id = map.next_value()?;
            }
            "readOnly" => self.read_only = map.next_value()?,
            "eventType" => {
                self.marks |= 1 << 7;
                self.kind = map.next_value()?;
            }
            "managementEvent" => self.management = map.next_value()?,
            "recipientAccountId" => {
                self.marks |= 1 << 8;
                self.recipient = map.next_value()?;
            }
            "eventCategory" => {
                self.marks |= 1 << 9;
                self.category = map.next_value()?;
            }
            "insightDetails" => {
                self.marks |= 1 << 10;
                ignore(map)?;
            }
            "addendum" => self.addendum = map.next_value::<Lenient<_>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether the object is a record: it has at least two of a record's own keys. Other keys do not matter,
    /// and a record that lacks some of them is a malformed record, not another kind of object.
    pub(super) fn is_record(&self) -> bool {
        self.marks.count_ones() >= 2
    }

    /// The usable event. `time_max` is the latest accepted `eventTime`, seconds since 1970.
    ///
    /// # Errors
    /// Why the record is unusable.
    pub(super) fn event(self, time_max: i64) -> Result<Event<'a>, Unusable> {
        let time = usable_time(&KEYS, self.time.as_str(), time::parse(self.time.as_str()), time_max)?;
        self.event_at(time, &KEYS)
    }

    /// The usable event of a record whose time (seconds since 1970) is known. `keys` name the fields in
    /// errors.
    pub(super) fn event_at(self, time: i64, keys: &Keys) -> Result<Event<'a>, Unusable> {
        let class = classify(Said {
            category: self.category.as_str(),
            kind: self.kind.as_str(),
            management: self.management.0,
            read_only: self.read_only.0,
            read_activity: self.read_activity,
            source: self.source.as_str(),
            name: self.name.as_str(),
        });
        let named = class.category != Category::Insight;
        let source = name_of(keys.source, self.source, named, DecodeError::EventSourceMissing)?;
        let name = name_of(keys.name, self.name, named, DecodeError::EventNameMissing)?;
        let region = name_of(keys.region, self.region, true, DecodeError::RegionMissing)?;
        let account = account(keys, &self.recipient, &self.identity.account_id)?;
        Ok(Event {
            account,
            invoked_by: self.identity.invoked_by(),
            principal: self.identity.principal(&region),
            region,
            source,
            name,
            error: self.error.filled(),
            time,
            id: self.id.filled(),
            agent: self.agent.filled().unwrap_or(Cow::Borrowed(NO_AGENT)),
            category: class.category,
            write: class.write,
            read_only: self.read_only.0,
            inferred: class.inferred,
            correction: self.addendum.reason.as_str() == "UPDATED_DATA",
        })
    }
}

/// Why a record is unusable.
#[derive(Debug)]
pub(super) struct Unusable {
    pub(super) error: DecodeError,
    /// What is wrong, for people.
    pub(super) detail: String,
}

impl Unusable {
    fn new(error: DecodeError, detail: String) -> Self {
        Self { error, detail }
    }
}

/// The names of the required fields where the record comes from.
pub(super) struct Keys {
    pub(super) time: &'static str,
    pub(super) source: &'static str,
    pub(super) name: &'static str,
    pub(super) region: &'static str,
    /// The account to which the record is delivered, and the caller's.
    pub(super) accounts: [&'static str; 2],
}

/// CloudTrail's own names.
const KEYS: Keys = Keys {
    time: "eventTime",
    source: "eventSource",
    name: "eventName",
    region: "awsRegion",
    accounts: ["recipientAccountId", "userIdentity.accountId"],
};

/// The time (seconds since 1970), if it is within bounds. `text` is the time as written.
pub(super) fn usable_time(keys: &Keys, text: &str, time: Option<i64>, time_max: i64) -> Result<i64, Unusable> {
    let key = keys.time;
    let Some(time) = time else {
        return Err(Unusable::new(DecodeError::EventTimeInvalid, format!("{key} {} is not a time", quoted(text))));
    };
    if time < EVENT_TIME_MIN {
        return Err(Unusable::new(DecodeError::EventTimePast, format!("{key} {} is before 2005", quoted(text))));
    }
    if time > time_max {
        return Err(Unusable::new(DecodeError::EventTimeFuture, format!("{key} {} is in the future", quoted(text))));
    }
    Ok(time)
}

/// A text of 1 to [`NAME_BYTES_MAX`] bytes; empty only if not `required`.
fn name_of<'a>(key: &str, text: Text<'a>, required: bool, error: DecodeError) -> Result<Cow<'a, str>, Unusable> {
    match text.filled() {
        Some(text) if text.len() > NAME_BYTES_MAX => {
            Err(Unusable::new(error, format!("{key} has {} bytes, more than {NAME_BYTES_MAX}", text.len())))
        }
        Some(text) => Ok(text),
        None if required => Err(Unusable::new(error, format!("{key} is missing, empty or not a string"))),
        None => Ok(Cow::Borrowed("")),
    }
}

fn account(keys: &Keys, recipient: &Text<'_>, caller: &Text<'_>) -> Result<AccountId, Unusable> {
    AccountId::parse(recipient.as_str()).or_else(|| AccountId::parse(caller.as_str())).ok_or_else(|| {
        let [of_recipient, of_caller] = keys.accounts;
        let detail = format!(
            "neither {of_recipient} {} nor {of_caller} {} has twelve digits",
            quoted(recipient.as_str()),
            quoted(caller.as_str())
        );
        Unusable::new(DecodeError::AccountMissing, detail)
    })
}

/// The text in quotes, cut to fit a line.
fn quoted(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    format!("{:?}", text.chars().take(SHOWN_CHARS_MAX).collect::<String>())
}
