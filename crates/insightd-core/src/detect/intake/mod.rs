//! Which records count, and when: scope, repeats, event-time clocks, and records whose time awaits confirmation.
//!
//! * [`scope`]: which series a record enters.
//! * [`dedup`]: which eventIDs were seen.
//! * [`clock`]: when a minute is closed.
//! * [`observations`]: what any record tells of its account.

pub mod clock;
pub mod dedup;
pub mod observations;
pub mod scope;
