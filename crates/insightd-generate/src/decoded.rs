//! A call as the decoder returns it, without writing and decoding its record.

use std::borrow::Cow;

use insightd_core::cloudtrail::event::{AccountId, Category, Event};

use super::account::Account;
use super::call::{Call, Kind, WITH_MANAGEMENT, event_id, event_version};

impl Call {
    /// The event that decoding the call's record returns.
    pub fn event<'a>(&self, account: &'a Account) -> Event<'a> {
        let old = event_version(account.id(), self.api.service, self.kind) < WITH_MANAGEMENT;
        let agent = match account.actors().get(self.actor as usize).map(|actor| actor.agent.as_ref()) {
            None | Some("") => "null",
            Some(agent) => agent,
        };
        let actor = account.actors().get(self.actor as usize);
        Event {
            invoked_by: Cow::Borrowed(actor.map_or("", |actor| actor.invoked_by(self.kind))),
            account: AccountId::parse(account.id()).unwrap_or_else(|| unreachable!("made of twelve digits")),
            region: Cow::Borrowed(self.region),
            source: Cow::Owned(self.api.source()),
            name: Cow::Borrowed(self.api.name),
            // A failed sign-in has a message but no code.
            error: self.error.filter(|_| self.kind != Kind::SignIn).map(Cow::Borrowed),
            time: self.time,
            id: Some(Cow::Owned(event_id(account.id(), self.serial))),
            principal: Cow::Borrowed(account.principal(self.actor)),
            agent: Cow::Borrowed(agent),
            category: if self.kind == Kind::Data { Category::Data } else { Category::Management },
            write: !self.api.read,
            read_only: (!(old && self.api.is_plain())).then_some(self.api.read),
            inferred: old,
            correction: false,
        }
    }
}
