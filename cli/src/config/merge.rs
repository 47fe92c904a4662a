//! Which of several sources a setting is taken from: flags over environment over the stage's section over `[defaults]` over what holds
//! where none of them says anything. Only a region of the stage's section wins over the environment. A variable is parsed where it is
//! taken.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use camino::Utf8Path;
use cart_infra::{Architecture, LogRetention, Monitoring, Origin, Region, Stage};
use cfn::{organisation::GivenRoleArn, resource::iam::RoleTerms};
use toml::Spanned;

use super::{
    AllowedOrigin, Error, Pin, check,
    environment::{Environment, Variable},
    file::{File, Misplaced, StageSection},
    regional::{Misfit, Regional, Setting},
    tags,
};
use crate::{
    args::Global,
    domain::{
        bucket::BucketName,
        connection::{Connection, Endpoint, EndpointUrl, NamedBy, Profile},
        encryption::{Encryption, Method},
    },
};

/// Where a setting may come from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub flags: &'a Global,
    pub environment: &'a Environment,
    /// The section of the stage.
    pub stage: &'a StageSection,
    pub defaults: &'a StageSection,
    /// The file with both sections, and its path.
    pub file: &'a File,
    pub path: &'a Utf8Path,
}

/// A value, and the flag or the variable that says it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub source: &'a str,
    pub value: &'a str,
}

impl Sources<'_> {
    /// What the file says for the stage, or else for all of them.
    fn of_file<T>(&self, setting: impl Fn(&StageSection) -> Option<T>) -> Option<T> {
        setting(self.stage).or_else(|| setting(self.defaults))
    }

    /// How AWS, or what behaves like it, is reached.
    pub(super) fn connection(&self) -> Result<Connection, Error> {
        let Self { flags, environment, .. } = self;
        // The SDK reads them, and fails in the middle of a call if they cannot be used.
        environment.service_urls.iter().try_for_each(|url| check::variable::<EndpointUrl>(url).map(drop))?;
        let endpoint_url = or_variable(flags.endpoint_url.clone(), environment.endpoint_url.as_ref())?;
        // The file is reviewed, and a variable may be left over from other work.
        let by = |source: &str| {
            let source = source.to_owned();
            move |region: Region| (region, source)
        };
        let of_file = |region: Option<Region>| region.map(by(self.path.as_str()));
        let own = of_file(self.stage.region.clone().map(|region| region.0));
        let region = if let Some(region) = flags.region.clone().map(by("--region")).or(own) {
            Some(region)
        } else {
            let variable = environment.region.as_ref();
            let named = or_variable(None, variable)?.zip(variable).map(|(region, variable)| by(&variable.name)(region));
            named.or_else(|| of_file(self.region_of_file()))
        };
        let (region, region_named_by) = region.unzip();
        Ok(Connection {
            region,
            region_named_by,
            profile: self.profile()?,
            endpoint: endpoint_url.map_or(Endpoint::Aws, Endpoint::Url),
            environment: environment.aws.clone(),
            service_role: self.service_role(),
            encryption: self.encryption()?,
            ..Connection::default()
        })
    }

    fn profile(&self) -> Result<Option<Profile>, Error> {
        let of = |named_by| move |name| Profile { name, named_by };
        if let Some(name) = &self.flags.profile {
            return Ok(Some(of(NamedBy::Flag)(name.clone())));
        }
        if let Some(name) = or_variable(None, self.environment.profile.as_ref())? {
            return Ok(Some(of(NamedBy::Variable)(name)));
        }
        Ok(self.of_file(|section| section.profile.clone()).map(|name| of(NamedBy::File)(name.0)))
    }

    /// The bucket that the environment names.
    pub(super) fn bucket(&self) -> Result<Option<BucketName>, Error> {
        or_variable(None, self.environment.bucket.as_ref())
    }

    /// The variable with a region that gives way to the stage's own.
    pub(super) fn ignored_region(&self) -> Option<&Variable> {
        let own = self.stage.region.as_ref().filter(|_| self.flags.region.is_none())?;
        self.environment.region.as_ref().filter(|variable| variable.value != own.0.as_str())
    }

    fn region_of_file(&self) -> Option<Region> {
        self.of_file(|section| section.region.clone()).map(|region| region.0)
    }

    pub(super) fn pin(&self) -> Option<Pin> {
        let account = self.of_file(|section| section.account.clone())?.0;
        Some(Pin { account, region: self.region_of_file() })
    }

    pub(super) fn protected(&self) -> bool {
        self.of_file(|section| section.protected).unwrap_or(false)
    }

    pub(super) fn waf(&self) -> bool {
        self.of_file(|section| section.waf).unwrap_or(false)
    }

    /// Alarms cost money and need somebody who looks at them. A stage is worth that if its data is protected.
    pub(super) fn monitoring(&self) -> Option<Monitoring> {
        let wanted = self.of_file(|section| section.monitoring).unwrap_or_else(|| self.protected());
        let topic = || self.of_file(|section| section.alarm_topic.clone()).map(|topic| topic.into_inner().0);
        wanted.then(|| Monitoring { alarm_topic: topic() })
    }

    /// What every role has.
    pub(super) fn roles(&self) -> RoleTerms {
        RoleTerms {
            permissions_boundary: self.of_file(|section| section.permissions_boundary.clone()).map(|arn| arn.into_inner().0),
            path: self.of_file(|section| section.role_path.clone()).map(|path| path.0),
        }
    }

    fn service_role(&self) -> Option<GivenRoleArn> {
        let of_file = || self.of_file(|section| section.role_arn.clone()).map(|arn| arn.into_inner().0);
        self.flags.role_arn.clone().or_else(of_file)
    }

    /// A key says that KMS encrypts.
    fn encryption(&self) -> Result<Option<Encryption>, Error> {
        let method = self.of_file(|section| section.sse.clone()).map(|method| method.into_inner().0);
        let Some(key) = self.of_file(|section| section.sse_kms_key.clone()) else {
            return Ok(method.map(|method| Encryption { method, key: None }));
        };
        if method == Some(Method::S3) {
            let reason = "with sse = \"AES256\", S3's own keys encrypt; write sse = \"aws:kms\", or omit the key".to_owned();
            return Err(self.file.misplaced(&key.span(), "sse-kms-key", reason).into());
        }
        Ok(Some(Encryption { method: method.unwrap_or(Method::Kms), key: Some(key.into_inner().0) }))
    }

    /// Fails if settings cannot hold in this region, the stage's, or in the account that it belongs to.
    pub(super) fn fit(&self, region: &Region, connection: &Connection) -> Result<(), Error> {
        let (roles, monitoring) = (self.roles(), self.monitoring());
        let regional = Regional::of(&roles, monitoring.as_ref(), connection);
        let account = self.of_file(|section| section.account.clone()).map(|account| account.0);
        match regional.misfit(region).or_else(|| regional.of_another_account(account.as_ref()?)) {
            Some(misfit) => Err(self.misplaced(misfit)),
            None => Ok(()),
        }
    }

    /// A misfit with its place: the flag, or the line of the file.
    fn misplaced(&self, Misfit { setting, reason }: Misfit) -> Error {
        let key = setting.name();
        let at = match setting {
            Setting::AlarmTopic => self.of_file(|section| section.alarm_topic.as_ref().map(Spanned::span)),
            Setting::Boundary => self.of_file(|section| section.permissions_boundary.as_ref().map(Spanned::span)),
            Setting::ServiceRole if self.flags.role_arn.is_some() => None,
            Setting::ServiceRole => self.of_file(|section| section.role_arn.as_ref().map(Spanned::span)),
            Setting::EncryptionKey => self.of_file(|section| section.sse_kms_key.as_ref().map(Spanned::span)),
        };
        match at {
            Some(at) => self.file.misplaced(&at, key, reason).into(),
            None => Error::Value { name: format!("--{key}"), reason },
        }
    }

    pub(super) fn allowed_origin(&self) -> AllowedOrigin {
        match &self.stage.allowed_origin {
            Some(origin) => AllowedOrigin::OfStage(origin.get_ref().0.0.clone()),
            None => match self.origin_of_file().unwrap_or_default() {
                origin if self.protected() && unfit(&origin).is_some() => AllowedOrigin::SiteOnly { instead_of: origin },
                origin => AllowedOrigin::OfAll(origin),
            },
        }
    }

    /// Why the stage is not deployed with the origin of its own section, if that is so.
    pub(super) fn refused_origin(&self) -> Option<Misplaced> {
        let origin = self.stage.allowed_origin.as_ref().filter(|_| self.protected())?;
        let reason = unfit(&origin.get_ref().0.0)?;
        Some(self.file.misplaced(&origin.span(), "allowed-origin", format!("a protected stage does not allow {reason}")))
    }

    /// The allowed origin, if the file says which.
    pub(super) fn origin_of_file(&self) -> Option<Origin> {
        self.of_file(|section| section.allowed_origin.clone()).map(|origin| origin.into_inner().0.0)
    }

    pub(super) fn architecture(&self) -> Architecture {
        self.of_file(|section| section.architecture.clone()).unwrap_or_default().0
    }

    pub(super) fn log_retention(&self) -> LogRetention {
        self.of_file(|section| section.log_retention_days).map_or_else(LogRetention::default, |days| days.0)
    }

    pub(super) fn reserved_concurrency(&self) -> Option<u32> {
        self.of_file(|section| section.reserved_concurrency).map(|limit| limit.0.0)
    }

    /// A tag of the stage wins over one of all stages.
    pub(super) fn tags(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut sections = [self.defaults, self.stage].into_iter().filter_map(|section| section.tags.as_ref());
        let tags: BTreeMap<_, _> = sections
            .clone()
            .flat_map(Spanned::get_ref)
            .map(|(key, value)| (key.as_str().to_owned(), value.0.as_str().to_owned()))
            .collect();
        match (tags::conflict(&tags), sections.next_back()) {
            (Some(reason), Some(last)) => Err(self.file.misplaced(&last.span(), "tags", reason).into()),
            _ => Ok(tags),
        }
    }
}

/// What makes an origin unfit for a stage with real customers: on the way, or on a customer's own machine, others may answer in its
/// place, and would be sent the cookies.
fn unfit(origin: &Origin) -> Option<String> {
    if origin.is_loopback() {
        Some(format!("{origin}, which is on every visitor's own machine"))
    } else {
        origin.is_plain().then(|| format!("{origin}, which is reached without TLS"))
    }
}

/// The value of the flag, or else of the variable.
fn or_variable<T: FromStr<Err: Display>>(flag: Option<T>, variable: Option<&Variable>) -> Result<Option<T>, Error> {
    match (flag, variable) {
        (None, Some(variable)) => check::variable(variable).map(Some),
        (flag, _) => Ok(flag),
    }
}

/// The name of the stage that was asked for. None for the unnamed one.
pub(super) fn stage<'a>(flags: &'a Global, environment: &'a Environment) -> Option<Named<'a>> {
    let flag = flags.stage.as_deref().map(|value| Named { source: "--stage", value });
    let variable = || environment.stage.as_ref().map(|stage| Named { source: &stage.name, value: &stage.value });
    let asked = flag.or_else(variable);
    asked.filter(|named| !named.value.is_empty() && named.value != Stage::Default.to_string())
}
