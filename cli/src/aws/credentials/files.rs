//! The files that hold AWS profiles: where they are, whether they can be read, and which profiles they have.

use std::{
    io::{self, ErrorKind as Io},
    path::{Path, PathBuf},
};

use aws_config::profile::{self, Profile, ProfileSet};
use aws_runtime::env_config::file::{EnvConfigFileKind as Kind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::super::{Error, ErrorKind};
use crate::domain::connection::{self, AwsEnvironment};

/// The profiles of both files, and the files.
#[derive(Clone, Debug)]
pub(in super::super) struct Profiles {
    pub set: ProfileSet,
    /// The same files, for the SDK.
    pub files: EnvConfigFiles,
    located: [Located; 2],
}

/// A file of profiles that may not exist.
#[derive(Clone, Debug)]
struct Located {
    path: PathBuf,
    /// The variable that names it, if one does.
    variable: Option<&'static str>,
    /// The text, if the file exists.
    text: Option<String>,
}

impl Profiles {
    /// Reads both files. A file need not exist, but if it does, it has to be readable and well-formed.
    pub(in super::super) async fn read(environment: &AwsEnvironment) -> Result<Self, Error> {
        let home = environment.home.as_deref();
        let config = Located::read(home, environment.config_file.as_deref(), "AWS_CONFIG_FILE", "config")?;
        let variable = "AWS_SHARED_CREDENTIALS_FILE";
        let credentials = Located::read(home, environment.credentials_file.as_deref(), variable, "credentials")?;
        let files = [(Kind::Config, &config), (Kind::Credentials, &credentials)];
        let files = files.into_iter().fold(EnvConfigFiles::builder(), |files, (kind, located)| match located.text {
            Some(_) => files.with_file(kind, &located.path),
            None => files.with_contents(kind, ""),
        });
        let files = files.build();
        let set = profile::load(&Fs::default(), &Env::default(), &files, Some("default".into())).await;
        let set = set.map_err(|error| malformed(super::super::innermost(&error)))?;
        Ok(Self { set, files, located: [config, credentials] })
    }

    /// The profile that was named. Fails if it does not exist.
    pub(in super::super) fn named(&self, named: &connection::Profile) -> Result<&Profile, Error> {
        self.set.get_profile(named.name.as_str()).ok_or_else(|| self.absent(named))
    }

    fn absent(&self, named: &connection::Profile) -> Error {
        let connection::Profile { name, named_by } = named;
        let operation = format!("finding the profile `{name}`");
        let files: Vec<_> = self.located.iter().map(Located::to_string).collect();
        let message = format!("{named_by} names it, and it is neither in {}", files.join(" nor in "));
        Error::new(operation, ErrorKind::Credentials, message).with_hint(self.nearest(name.as_str()))
    }

    fn nearest(&self, name: &str) -> String {
        let [config, _] = &self.located;
        if let Some(line) = config.line_of(&format!("[{name}]")) {
            return format!(
                "line {line} of {} has to be `[profile {name}]`: only the credentials file has names alone",
                config.path.display()
            );
        }
        let mut known: Vec<_> = self.set.profiles().collect();
        known.sort_unstable();
        if known.is_empty() {
            return format!("add the profile to {}", config.path.display());
        }
        format!("the profiles are {}: name one of them, or add another one to {}", known.join(", "), config.path.display())
    }

    /// The line that says this of a profile, for messages. What the credentials file says wins.
    pub(in super::super) fn place_of(&self, profile: &str, key: &str) -> String {
        let [config, credentials] = &self.located;
        let lines = [
            (credentials, credentials.line_of_key(&[profile], key)),
            (config, config.line_of_key(&[&format!("profile {profile}"), profile], key)),
        ];
        let found = lines.into_iter().find_map(|(located, line)| Some(format!("line {} of {located}", line?)));
        found.unwrap_or_else(|| self.places())
    }

    /// The files, for messages.
    pub(in super::super) fn places(&self) -> String {
        let existing: Vec<_> = self.located.iter().filter(|located| located.text.is_some()).collect();
        let places = if existing.is_empty() { self.located.iter().collect() } else { existing };
        places.into_iter().map(Located::to_string).collect::<Vec<_>>().join(" or ")
    }
}

impl Located {
    fn read(home: Option<&str>, named: Option<&str>, variable: &'static str, default: &str) -> Result<Self, Error> {
        let home = home.map(Path::new);
        let path = match (named, home) {
            (Some(path), Some(home)) if path == "~" || path.starts_with("~/") => home.join(path.trim_start_matches(['~', '/'])),
            (Some(path), _) => path.into(),
            (None, Some(home)) => home.join(".aws").join(default),
            (None, None) => Path::new("~/.aws").join(default),
        };
        let variable = named.map(|_| variable);
        match std::fs::read(&path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Self { path, variable, text: Some(text) }),
                Err(error) => {
                    let valid = error.utf8_error().valid_up_to();
                    let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
                    Err(malformed(format!("line {line} of {} is not UTF-8", path.display())))
                }
            },
            Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => Ok(Self { path, variable, text: None }),
            Err(error) => Err(unreadable(&path, variable, &error)),
        }
    }

    /// The number of the last line that sets this in a section of one of these names.
    fn line_of_key(&self, sections: &[&str], key: &str) -> Option<usize> {
        let mut inside = false;
        let mut found = None;
        for (place, line) in self.text.as_deref()?.lines().enumerate() {
            if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let name = section.split_whitespace().collect::<Vec<_>>().join(" ");
                inside = sections.contains(&name.as_str());
            } else if inside
                && !line.starts_with([' ', '\t'])
                && line.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case(key))
            {
                found = Some(place + 1);
            }
        }
        found
    }

    /// The number of the first line that is this, apart from spaces.
    fn line_of(&self, wanted: &str) -> Option<usize> {
        self.text.as_deref()?.lines().position(|line| line.trim() == wanted).map(|place| place + 1)
    }
}

impl std::fmt::Display for Located {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        match (self.variable, &self.text) {
            (Some(variable), Some(_)) => write!(f, " ({variable})"),
            (Some(variable), None) => write!(f, " ({variable}; it does not exist)"),
            (None, Some(_)) => Ok(()),
            (None, None) => f.write_str(" (it does not exist)"),
        }
    }
}

fn unreadable(path: &Path, variable: Option<&str>, error: &io::Error) -> Error {
    let named = variable.map_or_else(String::new, |variable| format!(" ({variable})"));
    let hint = format!("it has to be a file that you may read: `ls -ld {}` shows what it is", path.display());
    Error::new(READING, ErrorKind::Credentials, format!("{}{named}: {error}", path.display())).with_hint(hint)
}

const READING: &str = "reading the AWS profiles";

/// The parser's words are `error parsing FILE on line 3:\n  Expected an '=' sign defining a property`.
fn malformed(message: String) -> Error {
    let said = message.strip_prefix("error parsing ").and_then(|rest| {
        let (place, what) = rest.split_once(":\n")?;
        let (file, line) = place.rsplit_once(" on line ")?;
        Some(format!("line {line} of {file} cannot be used: {}", what.trim()))
    });
    let hint = "correct the line; sections are `[profile NAME]` and lines `key = value`";
    Error::new(READING, ErrorKind::Credentials, said.unwrap_or(message)).with_hint(hint)
}
