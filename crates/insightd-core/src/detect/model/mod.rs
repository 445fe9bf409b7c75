//! What is known of accounts: data and pure updates. Nothing here decides about an insight.
//!
//! * [`account`], [`region`], [`series`]: the hierarchy; [`slot`]: a series in its region, active or dormant.
//! * [`recent`], [`days`], [`attribution`]: what is counted exactly, for the numbers of a record.
//! * [`principals`], [`profile`], [`leaky`]: who calls, and what is new about it.

pub mod account;
pub mod attribution;
pub mod days;
pub mod dormant;
pub mod leaky;
pub mod principals;
pub mod profile;
pub mod recent;
pub mod region;
pub mod series;
pub mod slot;
