//! Detection without a broker: the cases that AWS published, calibration, rules, and a recount of every
//! number.

#![allow(clippy::print_stdout, reason = "seeds, for a failure to be repeated")]
#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod aws_cases;
mod backfill;
mod calibration;
mod drops;
mod isolation;
mod quality;
mod recount;
mod rules;
