//! Placeholder.
#![expect(dead_code, reason = "the command that packages does not exist yet")]

mod package;

fn main() {}
