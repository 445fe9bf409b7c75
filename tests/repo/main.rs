//! Rules of the repository that no compiler checks, as tests: contents and layout of the source, and
//! correctness of the pages.

#![allow(unreachable_pub, reason = "nothing outside reaches a test; its modules say pub to each other")]

mod docs;
mod generated;
mod markdown;
mod samples;
mod shipped_sample;
mod source;
mod tidy;
