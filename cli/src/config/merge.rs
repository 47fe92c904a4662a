//! Which of several sources a setting is taken from: flags over environment over the stage's section over `[defaults]` over what holds
//! where none of them says anything. Checks nothing.

use std::collections::BTreeMap;

use cart_infra::{Architecture, LogRetention, Monitoring, Origin, Stage};

use super::{AllowedOrigin, Pin, environment::Environment, file::StageSection};
use crate::{
    args::Global,
    domain::connection::{Connection, Endpoint, Profile},
};

/// Where a setting may come from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub flags: &'a Global,
    pub environment: &'a Environment,
    /// The section of the stage.
    pub stage: &'a StageSection,
    pub defaults: &'a StageSection,
}

impl Sources<'_> {
    /// What the file says for the stage, or else for all of them.
    fn of_file<T>(&self, setting: impl Fn(&StageSection) -> Option<T>) -> Option<T> {
        setting(self.stage).or_else(|| setting(self.defaults))
    }

    /// How AWS, or what behaves like it, is reached.
    pub(super) fn connection(&self) -> Connection {
        let Self { flags, environment, .. } = self;
        let region = flags.region.clone().or_else(|| environment.region.clone());
        let fallback = || environment.profile.clone().or_else(|| self.of_file(|section| section.profile.clone()));
        let endpoint_url = flags.endpoint_url.clone().or_else(|| environment.endpoint_url.clone());
        Connection {
            region: region.or_else(|| self.region_of_file()),
            profile: flags.profile.clone().map(Profile::Asked).or_else(|| fallback().map(Profile::Fallback)),
            endpoint: endpoint_url.map_or(Endpoint::Aws, Endpoint::Url),
        }
    }

    fn region_of_file(&self) -> Option<String> {
        self.of_file(|section| section.region.clone())
    }

    pub(super) fn pin(&self) -> Option<Pin> {
        let account = self.of_file(|section| section.account.clone())?;
        Some(Pin { account, region: self.region_of_file() })
    }

    pub(super) fn protected(&self) -> bool {
        self.of_file(|section| section.protected).unwrap_or(false)
    }

    /// Alarms cost money and need somebody who looks at them. A stage is worth that if its data is protected.
    pub(super) fn monitoring(&self) -> Option<Monitoring> {
        let wanted = self.of_file(|section| section.monitoring).unwrap_or_else(|| self.protected());
        wanted.then(|| Monitoring { alarm_topic: self.of_file(|section| section.alarm_topic.clone()) })
    }

    pub(super) fn allowed_origin(&self) -> AllowedOrigin {
        match &self.stage.allowed_origin {
            Some(origin) => AllowedOrigin::OfStage(origin.clone()),
            None => AllowedOrigin::OfAll(self.defaults.allowed_origin.clone().unwrap_or_default()),
        }
    }

    /// The allowed origin, if the file says which.
    pub(super) fn origin_of_file(&self) -> Option<Origin> {
        self.of_file(|section| section.allowed_origin.clone())
    }

    pub(super) fn architecture(&self) -> Architecture {
        self.of_file(|section| section.architecture).unwrap_or_default()
    }

    pub(super) fn log_retention(&self) -> LogRetention {
        self.of_file(|section| section.log_retention_days).unwrap_or_default()
    }

    pub(super) fn reserved_concurrency(&self) -> Option<u32> {
        self.of_file(|section| section.reserved_concurrency)
    }

    /// A tag of the stage wins over one of all stages.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        self.defaults.tags.iter().chain(&self.stage.tags).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// The name of the stage that was asked for. None for the unnamed one.
pub(super) fn stage<'a>(flags: &'a Global, environment: &'a Environment) -> Option<&'a str> {
    let asked = flags.stage.as_deref().or(environment.stage.as_deref());
    asked.filter(|name| !name.is_empty() && *name != Stage::Default.to_string())
}
