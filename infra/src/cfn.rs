//! CloudFormation as types: values, resources, templates. Knows nothing of shopping carts.

pub mod policy;
pub mod resource;
pub mod template;
pub mod value;
