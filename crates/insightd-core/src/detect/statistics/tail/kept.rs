//! What a tail keeps while its series sleeps.

use super::{EVIDENCE_MAX, INCIDENTS_MAX, IncidentTail, Tail};
use crate::detect::statistics::compact::{Half, KeptIncidents, KeptTail};

impl Tail {
    /// Rounded, to be kept.
    pub fn kept(&self) -> KeptTail {
        KeptTail { count: Half::new(self.count), excess: Half::new(self.excess) }
    }

    /// As it was kept.
    pub fn of_kept(kept: KeptTail) -> Self {
        Self { count: kept.count.get(), excess: kept.excess.get() }
    }
}

impl IncidentTail {
    /// Rounded, to be kept: of a tail whose last incident is over.
    pub fn kept(&self) -> KeptIncidents {
        KeptIncidents {
            tail: self.tail.kept(),
            top: Half::new(self.top),
            incidents: self.incidents.min(INCIDENTS_MAX) as u8,
            evidence: (self.evidence / EVIDENCE_MAX * 255.0).round() as u8,
        }
    }

    /// As it was kept.
    pub fn of_kept(kept: KeptIncidents) -> Self {
        Self {
            tail: Tail::of_kept(kept.tail),
            running: None,
            top: kept.top.get(),
            incidents: u32::from(kept.incidents).min(INCIDENTS_MAX),
            evidence: f64::from(kept.evidence) / 255.0 * EVIDENCE_MAX,
        }
    }
}
