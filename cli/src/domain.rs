//! The words that all layers share: stacks and their statuses, moments, failures and their causes, events. Pure, and knows nobody.

pub(crate) mod bucket;
pub(crate) mod cause;
pub(crate) mod command;
pub(crate) mod connection;
pub(crate) mod digest;
pub(crate) mod encryption;
pub(crate) mod event;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod logs;
pub(crate) mod moment;
pub(crate) mod notice;
pub(crate) mod pace;
pub(crate) mod package;
pub(crate) mod site;
pub(crate) mod stack;
pub(crate) mod tame;
pub(crate) mod text;
pub(crate) mod timeline;
pub(crate) mod totals;
