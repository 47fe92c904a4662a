//! Several resources that are one thing to us: a function, an API, a queue. Knows nothing of which of them the shop has.
//!
//! Whatever adds a resource tracks its caller, so that the resource is found where a stack asks for it, and not in here.

pub mod function;
pub mod monitoring;
pub mod queue;
pub mod rest_api;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// What distinguishes one content from another, short enough to end a logical id with.
pub(crate) fn fingerprint(content: &impl Serialize) -> String {
    let json = serde_json::to_string(content).expect("properties are plain data");
    let start = Sha256::digest(json).iter().take(5).fold(0, |start, byte| (start << 8) | u64::from(*byte));
    format!("{start:010X}")
}
