//! The shop as the engine deploys it: its definitions, made from a configuration. Knows no AWS.

use cart_infra::{App, BootstrapSettings, Code, Origin, Stack, packages};
use cfn::check::Rule;
use serde_json::Value as Json;

use crate::{
    config::Config,
    plan::{bootstrap::Content, deploy::Definitions},
};

impl Definitions for Config {
    fn app(&self, code: &Code, site: Option<&Origin>) -> App {
        cart_infra::app(&self.settings(code.clone(), site))
    }

    fn bootstrap(&self, Content { artifact_bucket, logging_role }: Content, deployed: Option<&Json>) -> Stack {
        let (prefix, roles) = (self.names.prefix.clone(), cart_infra::stacks::bootstrap::terms(&self.roles, deployed));
        cart_infra::bootstrap(&BootstrapSettings { prefix, artifact_bucket, logging_role, roles })
    }

    fn parameter_root(&self) -> String {
        self.names.parameter_path("").trim_end_matches('/').to_owned()
    }

    fn rules(&self) -> &[Rule] {
        &[cart_infra::check::NO_PREFLIGHT]
    }

    fn pinned_origin(&self) -> Option<&Origin> {
        self.has_own_origin().then(|| self.allowed_origin(None))
    }

    fn unfit_origin(&self) -> Option<&Origin> {
        Config::unfit_origin(self)
    }
}

/// Keys that lead nowhere, for looking at stacks whose code is not built: enough for names, paths and order.
pub(crate) fn no_code() -> Code {
    Code::not_packaged(packages::ALL)
}
