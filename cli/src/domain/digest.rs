//! Names made of what they name, in hexadecimal digits: SHA-256, and what S3 takes for it.

use std::fmt::Write;

use md5::Md5;
use sha2::{Digest, Sha256};

/// The hash of the parts in a row, as 64 lower-case digits.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    digits(&parts.iter().fold(Sha256::new(), Digest::chain_update).finalize())
}

/// The hash by which S3 tells what an object holds, as 32 lower-case digits. Nothing is safe because of it.
pub(crate) fn md5(content: &[u8]) -> String {
    digits(&Md5::digest(content))
}

fn digits(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(2 * hash.len()), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
