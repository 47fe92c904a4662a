//! What can be chosen about a deployment. Everything that varies between two templates comes from here.
//!
//! Knows nothing of where settings come from: files, flags and the environment are the caller's.

use cfn::{Architecture, Code, GivenTopicArn, LogRetention, template::Removal};

use cart_contract::Origin;

use crate::names::{Names, StackPrefix};

/// What can be chosen about one copy of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What it is called.
    pub names: Names,
    /// Whether it holds what must not be lost: data outlives the stacks, and the table can be restored to any second.
    pub protected: bool,
    /// The one origin a browser may call from.
    pub allowed_origin: Origin,
    /// What the functions run on.
    pub architecture: Architecture,
    /// Where the functions' code is.
    pub code: Code,
    /// How what is deployed is reached.
    pub endpoints: Endpoints,
    /// How long logs are kept.
    pub log_retention: LogRetention,
    /// How many of each function behind an API may run at once, if that is limited.
    ///
    /// Reserving takes from the account's pool, of which AWS keeps 100 unreserved: a young account has none to give.
    pub reserved_concurrency: Option<u32>,
    /// Whether CloudWatch watches it, and who is told.
    pub monitoring: Option<Monitoring>,
}

/// A dashboard and alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitoring {
    /// Who is told when something goes wrong, and when it is over. Without it, alarms are only shown.
    pub alarm_topic: Option<GivenTopicArn>,
}

impl Settings {
    /// The defaults of everything but the code, which has none.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            names: Names::default(),
            protected: false,
            allowed_origin: Origin::default(),
            architecture: Architecture::default(),
            code,
            endpoints: Endpoints::default(),
            log_retention: LogRetention::default(),
            reserved_concurrency: None,
            monitoring: None,
        }
    }

    /// What becomes of people's data when the stacks are deleted. A stage that is not protected is a demonstration, deleted whole.
    #[must_use]
    pub fn removal(&self) -> Removal {
        if self.protected { Removal::Retain } else { Removal::Delete }
    }
}

/// What can be chosen about what an account needs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapSettings {
    /// Begins the name of the stack.
    pub prefix: StackPrefix,
    /// Whether to make a bucket for code.
    pub artifact_bucket: bool,
    /// Whether to make the role as which API Gateway writes logs, and to put it in force for the account.
    pub logging_role: bool,
}

/// How what is deployed is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Endpoints {
    /// At AWS.
    #[default]
    Aws,
    /// At an emulator, which answers for every service at one address.
    Local {
        /// The address.
        base_url: Origin,
    },
}
