//! CloudFormation as types.

pub mod access;
mod app;
pub mod check;
pub mod diff;
mod name;
mod package;
pub mod parse;
pub mod policy;
pub mod resource;
mod scalar;
mod stack;
pub mod template;
pub mod value;

pub use app::App;
pub use name::{Package, StackId};
pub use package::{Code, CodeKey};
pub use parse::Invalid;
pub use scalar::{Architecture, GivenTopicArn, LogRetention};
pub use stack::{ARTIFACT_BUCKET_PARAMETER, Afterwards, ParameterSource, Place, Presence, Published, Shared, Site, Stack};
