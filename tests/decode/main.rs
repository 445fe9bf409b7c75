//! Decoding: every envelope, damage and limits, properties, OCSF, and the samples of others.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod damage;
mod envelopes;
mod ocsf;
mod properties;
mod samples;
