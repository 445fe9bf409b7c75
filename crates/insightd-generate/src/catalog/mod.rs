//! The services and APIs, under AWS's own names, and the calls that belong together.
//!
//! Names are those of the eventSource and eventName of CloudTrail records (Lambda's carry their API date, for
//! example).

pub(crate) mod api;
pub(crate) mod code;
pub(crate) mod recipe;
pub(crate) mod service;
pub(crate) mod service_more;

pub(crate) use self::api::apis;
pub(crate) use self::api::{Service, region_of};

#[cfg(test)]
mod tests;
