//! What is known of accounts: data and pure updates. Nothing here decides about an insight.
//!
//! * [`account`], [`region`], [`series_table`], [`slot`], [`series`]: the hierarchy, from an account down to
//!   one of its series; [`dormant`]: a series after a long silence; [`key`]: its name.
//! * [`recent`], [`days`], [`attribution`]: what is counted exactly; [`baseline`]: the 7-day baseline of a
//!   record.
//! * [`principals`], [`profile`], [`leaky`]: who calls, and what is new about it.
//! * [`quota`]: the memory that names and attributions may take.

pub(crate) mod account;
pub(crate) mod attribution;
pub(crate) mod baseline;
pub(crate) mod days;
pub(crate) mod dormant;
pub(crate) mod key;
pub(crate) mod leaky;
pub(crate) mod principals;
pub(crate) mod profile;
pub(crate) mod quota;
pub(crate) mod recent;
pub(crate) mod region;
pub(crate) mod series;
pub(crate) mod series_table;
pub(crate) mod slot;
