//! The name of a series, as the command line and the report write it.

use std::fmt;

use insightd_core::cloudtrail::event::AccountId;
use insightd_core::cloudtrail::insight::Insight;

/// The name of a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SeriesName {
    /// Account.
    pub(crate) account: AccountId,
    /// Region.
    pub(crate) region: String,
    /// `eventSource`
    pub(crate) source: String,
    /// `eventName`
    pub(crate) name: String,
    /// Error code of an error-rate series.
    pub(crate) error: Option<String>,
}

impl SeriesName {
    /// Reads `account/region/source/name[/error]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '/').map(|part| (!part.is_empty()).then(|| part.to_owned()));
        let account = AccountId::parse(&parts.next()??)?;
        let (region, source, name) = (parts.next()??, parts.next()??, parts.next()??);
        let error = match parts.next() {
            Some(error) => Some(error?),
            None => None,
        };
        Some(Self { account, region, source, name, error })
    }

    /// The series of an insight.
    pub(crate) fn of(insight: &Insight) -> Self {
        Self {
            account: insight.account,
            region: insight.region.clone(),
            source: insight.source.clone(),
            name: insight.name.clone(),
            error: insight.error.clone(),
        }
    }
}

impl fmt::Display for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, region, source, name, error } = self;
        write!(f, "{account}/{region}/{source}/{name}")?;
        error.as_ref().map_or(Ok(()), |error| write!(f, "/{error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in [
            "111122223333/eu-west-1/ec2.amazonaws.com/RunInstances",
            "111122223333/eu-west-1/s3.amazonaws.com/GetBucketAcl/Some/Odd Error",
        ] {
            assert_eq!(SeriesName::parse(text).map(|name| name.to_string()).as_deref(), Some(text));
        }
        for text in
            ["", "111122223333/eu-west-1/ec2.amazonaws.com", "1/r/s/n", "111122223333//s/n", "111122223333/r/s/n/"]
        {
            assert_eq!(SeriesName::parse(text), None, "{text:?}");
        }
    }
}
