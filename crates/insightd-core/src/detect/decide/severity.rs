//! The severity of an insight: how many grave circumstances hold.

use crate::cloudtrail::insight::Severity;

/// Log10 of rho at and below which an insight is far beyond the budget: rho <= 1/100.
pub(crate) const FAR_BEYOND: f64 = -2.0;

/// The circumstances of a Start. Each one that holds is a point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// Its evidence is far beyond the budget.
    pub(crate) far_beyond_budget: bool,
    /// Its API is security-relevant.
    pub(crate) security_relevant: bool,
    /// Its principal is new to the account.
    pub(crate) principal_new_to_account: bool,
    /// Its series or its region is new to the account.
    pub(crate) series_or_region_new: bool,
}

impl Circumstances {
    /// No or one point is low, two are medium, three and four high.
    pub(crate) fn severity(self) -> Severity {
        let Self { far_beyond_budget, security_relevant, principal_new_to_account, series_or_region_new } = self;
        let points = [far_beyond_budget, security_relevant, principal_new_to_account, series_or_region_new];
        match points.into_iter().filter(|&point| point).count() {
            0 | 1 => Severity::Low,
            2 => Severity::Medium,
            _ => Severity::High,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_points_are_medium_and_three_are_high() {
        let of = |points: [bool; 4]| {
            let [far_beyond_budget, security_relevant, principal_new_to_account, series_or_region_new] = points;
            Circumstances { far_beyond_budget, security_relevant, principal_new_to_account, series_or_region_new }
                .severity()
        };
        assert_eq!(of([false; 4]), Severity::Low);
        assert_eq!(of([false, true, false, false]), Severity::Low);
        assert_eq!(of([true, false, false, true]), Severity::Medium);
        assert_eq!(of([true, true, true, false]), Severity::High);
        assert_eq!(of([true; 4]), Severity::High);
    }
}
