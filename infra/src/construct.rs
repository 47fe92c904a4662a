//! Several resources that are used as one: a function, an API, a queue. Knows nothing of which of them the shop has.
//!
//! Whatever adds a resource tracks its caller, so that the resource is found at the line where a stack asks for it.

pub(crate) mod firewall;
pub mod function;
pub(crate) mod monitoring;
pub(crate) mod queue;
pub mod rest_api;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// A hash of some content, short enough for the end of a logical id.
pub(crate) fn fingerprint(content: &impl Serialize) -> String {
    let json = serde_json::to_string(content).expect("properties are plain data");
    let start = Sha256::digest(json).iter().take(5).fold(0, |start, byte| (start << 8) | u64::from(*byte));
    format!("{start:010X}")
}
