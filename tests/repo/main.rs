//! Rules of the repository that no compiler checks, as tests: what the source may hold, how it is laid out.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod source;
mod tidy;
