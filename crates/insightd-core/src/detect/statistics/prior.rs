//! The tail of an API before its series has shown anything: a versioned table, part of the configuration. The
//! detector reads the table and never writes it, so no account learns from another (invariant ISO-1).

use hashbrown::HashMap;

/// What is known of one view's tail: how often it exceeds the threshold, and by how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// q: exceedances per minute.
    pub rate: f64,
    /// B: mean excess, where the excess of z standard deviations is ln(z / 3).
    pub excess: f64,
}

impl Default for Prior {
    fn default() -> Self {
        Self { rate: 2e-3, excess: 0.33 }
    }
}

/// Priors of the burst view and the slow view of one series. The level view always has the default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewPriors {
    /// Burst view.
    pub burst: Prior,
    /// Slow view.
    pub slow: Prior,
}

/// Event source, event name and error code ("" for a call-rate series).
type ApiKey = (Box<str>, Box<str>, Box<str>);

/// The table `detect.priors`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Priors {
    by_api: HashMap<ApiKey, ViewPriors>,
    by_error: HashMap<Box<str>, ViewPriors>,
    default: ViewPriors,
}

impl Priors {
    /// Sets the priors of one API; `error` is "" for its call-rate series.
    pub fn set(&mut self, source: &str, name: &str, error: &str, priors: ViewPriors) {
        self.by_api.insert((source.into(), name.into(), error.into()), priors);
    }

    /// Sets the priors of an error code on any API.
    pub fn set_error(&mut self, error: &str, priors: ViewPriors) {
        self.by_error.insert(error.into(), priors);
    }

    /// Sets the priors of every other series.
    pub fn set_default(&mut self, priors: ViewPriors) {
        self.default = priors;
    }

    /// The priors of a series: those of its API, else those of its error code on any API, else the default.
    pub fn lookup(&self, source: &str, name: &str, error: Option<&str>) -> ViewPriors {
        let key = (source.into(), name.into(), error.unwrap_or_default().into());
        let by_error = || error.and_then(|code| self.by_error.get(code));
        self.by_api.get(&key).or_else(by_error).copied().unwrap_or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priors(rate: f64) -> ViewPriors {
        ViewPriors { burst: Prior { rate, excess: 0.5 }, slow: Prior { rate, excess: 0.25 } }
    }

    #[test]
    fn the_prior_of_an_api_comes_before_that_of_its_error_code() {
        let mut table = Priors::default();
        let lookup = |table: &Priors, error| table.lookup("ec2.amazonaws.com", "RunInstances", error).burst.rate;
        assert_eq!(table.lookup("ec2.amazonaws.com", "RunInstances", None), ViewPriors::default());
        table.set_default(priors(0.1));
        assert_eq!((lookup(&table, None), lookup(&table, Some("Throttled"))), (0.1, 0.1));
        table.set_error("Throttled", priors(0.2));
        assert_eq!((lookup(&table, None), lookup(&table, Some("Throttled"))), (0.1, 0.2));
        table.set("ec2.amazonaws.com", "RunInstances", "Throttled", priors(0.3));
        table.set("ec2.amazonaws.com", "RunInstances", "", priors(0.4));
        assert_eq!((lookup(&table, None), lookup(&table, Some("Throttled"))), (0.4, 0.3));
        assert_eq!(lookup(&table, Some("Denied")), 0.1, "another error code has the default");
        let elsewhere = table.lookup("sqs.amazonaws.com", "RunInstances", Some("Throttled"));
        assert_eq!(elsewhere.burst.rate, 0.2, "the error code counts on any API");
    }
}
