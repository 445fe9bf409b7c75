//! Build, start and memory of the process. The last two have Prometheus's own names, as every client library
//! exports them.

use prometheus::{PullingGauge, Registry, Result};

use super::catalog::{Families, RESIDENT_MEMORY};

/// Sets what never changes, and registers the gauge that reads resident memory at each scrape.
pub(super) fn export(families: &Families, registry: &Registry) -> Result<()> {
    families.build_info.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("INSIGHTD_REVISION")]).set(1);
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    families.process_start.set(since_1970.as_secs_f64());
    if resident_bytes().is_some() {
        let read = Box::new(|| resident_bytes().unwrap_or(f64::NAN));
        registry.register(Box::new(PullingGauge::new(RESIDENT_MEMORY.name, RESIDENT_MEMORY.help, read)?))?;
    }
    Ok(())
}

/// Resident memory, bytes; `None` where there is no `/proc`.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1024) as f64)
}
