//! What a setting must be to make sense: that the stage is one of those in the file, and that settings fit together. A setting by itself
//! is checked where it is parsed.

use std::{fmt::Display, str::FromStr};

use camino::Utf8Path;
use cart_infra::{Stage, StageName};

use super::{
    Error,
    environment::Variable,
    file::{File, StageSection},
    merge::Named,
};

/// The stage of this name, and its section of the file. Without a name, the unnamed stage, which has no section.
pub(super) fn stage(named: Option<Named<'_>>, file: &File, path: &Utf8Path) -> Result<(Stage, StageSection), Error> {
    let Some(Named { source, value }) = named else { return Ok((Stage::Default, StageSection::default())) };
    let parsed: StageName = parsed(source, value)?;
    match file.stages.get(&parsed) {
        Some(section) => Ok((Stage::Named(parsed), section.clone())),
        None => Err(Error::UnknownStage {
            stage: value.to_owned(),
            named_by: source.to_owned(),
            path: path.to_owned(),
            known: file.stages.keys().map(ToString::to_string).collect(),
        }),
    }
}

/// The value of a variable.
pub(super) fn variable<T: FromStr<Err: Display>>(variable: &Variable) -> Result<T, Error> {
    parsed(&variable.name, &variable.value)
}

fn parsed<T: FromStr<Err: Display>>(source: &str, value: &str) -> Result<T, Error> {
    value.parse().map_err(|error: T::Err| Error::Value { name: source.to_owned(), reason: error.to_string() })
}
