//! What an account trusts beside its own roles: users with access keys, a directory of people, token
//! providers.
//!
//! Has its own random stream, so that what callers do does not depend on their identities.

use super::random::{Draw, Seeds};
use super::regions::REGIONS;
use super::tools::public_address;
use super::workload::federated_login::FederatedLogin;

/// What an account trusts.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) draw: Draw,
    /// Share of machines that call as users with long-lived keys. In published records 95 % of the calls are
    /// users'. This share gives half of the generated ones, and a median record of the published size.
    pub(crate) keyed: f64,
    /// Share of pipelines whose tokens a provider signs.
    pub(crate) federated: f64,
    /// Region of the organization's directory.
    pub(crate) home: &'static str,
    /// Name qualifier of the directory in this account: a digest (SHA-1) in base64.
    pub(crate) qualifier: String,
    /// Address of the directory.
    pub(crate) portal: String,
    /// Actors of role sessions, with their logins.
    pub(crate) logins: Vec<(u32, FederatedLogin)>,
}

impl Trust {
    /// The trust of one account of an organization.
    pub(crate) fn new(account: Seeds, organization: Seeds) -> Self {
        let mut draw = account.stream("trust", 0);
        Self {
            keyed: draw.between(0.65, 1.0),
            federated: draw.between(0.2, 0.8),
            home: organization.stream("directory", 0).pick_skewed(&REGIONS[..6]).0,
            qualifier: qualifier(&mut draw),
            portal: public_address(&mut draw),
            logins: Vec::new(),
            draw,
        }
    }

    /// Region of the organization's directory.
    pub(crate) fn home(&self) -> &'static str {
        self.home
    }
}

/// Twenty random bytes in base64.
fn qualifier(draw: &mut Draw) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text: String = (0..27).map(|_| char::from(*draw.pick(ALPHABET))).collect();
    text + "="
}
