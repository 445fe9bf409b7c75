//! The macro that declares a section, and the units and ranges that declarations use.
//!
//! From one line, `key: Type = kind(arguments);`, come the struct's field, the reading of `section.key` by
//! [`Walk::kind`](super::walk::Walk), its place in what `insightd check` prints, and its place among the
//! known keys that a misspelled key is compared with. All keys of a section are read before the section
//! fails, so that every error is reported at once.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Declares a section: `pub struct Name = "section" |walk| { fields } then { checks }`.
///
/// The block `then` checks keys against each other. It sees each field as an `Option`, which is `None` if the
/// key has an error; it may rebind a field. Further parameters after `walk` become parameters of `read`.
macro_rules! section {
    (
        $(#[$about:meta])*
        pub struct $section:ident = $name:literal |$walk:ident $(, $context:ident: $given:ty)*| {
            $(
                $(#[$doc:meta])*
                $key:ident: $type:ty = $kind:ident($($argument:expr),* $(,)?);
            )+
        }
        $(then { $($then:tt)* })?
    ) => {
        $(#[$about])*
        pub struct $section {
            $(
                #[doc = concat!("`", $name, ".", stringify!($key), "`, explained in config/default.toml.")]
                #[doc = ""]
                $(#[$doc])*
                pub $key: $type,
            )+
        }

        impl $section {
            /// Reads all keys of the section; `None` if one of them has an error.
            pub(super) fn read($walk: &mut Walk $(, $context: $given)*) -> Option<Self> {
                $(let $key = $walk.$kind(concat!($name, ".", stringify!($key)), $($argument),*);)+
                $($($then)*)?
                Some(Self { $($key: $key?,)+ })
            }
        }
    };
}

pub(super) use section;

pub(super) const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

pub(super) const MINUTE_S: u64 = 60;
pub(super) const HOUR_S: u64 = 60 * MINUTE_S;
pub(super) const DAY_S: u64 = 24 * HOUR_S;

/// A range of durations, seconds.
pub(super) const fn seconds(least: u64, most: u64) -> RangeInclusive<Duration> {
    millis(1000 * least, 1000 * most)
}

/// A range of durations, milliseconds.
pub(super) const fn millis(least: u64, most: u64) -> RangeInclusive<Duration> {
    RangeInclusive::new(Duration::from_millis(least), Duration::from_millis(most))
}
