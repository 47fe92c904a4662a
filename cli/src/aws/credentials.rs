//! Where credentials come from, as for every AWS tool. Exactly one source is chosen, by what is named and what exists; no other one is ever tried
//! instead (docs/adr/0034-one-source-of-credentials.md).

use std::{sync::Arc, time::Duration};

use aws_config::{
    SdkConfig,
    credential_process::CredentialProcessProvider,
    ecs::EcsCredentialsProvider,
    environment::EnvironmentVariableCredentialsProvider,
    imds::{credentials::ImdsCredentialsProvider, region::ImdsRegionProvider},
    login::LoginCredentialsProvider,
    provider_config::ProviderConfig,
    sso::SsoCredentialsProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::region::Region;
use tokio::sync::Mutex;

use self::chain::{Base, Chain, Role, Token};
use super::{Error, ErrorKind, causes};
use crate::domain::{
    command::Command,
    connection::{AskForCode, AwsEnvironment, CodeQuestion, Connection, Keys, NamedBy, WebIdentity},
    text::shell_word,
};

pub(super) use self::files::Profiles;

mod chain;
mod files;
#[cfg(test)]
mod tests;

const FINDING: &str = "finding credentials";

/// How long before their end credentials are not used any more.
const MARGIN: Duration = Duration::from_mins(1);

/// The region and who names it, if the profile or this machine does.
pub(super) async fn region(
    connection: &Connection,
    profiles: &Profiles,
    config: &ProviderConfig,
) -> Result<Option<(String, String)>, Error> {
    let profile = match &connection.profile {
        Some(named) if named.named_by != NamedBy::File || profiles.set.get_profile(named.name.as_str()).is_some() => {
            Some(profiles.named(named)?)
        }
        Some(_) => None,
        None => profiles.set.get_profile("default"),
    };
    if let Some(profile) = profile
        && let Some(region) = chain::value(profile, "region")
    {
        let place = profiles.place_of(profile.name(), "region");
        let named_by = format!("region of the profile `{}` in {place}", profile.name());
        return match region.parse::<cfn::Region>() {
            Ok(region) => Ok(Some((region.to_string(), named_by))),
            Err(error) => Err(Error::new("finding the region", ErrorKind::NoRegion, format!("{named_by}: {error}"))
                .with_hint("correct the profile, or name the region with `--region`")),
        };
    }
    // Only an instance knows its own region, and asking takes a second anywhere else.
    match choice(connection, profiles)? {
        Chain { base: Base::Instance, .. } => {
            let region = ImdsRegionProvider::builder().configure(config).build().region().await;
            Ok(region.map(|region| (region.to_string(), "the instance".to_owned())))
        }
        _ => Ok(None),
    }
}

/// The file with root certificates that the profile names, and who names it.
pub(super) fn certificates(connection: &Connection, profiles: &Profiles) -> Option<(String, String)> {
    let name = connection.profile_name();
    let path = chain::value(profiles.set.get_profile(name)?, "ca_bundle")?;
    Some((format!("ca_bundle of the profile `{name}`"), path.to_owned()))
}

/// The one source of credentials. Makes no call.
fn choice(connection: &Connection, profiles: &Profiles) -> Result<Chain, Error> {
    let Connection { profile, environment, .. } = connection;
    if let Some(named) = profile
        && (named.named_by != NamedBy::File || environment.keys == Keys::Absent)
    {
        // Named and absent is an error, even where keys win.
        profiles.named(named)?;
    }
    let alone = |base| Chain { base, roles: Vec::new() };
    let of = |name: &str| chain::chain(&profiles.set, name).map_err(|problem| unusable(&problem, profiles));
    match (profile, environment.keys) {
        (Some(named), _) if named.named_by == NamedBy::Flag => of(named.name.as_str()),
        (_, Keys::Present) => Ok(alone(Base::Environment)),
        (_, Keys::Missing(variable)) => {
            let message = format!("the environment has one of two keys: {variable} is not set");
            Err(Error::new(FINDING, ErrorKind::Credentials, message).with_hint(format!("set {variable} as well, or neither")))
        }
        (Some(named), Keys::Absent) => of(named.name.as_str()),
        (None, Keys::Absent) => match profiles.set.get_profile("default") {
            Some(default) if chain::says_something(default) => of("default"),
            _ => Ok(alone(surroundings(environment)?)),
        },
    }
}

/// What this process was given by where it runs.
fn surroundings(environment: &AwsEnvironment) -> Result<Base, Error> {
    match &environment.web_identity {
        Some(WebIdentity { role: None, .. }) => {
            let message = "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not";
            Err(Error::new(FINDING, ErrorKind::Credentials, message)
                .with_hint("set AWS_ROLE_ARN to the role that the token is for"))
        }
        Some(WebIdentity { token_file, role: Some(role), session }) => Ok(Base::WebIdentity(Token {
            file: token_file.clone(),
            named_by: "AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(),
            role: role.clone(),
            session: session.clone(),
        })),
        None if environment.container => Ok(Base::Container),
        None => Ok(Base::Instance),
    }
}

fn unusable(problem: &chain::Problem, profiles: &Profiles) -> Error {
    let hint = format!("correct the profile in {}", profiles.places());
    Error::new(FINDING, ErrorKind::Credentials, problem.to_string()).with_hint(hint)
}

fn sso_login(profile: &str) -> Command {
    Command::aws("sso login --profile").with(profile)
}

fn login(profile: &str) -> Command {
    Command::aws("login --profile").with(profile)
}

/// Gets credentials as one source says, and keeps them until shortly before they end.
#[derive(Debug)]
pub(super) struct Source {
    base: Arc<dyn ProvideCredentials>,
    chain: Chain,
    /// Nobody named a source, and nothing else was found.
    last_resort: bool,
    /// Without credentials.
    sdk: SdkConfig,
    ask: AskForCode,
    /// For questions.
    stage: Option<String>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    credentials: Option<Credentials>,
    /// A code works once, and nobody expects the question in the middle of a deployment.
    has_asked: bool,
}

impl Source {
    /// Chooses the source. Makes no call.
    pub(super) fn choose(
        connection: &Connection,
        profiles: &Profiles,
        config: &ProviderConfig,
        sdk: SdkConfig,
        ask: AskForCode,
    ) -> Result<Self, Error> {
        let chain = choice(connection, profiles)?;
        let last_resort = connection.profile.is_none() && chain == Chain { base: Base::Instance, roles: Vec::new() };
        Ok(Self {
            base: provider(&chain.base, profiles, config, &sdk),
            chain,
            last_resort,
            sdk,
            ask,
            stage: connection.stage.clone(),
            kept: Mutex::default(),
        })
    }

    /// What renews the credentials once their session has ended.
    pub(super) fn renewal(&self) -> String {
        let again = "then run the same command again";
        match &self.chain.base {
            Base::Sso(sso) => format!("sign in with {}, {again}", sso_login(&sso.profile)),
            Base::Login { profile, .. } => format!("sign in with {}, {again}", login(profile)),
            Base::Environment => {
                format!("sign in again for new keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN), {again}")
            }
            Base::Keys { profile } => format!("sign in again for new keys in the profile `{profile}`, {again}"),
            Base::Process { profile, .. } => {
                format!("sign in again where the credential_process of the profile `{profile}` gets its keys, {again}")
            }
            Base::WebIdentity(token) => format!("renew the token in {} ({}), {again}", token.file, token.named_by),
            Base::Container | Base::Instance => format!("wait until this machine has renewed its credentials, {again}"),
        }
    }

    async fn credentials(&self) -> Result<Credentials, Error> {
        let mut kept = self.kept.lock().await;
        let now = self.sdk.time_source().unwrap_or_default().now();
        let still_good = |credentials: &&Credentials| credentials.expiry().is_none_or(|expiry| now + MARGIN < expiry);
        if let Some(credentials) = kept.credentials.as_ref().filter(still_good) {
            return Ok(credentials.clone());
        }
        let mut credentials = self.base.provide_credentials().await.map_err(|error| self.explained(&error))?;
        for role in &self.chain.roles {
            credentials = self.assume(role, credentials, &mut kept.has_asked).await?;
        }
        kept.credentials = Some(credentials.clone());
        Ok(credentials)
    }

    async fn assume(&self, role: &Role, with: Credentials, has_asked: &mut bool) -> Result<Credentials, Error> {
        let operation = format!("assuming {} for the profile `{}`", role.arn, role.profile);
        let code = match &role.mfa {
            None => None,
            Some(device) => Some(self.code(device, role, *has_asked).await?),
        };
        *has_asked |= code.is_some();
        let sts = sts(self
            .sdk
            .to_builder()
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(with))
            .build());
        let call = sts.assume_role().role_arn(&role.arn).set_external_id(role.external_id.clone());
        let call = call.role_session_name(self.session_name(role.session.as_deref())).set_duration_seconds(role.duration);
        let call = call.set_serial_number(role.mfa.clone()).set_token_code(code);
        let answer = Box::pin(call.send()).await.map_err(|error| Error::sdk(&operation, error))?;
        session(answer.credentials, &operation)
    }

    async fn code(&self, device: &str, role: &Role, has_asked: bool) -> Result<String, Error> {
        let operation = format!("assuming {} for the profile `{}`", role.arn, role.profile);
        let refused = |message: String, hint: String| Error::new(&operation, ErrorKind::Credentials, message).with_hint(hint);
        let again = "run the same command again".to_owned();
        if has_asked {
            return Err(refused(format!("the session has ended, and a new one requires a new code of {device}"), again));
        }
        let question = CodeQuestion {
            device: device.to_owned(),
            role: role.arn.clone(),
            profile: role.profile.clone(),
            stage: self.stage.clone(),
        };
        let Some(code) = (self.ask)(question).await else {
            let hint = format!(
                "run it on a terminal, or get a session first: `eval \"$(aws configure export-credentials --profile {} --format env)\"`, \
                 and omit the profile",
                shell_word(&role.profile)
            );
            return Err(refused(
                format!("a code of the MFA device {device} is required, and nobody can be asked for it here"),
                hint,
            ));
        };
        if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused("an MFA code is six digits".to_owned(), again));
        }
        Ok(code)
    }

    fn session_name(&self, named: Option<&str>) -> String {
        session_name(named, &self.sdk)
    }

    /// Why the base has no credentials.
    fn explained(&self, error: &CredentialsError) -> Error {
        if let Some(known) = super::error::known(error) {
            return known;
        }
        // The innermost cause alone may be `No such file or directory`.
        let causes: Vec<_> = causes(error).map(ToString::to_string).collect();
        let mut last: Vec<_> = causes.iter().rev().take(2).rev().map(String::as_str).collect();
        last.dedup();
        let message = last.join(": ");
        let refused = |message: String| Error::new(FINDING, ErrorKind::Credentials, message);
        match &self.chain.base {
            Base::Instance if self.last_resort => {
                refused("none are in the environment, in a profile, or offered by this machine".to_owned())
            }
            Base::Sso(sso) => {
                let denied = super::causes(error).find_map(|cause| {
                    let refusal = cause.downcast_ref::<aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError>()?;
                    refusal.code().filter(|code| *code == "ForbiddenException")
                });
                if denied.is_some() {
                    let message = format!("you have no role {} in the account {} ({message})", sso.role, sso.account);
                    let hint =
                        format!("correct sso_account_id and sso_role_name of the profile `{}`, or ask for this role", sso.profile);
                    return refused(message).with_hint(hint);
                }
                let session = sso.session.as_ref().map_or_else(|| sso.start_url.clone(), |session| format!("`{session}`"));
                refused(format!("the profile `{}` has no valid session of {session}: {message}", sso.profile))
                    .with_hint(format!("sign in with {}, then run the same command again", sso_login(&sso.profile)))
            }
            Base::Login { profile, .. } => refused(format!("the profile `{profile}` has no valid `login_session`: {message}"))
                .with_hint(format!("sign in with {}, then run the same command again", login(profile))),
            Base::Process { profile, .. } => {
                let said = message.split_once(" external process").map_or(message.as_str(), |(_, said)| said);
                let said = said.trim_start_matches([',', ':', ' ']).trim_end();
                refused(format!("the credential_process of the profile `{profile}` did not provide any: {said}"))
                    .with_hint("run the command by itself: it has to succeed, and to print a JSON object with `Version`")
            }
            Base::Environment => refused(message).with_hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            Base::Keys { .. } | Base::Container | Base::Instance | Base::WebIdentity(_) => refused(message),
        }
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

/// The provider of the first credentials.
fn provider(base: &Base, profiles: &Profiles, config: &ProviderConfig, sdk: &SdkConfig) -> Arc<dyn ProvideCredentials> {
    match base {
        Base::Keys { profile } => {
            let profile = profiles.set.get_profile(profile);
            let value = |key| profile.and_then(|profile| chain::value(profile, key));
            let [id, secret] = ["aws_access_key_id", "aws_secret_access_key"].map(|key| value(key).unwrap_or_default());
            let token = value("aws_session_token").map(str::to_owned);
            Arc::new(Credentials::new(id, secret, token, None, "profile"))
        }
        Base::Environment => Arc::new(EnvironmentVariableCredentialsProvider::new()),
        Base::Container => Arc::new(EcsCredentialsProvider::builder().configure(config).build()),
        Base::Instance => Arc::new(ImdsCredentialsProvider::builder().configure(config).build()),
        Base::WebIdentity(token) => Arc::new(Exchange { token: token.clone(), sdk: sdk.clone() }),
        Base::Sso(sso) => {
            let mut builder = SsoCredentialsProvider::builder()
                .configure(config)
                .account_id(&sso.account)
                .role_name(&sso.role)
                .start_url(&sso.start_url)
                .region(Region::new(sso.region.clone()));
            builder.set_session_name(sso.session.clone());
            Arc::new(builder.build())
        }
        Base::Process { command, .. } => Arc::new(CredentialProcessProvider::new(command.0.clone())),
        Base::Login { session, .. } => Arc::new(LoginCredentialsProvider::builder(session).configure(config).build()),
    }
}

/// Exchanges the token in a file for credentials.
#[derive(Debug)]
struct Exchange {
    token: Token,
    sdk: SdkConfig,
}

impl Exchange {
    async fn credentials(&self) -> Result<Credentials, Error> {
        let Token { file, named_by, role, session: name } = &self.token;
        let operation = format!("assuming {role} with a token");
        // Read every time: the file is replaced before the token ends.
        let token = std::fs::read_to_string(file).map_err(|error| {
            Error::new(&operation, ErrorKind::Credentials, format!("the token file {file} ({named_by}) cannot be read: {error}"))
                .with_hint(format!("check {named_by}, and that what writes the token runs"))
        })?;
        // Not signed: the token is the credential.
        let call = sts(self.sdk.clone()).assume_role_with_web_identity().role_arn(role).web_identity_token(token.trim());
        let call = call.role_session_name(session_name(name.as_deref(), &self.sdk));
        let answer = Box::pin(call.send()).await.map_err(|error| Error::sdk(&operation, error))?;
        session(answer.credentials, &operation)
    }
}

impl ProvideCredentials for Exchange {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

fn sts(sdk: SdkConfig) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::new(&sdk.into_builder().identity_cache(aws_config::identity::IdentityCache::no_cache()).build())
}

/// Names a session of a role, as `CloudTrail` shows it.
fn session_name(named: Option<&str>, sdk: &SdkConfig) -> String {
    let since = sdk.time_source().unwrap_or_default().now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    named.map_or_else(|| format!("cartctl-{}", since.as_secs()), str::to_owned)
}

fn session(answer: Option<aws_sdk_sts::types::Credentials>, operation: &str) -> Result<Credentials, Error> {
    let missing = || Error::new(operation, ErrorKind::Other, "the answer has no credentials");
    let answer = answer.ok_or_else(missing)?;
    let expiry = answer.expiration.try_into().map_err(|_| missing())?;
    Ok(Credentials::new(answer.access_key_id, answer.secret_access_key, Some(answer.session_token), Some(expiry), "STS"))
}
