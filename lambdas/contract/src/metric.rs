//! What the functions measure, under which names CloudWatch has it: written by the functions, read by dashboards.

/// The namespace of every metric.
pub const NAMESPACE: &str = "ServerlessShoppingCart";

/// The dimension that says in which stack: [`CommonEnv::stack_name`](crate::CommonEnv::stack_name).
pub const STACK: &str = "stack";

/// The dimension that says which function: its handler.
pub const FUNCTION: &str = "function";

/// Something measured. Every metric has both dimensions, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// How long an invocation took from the event to its answer, by the function's own clock. The start of a process is not in it.
    Latency,
    /// The first invocation of a process: somebody waited for its start.
    ColdStart,
    /// A quantity in a cart was set or changed, as asked.
    CartUpdated,
    /// An anonymous cart with something in it was moved to its user.
    CartMigrated,
    /// A cart with something in it was checked out.
    CartCheckedOut,
}

impl Metric {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "Latency",
            Self::ColdStart => "ColdStart",
            Self::CartUpdated => "CartUpdated",
            Self::CartMigrated => "CartMigrated",
            Self::CartCheckedOut => "CartCheckedOut",
        }
    }

    /// Its unit, one of
    /// [those that CloudWatch knows](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html).
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Latency => "Milliseconds",
            Self::ColdStart | Self::CartUpdated | Self::CartMigrated | Self::CartCheckedOut => "Count",
        }
    }
}
