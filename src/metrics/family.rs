//! What a metric family is, and the macro that turns one declaration into a typed field, its registration and
//! its entry in the catalog. The declarations themselves are in [`super::catalog`].

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
};

/// The type of a metric family, as `# TYPE` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises, and starts at 0 with the process.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts observations by bucket.
    Histogram,
}

impl Kind {
    /// As in the exposition.
    pub fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric family: everything about it that does not need a sample.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Full name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Names of its labels, without the `le` of a histogram's buckets; empty for a family of one series.
    pub labels: &'static [&'static str],
    /// Help text: one or more sentences.
    pub help: &'static str,
    /// Upper bounds of a histogram's buckets, in the unit of its name; empty for other types.
    pub buckets: &'static [f64],
}

/// A type of the `prometheus` crate that a [`Family`] can be declared with.
pub(super) trait Instrument: Sized {
    const KIND: Kind;

    fn create(family: &Family) -> Result<Self>;
}

impl Family {
    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

impl Instrument for IntCounter {
    const KIND: Kind = Kind::Counter;

    fn create(family: &Family) -> Result<Self> {
        Self::with_opts(family.opts())
    }
}

impl Instrument for IntCounterVec {
    const KIND: Kind = Kind::Counter;

    fn create(family: &Family) -> Result<Self> {
        Self::new(family.opts(), family.labels)
    }
}

impl Instrument for IntGauge {
    const KIND: Kind = Kind::Gauge;

    fn create(family: &Family) -> Result<Self> {
        Self::with_opts(family.opts())
    }
}

impl Instrument for IntGaugeVec {
    const KIND: Kind = Kind::Gauge;

    fn create(family: &Family) -> Result<Self> {
        Self::new(family.opts(), family.labels)
    }
}

impl Instrument for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn create(family: &Family) -> Result<Self> {
        Self::with_opts(family.opts())
    }
}

impl Instrument for GaugeVec {
    const KIND: Kind = Kind::Gauge;

    fn create(family: &Family) -> Result<Self> {
        Self::new(family.opts(), family.labels)
    }
}

impl Instrument for Histogram {
    const KIND: Kind = Kind::Histogram;

    fn create(family: &Family) -> Result<Self> {
        Self::with_opts(HistogramOpts::new(family.name, family.help).buckets(family.buckets.to_vec()))
    }
}

/// Creates a family and registers it.
pub(super) fn register<I>(registry: &Registry, family: &Family) -> Result<I>
where
    I: Instrument + Collector + Clone + 'static,
{
    let instrument = I::create(family)?;
    registry.register(Box::new(instrument.clone()))?;
    Ok(instrument)
}

/// Declares a struct of instruments, one for each family, with its `CATALOG` and `register`.
///
/// `field: Type { name: "...", labels: [...], buckets: [...], help: "..." };` where `labels` and `buckets`
/// are optional.
macro_rules! families {
    (
        $(#[$about:meta])*
        struct $set:ident {
            $($field:ident: $instrument:ident {
                name: $name:literal,
                $(labels: $labels:expr,)?
                $(buckets: $buckets:expr,)?
                help: $help:literal $(,)?
            };)+
        }
    ) => {
        $(#[$about])*
        pub(super) struct $set {
            $(pub(super) $field: $instrument,)+
        }

        impl $set {
            /// All families, in the order of their declarations.
            pub(super) const CATALOG: &'static [Family] = &[$(
                families!(@family $instrument $name, ($($labels)?), ($($buckets)?), $help),
            )+];

            /// Creates all families and registers them.
            ///
            /// # Errors
            /// A name is given twice or is not legal; a test excludes both.
            pub(super) fn register(registry: &Registry) -> Result<Self> {
                Ok(Self {
                    $($field: register(
                        registry,
                        &families!(@family $instrument $name, ($($labels)?), ($($buckets)?), $help),
                    )?,)+
                })
            }
        }
    };
    (@family $instrument:ident $name:literal, ($($labels:expr)?), ($($buckets:expr)?), $help:literal) => {
        Family {
            name: $name,
            kind: <$instrument as Instrument>::KIND,
            labels: families!(@slice $($labels)?),
            buckets: families!(@slice $($buckets)?),
            help: $help,
        }
    };
    (@slice) => { &[] };
    (@slice $slice:expr) => { &$slice };
}

pub(super) use families;
