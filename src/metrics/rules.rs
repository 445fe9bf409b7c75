//! What the operator's rules did, by their names.

use insightd_core::pipeline::Tally;
use insightd_core::rules::Rules;

use super::families::{Families, add};

impl Families {
    /// Shows every rule from the start: one that stays at 0 is a rule that matches nothing.
    pub(super) fn show_rules(&self, rules: &Rules) {
        for rule in rules.iter() {
            for counters in [&self.rule_matches, &self.rule_insights] {
                counters.with_label_values(&[&*rule.name, rule.action.label()]);
            }
        }
    }

    /// Adds the counts of a committed transaction. The caller holds the lock under which a scrape gathers.
    pub(super) fn add_rules(&self, rules: &Rules, tally: &Tally) {
        for (counters, counts) in
            [(&self.rule_matches, &tally.rule_records), (&self.rule_insights, &tally.rule_insights)]
        {
            for (rule, &count) in rules.iter().zip(counts) {
                add(counters, &[&*rule.name, rule.action.label()], count);
            }
        }
    }
}
