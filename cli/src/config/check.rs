//! What a setting must be to make sense: that the stage is one of those in the file. Settings that have a type of their own are checked
//! where they are parsed.

use std::str::FromStr;

use camino::Utf8Path;
use cart_infra::{Stage, StageName};

use super::{
    Error,
    file::{File, StageSection},
};

/// The stage of this name, and its section of the file. Without a name, the unnamed stage, which has no section.
pub(super) fn stage(name: Option<&str>, file: &File, path: &Utf8Path) -> Result<(Stage, StageSection), Error> {
    let Some(name) = name else { return Ok((Stage::Default, StageSection::default())) };
    let parsed = StageName::from_str(name).map_err(|error| Error::Value { name: "--stage", reason: error.to_string() })?;
    match file.stages.get(&parsed) {
        Some(section) => Ok((Stage::Named(parsed), section.clone())),
        None => Err(Error::UnknownStage {
            stage: name.to_owned(),
            path: path.to_owned(),
            known: file.stages.keys().map(ToString::to_string).collect(),
        }),
    }
}
