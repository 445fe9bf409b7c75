//! The computations of the quality bench, tested by `tests/detect/quality.rs`.

pub mod arithmetic;
pub mod labeled;
pub mod stream;
