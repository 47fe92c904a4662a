//! The choices about a deployment: everything in which two templates can differ.
//!
//! Knows nothing of where settings come from. Files, flags and the environment are the caller's.

use cfn::{
    Architecture, Code, GivenTopicArn, LogRetention,
    resource::iam::RoleTerms,
    template::{Attributes, Removal},
};

use cart_contract::{CookieScope, Origin};

use crate::names::{Names, StackPrefix};

/// The choices about one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The names in the account.
    pub names: Names,
    /// Whether the stage holds data that must not be lost: data, logs and failed messages outlive its stacks, nobody can delete table and
    /// user pool without switching their protection off, and the table can be restored to any second.
    pub protected: bool,
    /// The only origin whose pages may call the APIs.
    pub allowed_origin: Origin,
    /// The pages that send the cookie of an anonymous cart: only those of the API's own host, if the allowed origin is that of the
    /// stage's site, behind whose address the API is as well.
    pub cart_cookie: CookieScope,
    /// The processor of the functions.
    pub architecture: Architecture,
    /// The place of the functions' code.
    pub code: Code,
    /// The addresses of AWS or of an emulator.
    pub endpoints: Endpoints,
    /// How long log entries are kept.
    pub log_retention: LogRetention,
    /// The limit of how many of each function behind an API may run at once; none for all of the account's capacity.
    ///
    /// Reserving takes from the account's capacity, of which 100 have to stay unreserved. A young account has none to spare.
    pub reserved_concurrency: Option<u32>,
    /// The dashboard and the alarms, if the stage has them.
    pub monitoring: Option<Monitoring>,
    /// Whether WAF limits the requests of each address.
    pub waf: bool,
    /// What every role has.
    pub roles: RoleTerms,
}

/// A dashboard and alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitoring {
    /// The topic that gets a message when an alarm goes off and when it ends. Without it, alarms are only shown.
    pub alarm_topic: Option<GivenTopicArn>,
}

impl Settings {
    /// The default of every choice. The code has none.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            names: Names::default(),
            protected: false,
            allowed_origin: Origin::default(),
            cart_cookie: CookieScope::default(),
            architecture: Architecture::default(),
            code,
            endpoints: Endpoints::default(),
            log_retention: LogRetention::default(),
            reserved_concurrency: None,
            monitoring: None,
            waf: false,
            roles: RoleTerms::default(),
        }
    }

    /// Whether people's data is kept when the stacks are deleted. A stage that is not protected is deleted as a whole.
    #[must_use]
    pub fn removal(&self) -> Removal {
        if self.protected { Removal::Retain } else { Removal::Delete }
    }

    /// Whether WAF limits the requests of each address. An emulator has only one.
    #[must_use]
    pub(crate) fn has_firewall(&self) -> bool {
        self.waf && self.endpoints.has_tls()
    }

    /// Whether requests to the site and its bucket are logged, beside those to the APIs, which always are. An emulator writes no such log.
    #[must_use]
    pub(crate) fn logs_requests(&self) -> bool {
        self.protected && self.endpoints.has_tls()
    }

    /// The attributes of logs and of queues of failed messages, which a protected stage keeps like people's data.
    #[must_use]
    pub fn records(&self) -> Attributes {
        if self.protected { Attributes::record() } else { Attributes::default() }
    }
}

/// The choices about the stack that an account needs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapSettings {
    /// The beginning of the stack's name.
    pub prefix: StackPrefix,
    /// Whether it has a bucket for the functions' code.
    pub artifact_bucket: bool,
    /// Whether it has the role as which API Gateway writes logs, and puts it into force for the account.
    pub logging_role: bool,
    /// What that role has.
    pub roles: RoleTerms,
}

/// The addresses by which a deployed stage is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Endpoints {
    /// Those of AWS.
    #[default]
    Aws,
    /// The address of an emulator, which answers for every service.
    Local {
        /// The address, without a slash at the end.
        base_url: Origin,
    },
}
