//! Which records count, and when: scope, repeats, event-time clocks, and records whose time awaits
//! confirmation.
//!
//! * [`incoming`]: a record with its scope, rule and hashes. [`scope`]: which series it enters.
//! * [`dedup`]: which eventIDs were seen.
//! * [`clock`]: when a minute is closed. [`quarantine`]: records whose time awaits confirmation.
//! * [`observations`]: what any record shows of its account.

pub(crate) mod clock;
pub(crate) mod dedup;
pub(crate) mod incoming;
pub(crate) mod observations;
pub(crate) mod quarantine;
pub(crate) mod scope;
