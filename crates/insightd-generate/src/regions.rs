//! The AWS regions that accounts use.

use super::calendar::HOUR;

/// Regions, the most common first, with the UTC offset of nearby people, seconds.
pub(crate) const REGIONS: &[(&str, i64)] = &[
    ("us-east-1", -5 * HOUR),
    ("us-west-2", -8 * HOUR),
    ("eu-west-1", 0),
    ("eu-central-1", HOUR),
    ("ap-southeast-2", 10 * HOUR),
    ("us-east-2", -5 * HOUR),
    ("ap-northeast-1", 9 * HOUR),
    ("ap-southeast-1", 8 * HOUR),
    ("eu-west-2", 0),
    ("ap-south-1", 5 * HOUR + 1800),
    ("ca-central-1", -5 * HOUR),
    ("eu-north-1", HOUR),
    ("sa-east-1", -3 * HOUR),
    ("us-west-1", -8 * HOUR),
    ("eu-west-3", HOUR),
    ("ap-northeast-2", 9 * HOUR),
    ("ap-northeast-3", 9 * HOUR),
];
