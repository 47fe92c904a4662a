//! How AWS or the local cloud is reached, and what the environment says to every AWS tool. Does not know where that is configured.

use std::{fmt, future::Future, pin::Pin, str::FromStr};

use cart_contract::Origin;
use cfn::{Invalid, Region, organisation::GivenRoleArn};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::encryption::Encryption;

/// A region, a profile and an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// None, if only the profile can say.
    pub region: Option<Region>,
    /// The flag, variable or file that names the region.
    pub region_named_by: Option<String>,
    pub profile: Option<Profile>,
    pub endpoint: Endpoint,
    /// The stage that is worked on, for questions about credentials.
    pub stage: Option<String>,
    pub environment: AwsEnvironment,
    /// The only credentials of the local cloud. None for AWS, and if the local cloud that runs has none.
    pub local_keys: Option<LocalKeys>,
    /// The service role of CloudFormation. Without it, CloudFormation uses that of the stack's last operation, or the caller's permissions.
    pub service_role: Option<GivenRoleArn>,
    /// How what is uploaded for CloudFormation and Lambda is encrypted. None for the bucket's default.
    pub encryption: Option<Encryption>,
}

impl Connection {
    /// The profile that every AWS tool reads: the named one, or `default`.
    pub(crate) fn profile_name(&self) -> &str {
        self.profile.as_ref().map_or("default", |profile| profile.name.as_str())
    }
}

/// The credentials of one run of the local cloud.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LocalKeys {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl fmt::Debug for LocalKeys {
    /// Without the secret: configurations are logged.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LocalKeys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A profile in `~/.aws` that credentials are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub name: ProfileName,
    pub named_by: NamedBy,
}

/// Who names a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// `--profile`: the only source of credentials.
    Flag,
    /// `AWS_PROFILE`: gives way to keys in the environment, as for every AWS tool, but has to exist.
    Variable,
    /// `cartctl.toml`: gives way to keys in the environment.
    File,
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "--profile",
            Self::Variable => "AWS_PROFILE",
            Self::File => "cartctl.toml",
        })
    }
}

/// What the environment says to every AWS tool; empty variables are unset. Holds no secret.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AwsEnvironment {
    /// `HOME`
    pub home: Option<String>,
    /// `AWS_CONFIG_FILE`
    pub config_file: Option<String>,
    /// `AWS_SHARED_CREDENTIALS_FILE`
    pub credentials_file: Option<String>,
    pub keys: Keys,
    pub web_identity: Option<WebIdentity>,
    /// Whether `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI` is set.
    pub container: bool,
    pub proxies: ProxyVariables,
    /// `AWS_CA_BUNDLE`
    pub ca_bundle: Option<String>,
}

/// What the environment says about proxies. curl reads the lower-case name first, and of `http_proxy` no other one: a web server would take
/// `HTTP_PROXY` from a request's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxyVariables {
    /// `http_proxy`
    pub http: Option<ProxyVariable>,
    /// `https_proxy` or `HTTPS_PROXY`
    pub https: Option<ProxyVariable>,
    /// `all_proxy` or `ALL_PROXY`
    pub all: Option<ProxyVariable>,
    /// `no_proxy` or `NO_PROXY`
    pub without: Option<String>,
}

/// A variable that names a proxy. The value may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProxyVariable {
    pub name: &'static str,
    pub value: String,
}

impl fmt::Debug for ProxyVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Access keys in the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keys {
    #[default]
    Absent,
    Present,
    /// One of the two variables is set; this is the other one.
    Missing(&'static str),
}

/// A role that a token in a file is exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebIdentity {
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`
    pub token_file: String,
    /// `AWS_ROLE_ARN`
    pub role: Option<String>,
    /// `AWS_ROLE_SESSION_NAME`
    pub session: Option<String>,
}

/// Asks somebody for the current code of an MFA device. None, if nobody can be asked.
pub(crate) type AskForCode = fn(CodeQuestion) -> Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// What a code of an MFA device is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeQuestion {
    /// The ARN or the serial number.
    pub device: String,
    /// The ARN of the role that is assumed with it, which names the account.
    pub role: String,
    pub profile: String,
    /// None for an app that has no stages.
    pub stage: Option<String>,
}

cfn::parsed! {
    /// The name of a profile. What files with profiles cannot hold is refused here; whether the profile exists is found out there.
    ProfileName is "a profile's name": "write it as in ~/.aws/config, without brackets, and without spaces at its ends",
        |text| !text.is_empty() && text.trim() == text && !text.chars().any(|c| c.is_control() || "[]".contains(c));
}

/// The address of a service that behaves like AWS: `http` or `https`, a host, and perhaps a port and a path. No slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointUrl(String);

impl FromStr for EndpointUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match usable(text) {
            Ok(url) => Ok(Self(url.as_str().trim_end_matches('/').to_owned())),
            // A password is for nobody's log.
            Err(rule) => Err(Invalid::new("a URL of a service", rule, text.rsplit('@').next().unwrap_or_default())),
        }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The URL, or why requests cannot be sent to it.
fn usable(text: &str) -> Result<Url, String> {
    const RULE: &str = "write one like http://localhost:4566";
    if !["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
    {
        // The authority begins with what is no scheme: a name or an address.
        let is_bare = !text.contains("://") && usable(&format!("http://{text}")).is_ok();
        return Err(if is_bare && !text.starts_with('/') {
            format!("write http://{text} or https://{text}")
        } else {
            RULE.to_owned()
        });
    }
    let url = Url::parse(text).map_err(|_| RULE.to_owned())?;
    if text != text.trim() || url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        return Err(RULE.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("leave out the user before `@`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("leave out everything from `?` or `#` on".to_owned());
    }
    Ok(url)
}

/// Where requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// AWS itself.
    #[default]
    Aws,
    /// A service at this URL that behaves like AWS.
    Url(EndpointUrl),
    /// The local cloud, which accepts the credentials of its run.
    Local(Origin),
}

impl Endpoint {
    /// None for AWS itself.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::Aws => None,
            Self::Url(url) => Some(&url.0),
            Self::Local(origin) => Some(origin.as_str()),
        }
    }

    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_a_name_that_a_file_can_hold() {
        for text in ["default", "shop-1", "me@work", "my profile", "a/b.c:d", "ü"] {
            assert!(text.parse::<ProfileName>().is_ok(), "{text}");
        }
        for text in ["", " ", " shop", "shop\n", "a\tb", "[profile shop]", "a]"] {
            assert!(text.parse::<ProfileName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_without_extras() {
        for (text, url) in [
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
            ("http://localhost:4566/", "http://localhost:4566"),
            ("HTTPS://Aws.Example", "https://aws.example"),
            ("https://aws.example/a/b", "https://aws.example/a/b"),
            ("http://[::1]:4566", "http://[::1]:4566"),
            ("http://münchen.example", "http://xn--mnchen-3ya.example"),
        ] {
            assert_eq!(text.parse::<EndpointUrl>().map(|url| url.to_string()).as_deref(), Ok(url), "{text}");
        }
        for (text, rule) in [
            ("localhost:4566", "write http://localhost:4566 or"),
            ("127.0.0.1:4566", "write http://127.0.0.1:4566 or"),
            ("aws.example", "write http://aws.example or"),
            ("", "write one like"),
            ("http://", "write one like"),
            ("http:localhost", "write one like"),
            ("//localhost:4566", "write one like"),
            ("ftp://localhost", "write one like"),
            ("file:///etc/passwd", "write one like"),
            ("unix:///var/run/aws.sock", "write one like"),
            ("http://a b", "write one like"),
            (" http://localhost:4566", "write one like"),
            ("http://localhost:4566 ", "write one like"),
            ("http://localhost:0", "write one like"),
            ("http://localhost:65536", "write one like"),
            ("http://localhost:port", "write one like"),
            ("http://me@localhost", "leave out the user"),
            ("http://me:secret@localhost", "leave out the user"),
            ("http://localhost?a=b", "leave out everything from"),
            ("http://localhost/#a", "leave out everything from"),
        ] {
            let error = text.parse::<EndpointUrl>().unwrap_err();
            assert!(error.rule.starts_with(rule) && !error.to_string().contains("secret"), "{text:?}: {error}");
        }
    }
}
