//! From the workspace to artifacts: the functions' packages and the built site. Knows no AWS.

pub(crate) mod env_file;
pub(crate) mod package;
pub(crate) mod site;
