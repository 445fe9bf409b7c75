//! Puts the git revision into the binary; a build outside git says `unknown`.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    println!("cargo:rerun-if-env-changed=INSIGHTD_REVISION");
    let revision = std::env::var("INSIGHTD_REVISION").ok().or_else(git_revision).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=INSIGHTD_REVISION={revision}");
}

fn git_revision() -> Option<String> {
    let out = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    (out.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
