//! Names made of what they name: SHA-256, and what S3 takes for it.

use cfn::CodeHash;
use md5::Md5;
use sha2::{Digest, Sha256};

/// The hash of the parts in a row, as 64 lower-case digits.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    hex::encode(parts.iter().fold(Sha256::new(), Digest::chain_update).finalize())
}

/// The hash of an archive's bytes.
pub(crate) fn code_hash(archive: &[u8]) -> CodeHash {
    <[u8; 32]>::from(Sha256::digest(archive)).into()
}

/// The hash by which S3 tells what an object holds, as 32 lower-case digits. Nothing is safe because of it.
pub(crate) fn md5(content: &[u8]) -> String {
    hex::encode(Md5::digest(content))
}
