//! The words that all layers share: stacks and their statuses, moments, failures and their causes, events. Pure, and knows nobody.

pub(crate) mod cause;
pub(crate) mod digest;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod moment;
pub(crate) mod notice;
pub(crate) mod pace;
pub(crate) mod stack;
pub(crate) mod timeline;
