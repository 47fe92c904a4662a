//! What a profile says about credentials: where the first ones come from, and which roles are assumed with them in turn. Pure; reads no file and
//! calls nobody.
//!
//! The rules are those of the AWS SDKs and the AWS CLI:
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>. A key without a value counts as absent.

use aws_config::profile::{Profile, ProfileSet};

/// The durations of a role's session that STS accepts, in seconds.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const DURATIONS: std::ops::RangeInclusive<i32> = 900..=43_200;

/// How a profile gets to its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub base: Base,
    /// In the order in which they are assumed.
    pub roles: Vec<Role>,
}

/// Where the first credentials of a chain come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// The access keys of this profile.
    Keys {
        profile: String,
    },
    /// `credential_source = Environment`
    Environment,
    /// `credential_source = EcsContainer`
    Container,
    /// `credential_source = Ec2InstanceMetadata`
    Instance,
    WebIdentity(Token),
    Sso(Sso),
    Process {
        profile: String,
        command: Command,
    },
    /// A session of `aws login`.
    Login {
        profile: String,
        session: String,
    },
}

/// A command line, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Command(pub String);

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.split_whitespace().next().unwrap_or_default())
    }
}

/// A token in a file, and the role that it is exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub file: String,
    /// Who names the file.
    pub named_by: String,
    pub role: String,
    pub session: Option<String>,
}

/// A role in IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sso {
    pub profile: String,
    /// The name of the `[sso-session]`, if the profile uses one.
    pub session: Option<String>,
    pub region: String,
    pub start_url: String,
    pub account: String,
    pub role: String,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// Which profile says so.
    pub profile: String,
    pub arn: String,
    pub external_id: Option<String>,
    pub session: Option<String>,
    /// In seconds.
    pub duration: Option<i32>,
    /// The ARN or serial number of the MFA device whose code is required.
    pub mfa: Option<String>,
}

/// Why a profile has no usable credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the profile `{0}` has no credentials")]
    NoCredentials(String),
    #[error("the profile `{profile}` has no `{key}`, which `{beside}` requires")]
    MissingKey { profile: String, key: &'static str, beside: &'static str },
    #[error("the profile `{profile}` names the source_profile `{source_profile}`, which does not exist")]
    NoSource { profile: String, source_profile: String },
    #[error("the profile `{profile}` has a role_arn, but no `source_profile`, `credential_source` or `web_identity_token_file`")]
    NoSourceNamed { profile: String },
    #[error("the profile `{profile}` has both `source_profile` and `credential_source`: only one can be meant")]
    TwoSources { profile: String },
    #[error("the profiles name each other as source_profile: {}", .0.join(" → "))]
    Loop(Vec<String>),
    #[error("the profile `{profile}` names the sso_session `{session}`, which does not exist")]
    NoSsoSession { profile: String, session: String },
    #[error("{key} = {value} in the profile `{profile}` cannot be used: {accepted}")]
    Value { profile: String, key: &'static str, value: String, accepted: &'static str },
}

/// Reads what a profile says. The profile exists.
pub(super) fn chain(profiles: &ProfileSet, name: &str) -> Result<Chain, Problem> {
    let mut visited = Vec::<String>::new();
    let mut roles = Vec::new();
    let mut name = name.to_owned();
    let base = loop {
        let Some(profile) = profiles.get_profile(&name) else {
            return Err(match visited.pop() {
                Some(profile) => Problem::NoSource { profile, source_profile: name },
                None => Problem::NoCredentials(name),
            });
        };
        if visited.contains(&name) {
            visited.push(name);
            return Err(Problem::Loop(visited));
        }
        // Keys of a source win over its role.
        if !visited.is_empty() && has_keys(profile) {
            break keys(profile)?;
        }
        visited.push(name.clone());
        let Some(role) = role(profile)? else { break base(profiles, profile)? };
        roles.push(role);
        match (value(profile, "source_profile"), value(profile, "credential_source")) {
            (Some(_), Some(_)) => return Err(Problem::TwoSources { profile: name }),
            (None, None) => return Err(Problem::NoSourceNamed { profile: name }),
            (Some(source), None) if source == name => break base(profiles, profile)?,
            (Some(source), None) => source.clone_into(&mut name),
            (None, Some(source)) => break named_source(&name, source)?,
        }
    };
    roles.reverse();
    Ok(Chain { base, roles })
}

/// A key of a profile, if it has a value.
pub(super) fn value<'a>(profile: &'a Profile, key: &str) -> Option<&'a str> {
    profile.get(key).map(str::trim).filter(|value| !value.is_empty())
}

/// Whether a profile says anything about credentials.
pub(super) fn says_something(profile: &Profile) -> bool {
    let keys = ["aws_access_key_id", "aws_secret_access_key", "role_arn", "credential_source", "web_identity_token_file"];
    let others = ["sso_session", "sso_start_url", "sso_account_id", "sso_role_name", "login_session", "credential_process"];
    keys.into_iter().chain(others).any(|key| value(profile, key).is_some())
}

/// The role of a profile. A role beside a token is no link of the chain, but its base.
fn role(profile: &Profile) -> Result<Option<Role>, Problem> {
    let Some(arn) = value(profile, "role_arn").filter(|_| value(profile, "web_identity_token_file").is_none()) else {
        return Ok(None);
    };
    let owned = |key| value(profile, key).map(str::to_owned);
    let duration = value(profile, "duration_seconds").map(|value| {
        let seconds = value.parse().ok().filter(|seconds| DURATIONS.contains(seconds));
        seconds.ok_or_else(|| Problem::Value {
            profile: profile.name().to_owned(),
            key: "duration_seconds",
            value: value.to_owned(),
            accepted: "a role's session lasts from 900 to 43200 seconds",
        })
    });
    Ok(Some(Role {
        profile: profile.name().to_owned(),
        arn: arn.to_owned(),
        external_id: owned("external_id"),
        session: owned("role_session_name"),
        duration: duration.transpose()?,
        mfa: owned("mfa_serial"),
    }))
}

/// The credentials of a profile apart from its role.
fn base(profiles: &ProfileSet, profile: &Profile) -> Result<Base, Problem> {
    let name = profile.name().to_owned();
    if let Some(source) = value(profile, "credential_source") {
        return named_source(&name, source);
    }
    if let Some(file) = value(profile, "web_identity_token_file") {
        let role = required(profile, "role_arn", "web_identity_token_file")?;
        let session = value(profile, "role_session_name").map(str::to_owned);
        let named_by = format!("web_identity_token_file of the profile `{name}`");
        return Ok(Base::WebIdentity(Token { file: file.to_owned(), named_by, role, session }));
    }
    if let Some(sso) = sso(profiles, profile)? {
        return Ok(Base::Sso(sso));
    }
    if let Some(session) = value(profile, "login_session") {
        return Ok(Base::Login { profile: name, session: session.to_owned() });
    }
    if let Some(command) = value(profile, "credential_process") {
        return Ok(Base::Process { profile: name, command: Command(command.to_owned()) });
    }
    keys(profile)
}

fn named_source(profile: &str, source: &str) -> Result<Base, Problem> {
    match source.to_ascii_lowercase().as_str() {
        "environment" => Ok(Base::Environment),
        "ecscontainer" => Ok(Base::Container),
        "ec2instancemetadata" => Ok(Base::Instance),
        _ => Err(Problem::Value {
            profile: profile.to_owned(),
            key: "credential_source",
            value: source.to_owned(),
            accepted: "it is Environment, Ec2InstanceMetadata or EcsContainer",
        }),
    }
}

const SSO: [&str; 5] = ["sso_session", "sso_region", "sso_start_url", "sso_account_id", "sso_role_name"];

fn sso(profiles: &ProfileSet, profile: &Profile) -> Result<Option<Sso>, Problem> {
    let Some(beside) = SSO.into_iter().find(|key| value(profile, key).is_some()) else { return Ok(None) };
    let name = profile.name().to_owned();
    let session = value(profile, "sso_session");
    let of_session = |key: &'static str| {
        let Some(session) = session else { return required(profile, key, beside) };
        let section = profiles.sso_session(session);
        let section = section.ok_or_else(|| Problem::NoSsoSession { profile: name.clone(), session: session.to_owned() })?;
        let value = section.get(key).map(str::trim).filter(|value| !value.is_empty());
        value.or_else(|| self::value(profile, key)).map(str::to_owned).ok_or(Problem::MissingKey {
            profile: name.clone(),
            key,
            beside,
        })
    };
    Ok(Some(Sso {
        region: of_session("sso_region")?,
        start_url: of_session("sso_start_url")?,
        account: required(profile, "sso_account_id", beside)?,
        role: required(profile, "sso_role_name", beside)?,
        session: session.map(str::to_owned),
        profile: name,
    }))
}

const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];

fn has_keys(profile: &Profile) -> bool {
    KEYS.iter().all(|key| value(profile, key).is_some())
}

fn keys(profile: &Profile) -> Result<Base, Problem> {
    let profile_name = profile.name().to_owned();
    match KEYS.map(|key| value(profile, key).is_some()) {
        [true, true] => Ok(Base::Keys { profile: profile_name }),
        [true, false] => Err(Problem::MissingKey { profile: profile_name, key: KEYS[1], beside: KEYS[0] }),
        [false, true] => Err(Problem::MissingKey { profile: profile_name, key: KEYS[0], beside: KEYS[1] }),
        [false, false] => Err(Problem::NoCredentials(profile_name)),
    }
}

fn required(profile: &Profile, key: &'static str, beside: &'static str) -> Result<String, Problem> {
    let found = value(profile, key).map(str::to_owned);
    found.ok_or_else(|| Problem::MissingKey { profile: profile.name().to_owned(), key, beside })
}
