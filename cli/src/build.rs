//! From the workspace to artifacts: the functions' packages, and the frontend's variables and site. Knows no AWS.

mod archive;
mod compile;
mod elf;
pub(crate) mod env_block;
pub(crate) mod env_file;
pub(crate) mod inherited;
pub(crate) mod manifest;
mod narrator;
pub(crate) mod node;
pub(crate) mod package;
pub(crate) mod packaged_site;
pub(crate) mod process;
pub(crate) mod site;
mod toolchain;
