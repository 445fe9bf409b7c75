//! One decoded record, for tests and benches that drive the detector without decoding.

use std::borrow::Cow;

use insightd_core::cloudtrail::event::{AccountId, Category, Event};

/// A successful write management call of account 111122223333 in us-east-1, without an eventID, in 1970. What
/// a test needs differently it says.
pub struct EventBuilder(Event<'static>);

/// Starts with the API of EC2 that is called.
pub fn event(name: impl Into<Cow<'static, str>>) -> EventBuilder {
    EventBuilder(Event {
        account: AccountId::parse("111122223333").expect("twelve digits"),
        region: Cow::Borrowed("us-east-1"),
        source: Cow::Borrowed("ec2.amazonaws.com"),
        name: name.into(),
        error: None,
        time: 0,
        id: None,
        principal: Cow::Borrowed("arn:aws:sts::111122223333:assumed-role/app-role"),
        invoked_by: Cow::Borrowed(""),
        agent: Cow::Borrowed("aws-cli/2.15.30"),
        category: Category::Management,
        write: true,
        read_only: Some(false),
        inferred: false,
        correction: false,
    })
}

impl EventBuilder {
    /// The account, by its number.
    pub fn in_account(mut self, number: u64) -> Self {
        self.0.account = AccountId::parse(&format!("{number:012}")).expect("twelve digits");
        self
    }

    /// The region.
    pub fn in_region(mut self, region: impl Into<Cow<'static, str>>) -> Self {
        self.0.region = region.into();
        self
    }

    /// The event source.
    pub fn of(mut self, source: impl Into<Cow<'static, str>>) -> Self {
        self.0.source = source.into();
        self
    }

    /// The event time, seconds since 1970.
    pub fn at(mut self, time: i64) -> Self {
        self.0.time = time;
        self
    }

    /// The principal.
    pub fn by(mut self, principal: impl Into<Cow<'static, str>>) -> Self {
        self.0.principal = principal.into();
        self
    }

    /// The user agent.
    pub fn with(mut self, agent: impl Into<Cow<'static, str>>) -> Self {
        self.0.agent = agent.into();
        self
    }

    /// The eventID.
    pub fn id(mut self, id: impl Into<Cow<'static, str>>) -> Self {
        self.0.id = Some(id.into());
        self
    }

    /// The error code, if it failed.
    pub fn failed(mut self, error: Option<impl Into<Cow<'static, str>>>) -> Self {
        self.0.error = error.map(Into::into);
        self
    }

    /// Whether it is a write.
    pub fn write(mut self, write: bool) -> Self {
        self.0.write = write;
        self
    }

    /// The record.
    pub fn build(self) -> Event<'static> {
        self.0
    }
}
