//! Constructed organizations: the model, and the records against the decoder.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod model;
mod records;
