//! The version that the program reports.

/// Version and git revision; the revision is `unknown` in a build outside git.
pub(crate) fn version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("INSIGHTD_REVISION"), ")")
}
