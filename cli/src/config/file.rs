//! `cartctl.toml`, as written. Knows nothing of flags, of the environment and of defaults.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    io::ErrorKind,
    marker::PhantomData,
    num::NonZeroU16,
    ops::Range,
    str::FromStr,
};

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{Architecture, GivenTopicArn, Invalid, LogRetention, ParameterRoot, Region, StackPrefix, StageName};
use cfn::organisation::{BoundaryArn, GivenRoleArn, RolePath};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::{
    AccountId, Error,
    origin::BrowserOrigin,
    tags::{TagKey, TagValue},
};
use crate::domain::{
    connection::ProfileName,
    encryption::{KmsKey, Method},
};

/// Everything a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct File {
    pub prefix: Parsed<StackPrefix>,
    pub parameter_root: Parsed<ParameterRoot>,
    pub defaults: StageSection,
    pub stages: BTreeMap<StageName, StageSection>,
    pub local: LocalSection,
    pub frontend: FrontendSection,
    /// Where the values are, for errors that need more than one of them.
    #[serde(skip)]
    source: Source,
}

/// The text of a file, and its path.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    path: Utf8PathBuf,
    text: String,
}

/// What may differ from stage to stage. Under `[defaults]` it holds for all of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct StageSection {
    pub account: Option<Parsed<AccountId>>,
    pub region: Option<Parsed<Region>>,
    pub profile: Option<Parsed<ProfileName>>,
    pub protected: Option<bool>,
    pub allowed_origin: Option<Spanned<Parsed<BrowserOrigin>>>,
    pub architecture: Option<Parsed<Architecture>>,
    pub log_retention_days: Option<Counted<LogRetention>>,
    pub reserved_concurrency: Option<Counted<Concurrency>>,
    pub monitoring: Option<bool>,
    pub waf: Option<bool>,
    pub alarm_topic: Option<Spanned<Parsed<GivenTopicArn>>>,
    pub tags: Option<Spanned<BTreeMap<TagKey, Parsed<TagValue>>>>,
    pub permissions_boundary: Option<Spanned<Parsed<BoundaryArn>>>,
    pub role_path: Option<Parsed<RolePath>>,
    pub role_arn: Option<Spanned<Parsed<GivenRoleArn>>>,
    pub sse: Option<Spanned<Parsed<Method>>>,
    pub sse_kms_key: Option<Spanned<Parsed<KmsKey>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct LocalSection {
    pub port: Option<Counted<Port>>,
    pub site_port: Option<Counted<Port>>,
    pub directory: Option<Parsed<FilePath>>,
    pub shop: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct FrontendSection {
    pub env_file: Option<Parsed<FilePath>>,
    pub directory: Option<Parsed<FilePath>>,
}

impl File {
    /// The file at `path`. A file that nobody named need not exist.
    pub(super) fn read(path: &Utf8Path, named: bool) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == ErrorKind::NotFound && !named => Ok(Self::default()),
            Err(source) => Err(Error::Read { path: path.to_owned(), source }),
        }
    }

    pub(super) fn parse(path: &Utf8Path, text: &str) -> Result<Self, Error> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        match toml::from_str::<Self>(text) {
            Ok(file) => Ok(Self { source, ..file }),
            Err(error) => {
                let line = error.span().map_or("", |span| source.line(span.start));
                let message = error.to_string().trim_end().to_owned();
                // Digits with a zero first are no number to TOML, which is all that the parser can say.
                let is_bare_account = line.split('=').next().is_some_and(|key| key.trim().ends_with("account"));
                let advice = if is_bare_account && !message.contains("quotes") { "\nwrite an account in quotes" } else { "" };
                Err(Error::Parse { path: source.path, message: message + advice })
            }
        }
    }

    /// What is wrong with the values at this place.
    pub(super) fn misplaced(&self, at: &Range<usize>, key: &'static str, reason: String) -> Misplaced {
        let line = self.source.text.get(..at.start).unwrap_or_default().matches('\n').count() + 1;
        Misplaced { path: self.source.path.clone(), line, key, reason }
    }
}

impl Source {
    /// The line with the byte at this place.
    fn line(&self, at: usize) -> &str {
        let start = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
    }
}

/// A value of the file that does not fit to another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}, line {line}: {key}: {reason}")]
pub(crate) struct Misplaced {
    path: Utf8PathBuf,
    line: usize,
    key: &'static str,
    reason: String,
}

/// A value that the file has as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Parsed<T>(pub T);

/// A value that the file has as a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted<T>(pub T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor { in_quotes: true, kind: PhantomData }).map(Self)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Counted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor { in_quotes: false, kind: PhantomData }).map(Self)
    }
}

struct Visitor<T> {
    in_quotes: bool,
    kind: PhantomData<T>,
}

impl<T: FromStr<Err: Display>> de::Visitor<'_> for Visitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.in_quotes { "text in quotes" } else { "a whole number" })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        if self.in_quotes { text.parse().map_err(E::custom) } else { Err(E::invalid_type(de::Unexpected::Str(text), &self)) }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        match number.to_string().parse() {
            Ok(_) if self.in_quotes => Err(E::custom(format!("write it in quotes: \"{number}\""))),
            parsed => parsed.map_err(E::custom),
        }
    }
}

/// A port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port(pub NonZeroU16);

impl FromStr for Port {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| Invalid::new("a port", "ports are 1 to 65535", text))
    }
}

/// How many of a function may run at once; 0 for as many as the account allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Concurrency(pub u32);

impl FromStr for Concurrency {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Lambda's own type is a signed one.
        let number: Option<i32> = text.parse().ok();
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.map(Self).ok_or_else(|| Invalid::new("a number of calls at once", "1 or more, or 0 for no limit", text))
    }
}

/// The path of a file or a folder. An empty one would be the folder it is relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePath(pub Utf8PathBuf);

impl FromStr for FilePath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_path = !text.trim().is_empty() && !text.contains('\0');
        if is_path { Ok(Self(text.into())) } else { Err(Invalid::new("a path", "write the path of a file or a folder", text)) }
    }
}
