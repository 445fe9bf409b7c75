//! The configuration: defaults, layers, faults, rules.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod defaults;
mod faults;
mod layers;
mod rules;
