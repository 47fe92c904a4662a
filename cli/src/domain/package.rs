//! The functions' packages and the progress of building them. Knows nothing of compilers and archives.

use std::time::Duration;

use camino::Utf8PathBuf;
use cfn::{CodeHash, CodeKey, Package};
use serde::Serialize;

use crate::domain::moment::millis;

/// A service, ready to upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// Whose code it is.
    #[serde(rename = "service")]
    pub(crate) package: Package,
    /// The archive.
    pub(crate) path: Utf8PathBuf,
    /// What to call it in a bucket: `<service>/<hash>.zip`.
    pub(crate) key: CodeKey,
    /// The SHA-256 of the archive, which nothing else has.
    #[serde(skip)]
    pub(crate) hash: CodeHash,
    /// The size of the archive.
    pub(crate) zip_bytes: u64,
    /// The size of the binary in it.
    pub(crate) binary_bytes: u64,
}

impl Artifact {
    /// An archive of this size in bytes and with this SHA-256. A file that turns out to be another one is not uploaded.
    #[must_use]
    pub fn new(package: Package, hash: CodeHash, path: Utf8PathBuf, zip_bytes: u64) -> Self {
        Self { package, path, key: CodeKey::of(package, hash), hash, zip_bytes, binary_bytes: zip_bytes }
    }
}

/// What happens while packaging, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub(crate) enum Progress {
    /// Another cargo uses the same target folder, and this one waits until it is done.
    WaitingForLock,
    /// Some units are compiled, others are being compiled.
    Compiling {
        /// How many are compiled, or were before.
        done: u32,
        /// How many there are.
        total: u32,
        /// Those being compiled, as cargo lists them.
        current: String,
    },
    /// A line the compiler or cargo wrote: a warning, an error, a download.
    Said {
        /// The line, without its end.
        line: String,
    },
    /// Every service is compiled.
    Compiled {
        /// How long it took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// A service is ready to upload.
    Packaged {
        /// The result.
        artifact: Artifact,
        /// Whether the archive was there already.
        reused: bool,
        /// How long hashing and compressing took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_is_data() {
        let hash = CodeHash::from([0xab; 32]);
        let artifact = Artifact { binary_bytes: 8, ..Artifact::new(Package::new("cart"), hash, "/out/cart.zip".into(), 3) };
        let progress = Progress::Packaged { artifact, reused: true, took: Duration::from_millis(1) };
        assert_eq!(
            serde_json::to_string(&progress).unwrap(),
            format!(
                r#"{{"progress":"packaged","artifact":{{"service":"cart","path":"/out/cart.zip","key":"cart/{hash}.zip",{}"#,
                r#""zip_bytes":3,"binary_bytes":8},"reused":true,"took_ms":1}"#
            )
        );
    }
}
