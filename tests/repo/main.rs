//! Rules of the repository that no compiler checks, as tests: what the source may hold, how it is laid out,
//! and whether the pages tell what is so.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod docs;
mod generated;
mod markdown;
mod samples;
mod shipped_sample;
mod source;
mod tidy;
