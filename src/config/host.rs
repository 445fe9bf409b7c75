//! The host name, which replaces an empty `kafka.instance_id`.

use std::process::Command;

/// The name of this host: from Linux's /proc, else `$HOSTNAME`, else the command `hostname`.
pub(super) fn name() -> Option<String> {
    let proc = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let variable = || std::env::var("HOSTNAME").ok();
    let command = || String::from_utf8(Command::new("hostname").output().ok()?.stdout).ok();
    [proc(), variable()].into_iter().flatten().find_map(usable).or_else(|| command().and_then(usable))
}

fn usable(name: String) -> Option<String> {
    let name = name.trim();
    (!name.is_empty() && name != "(none)").then(|| name.to_owned())
}
