//! The names of the metrics in CloudWatch: functions write them, dashboards read them.

/// The namespace of every metric.
pub const NAMESPACE: &str = "ServerlessShoppingCart";

/// The dimension for the stack, with the value of [`CommonEnv::stack_name`](crate::CommonEnv::stack_name).
pub const STACK: &str = "stack";

/// The dimension for the function, with its handler as the value.
pub const FUNCTION: &str = "function";

/// A metric. Every metric has both dimensions, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The time from an event to its answer by the function's own clock, without the start of the process.
    Latency,
    /// The first invocation of a process, whose start somebody waited for.
    ColdStart,
    /// A request set or changed a quantity in a cart.
    CartUpdated,
    /// An anonymous cart that was not empty was moved to a user.
    CartMigrated,
    /// A cart that was not empty was checked out.
    CartCheckedOut,
}

impl Metric {
    /// The name in CloudWatch.
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

    /// The unit, one of
    /// [CloudWatch's units](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html).
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Latency => "Milliseconds",
            Self::ColdStart | Self::CartUpdated | Self::CartMigrated | Self::CartCheckedOut => "Count",
        }
    }
}
