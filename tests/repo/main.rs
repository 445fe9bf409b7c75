//! Rules of the repository that no compiler checks, as tests: what the source may hold, how it is laid out.

mod source;
mod tidy;
