//! What the quality bench computes with, apart from running it: tested by `tests/detect/quality.rs`.

pub mod arithmetic;
pub mod labeled;
pub mod stream;
