//! The functions' packages and the progress of building them. Knows nothing of compilers and archives.

use std::time::Duration;

use camino::Utf8PathBuf;
use cart_contract::Service;
use cart_infra::{CodeKey, Package, packages};
use serde::{Serialize, Serializer};

use crate::domain::moment::millis;

/// A service, ready to upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Artifact {
    /// Whose code it is.
    #[serde(serialize_with = "service_name")]
    pub(crate) service: Service,
    /// The archive.
    pub(crate) path: Utf8PathBuf,
    /// What to call it in a bucket: `<service>/<hash>.zip`. Equal names, equal code. It is the binary that is hashed and not the
    /// archive, so that a new way to compress does not deploy everything again.
    pub(crate) key: CodeKey,
    /// The size of the archive.
    pub(crate) zip_bytes: u64,
    /// The size of the binary in it.
    pub(crate) binary_bytes: u64,
}

impl Artifact {
    /// The package whose code it is.
    pub(crate) fn package(&self) -> Package {
        packages::of(self.service)
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn service_name<S: Serializer>(service: &Service, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(service.bin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_is_data() {
        let artifact = Artifact {
            service: Service::Cart,
            path: "/out/cart/5980.zip".into(),
            key: "cart/5980.zip".parse().unwrap(),
            zip_bytes: 3,
            binary_bytes: 8,
        };
        let progress = Progress::Packaged { artifact, reused: true, took: Duration::from_millis(1) };
        assert_eq!(
            serde_json::to_string(&progress).unwrap(),
            r#"{"progress":"packaged","artifact":{"service":"cart","path":"/out/cart/5980.zip","key":"cart/5980.zip","#.to_owned()
                + r#""zip_bytes":3,"binary_bytes":8},"reused":true,"took_ms":1}"#
        );
    }
}
