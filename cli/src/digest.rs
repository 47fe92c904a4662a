//! Names made of what they name: SHA-256, in hexadecimal digits.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The hash of the parts in a row, as 64 lower-case digits.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    let hash = parts.iter().fold(Sha256::new(), Digest::chain_update).finalize();
    hash.iter().fold(String::with_capacity(64), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
