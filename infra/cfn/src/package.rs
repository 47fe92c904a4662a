//! The functions' code: what it is, and where it lies. Knows nothing of building or uploading it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Serialize, Serializer};

use crate::{
    name::Package,
    parse::{Invalid, deserialize_by_parsing},
};

/// The SHA-256 of an archive's bytes, by which Lambda tells code apart. In texts it has 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeHash([u8; 32]);

impl CodeHash {
    /// Stands for an archive that was not made: enough to look at templates. Lambda publishes no version with it.
    pub const NONE: Self = Self([0; 32]);

    /// As AWS writes it: in base64.
    #[must_use]
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    /// The first twelve digits, which are enough for people.
    #[must_use]
    pub fn abbreviated(&self) -> String {
        hex::encode(&self.0[..6])
    }

    /// For properties that take base64.
    pub(crate) fn serialize_base64<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.base64())
    }
}

impl From<[u8; 32]> for CodeHash {
    fn from(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }
}

impl FromStr for CodeHash {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || Invalid::new("the SHA-256 of an archive", "64 lower-case hexadecimal digits", text);
        let mut sha256 = [0; 32];
        hex::decode_to_slice(text, &mut sha256).map_err(|_| invalid())?;
        let hash = Self(sha256);
        // One content has one name.
        if hash.to_string() == text { Ok(hash) } else { Err(invalid()) }
    }
}

impl fmt::Display for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CodeHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

deserialize_by_parsing!(CodeHash);

/// The key of an archive in a bucket: the package and the hash of the archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CodeKey(String);

impl CodeKey {
    /// The key of a package's archive. One that was not made has a key that says so.
    #[must_use]
    pub fn of(package: Package, hash: CodeHash) -> Self {
        Self(if hash == CodeHash::NONE { format!("{package}/not-packaged.zip") } else { format!("{package}/{hash}.zip") })
    }

    /// The key as text. Its characters [need no escaping](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The code of each package: the hash of its archive, which also says where in the artifact bucket it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(BTreeMap<Package, CodeHash>);

impl Code {
    /// Archives that do not exist: enough to look at templates, not to deploy them.
    #[must_use]
    pub fn not_packaged(packages: impl IntoIterator<Item = Package>) -> Self {
        Self(packages.into_iter().map(|package| (package, CodeHash::NONE)).collect())
    }

    /// The same, with this archive of the package.
    #[must_use]
    pub fn with(mut self, package: Package, hash: CodeHash) -> Self {
        self.0.insert(package, hash);
        self
    }

    /// The hash of a package's archive.
    ///
    /// # Panics
    /// If the package has no code.
    #[must_use]
    pub fn of(&self, package: Package) -> CodeHash {
        *self.0.get(&package).unwrap_or_else(|| panic!("no code was given of the package {package}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn a_hash_is_written_in_one_way() {
        let hash: CodeHash = HELLO.parse().unwrap();
        assert_eq!(hash.to_string(), HELLO);
        assert_eq!(hash.base64(), "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
        assert_eq!(hash.abbreviated(), "2cf24dba5fb0");
        assert_eq!(serde_json::from_str::<CodeHash>(&serde_json::to_string(&hash).unwrap()).unwrap(), hash);
        for text in ["", "2cf24dba", &HELLO.to_uppercase(), &HELLO.replace('2', "g"), &format!("{HELLO}00"), &format!(" {HELLO}")] {
            assert!(text.parse::<CodeHash>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_archive_lies_where_its_content_says() {
        let [one, other] = [Package::new("one"), Package::new("other")];
        let code = Code::not_packaged([one, other]).with(one, HELLO.parse().unwrap());
        assert_eq!(CodeKey::of(one, code.of(one)).as_str(), format!("one/{HELLO}.zip"));
        assert_eq!(CodeKey::of(other, code.of(other)).as_str(), "other/not-packaged.zip");
    }
}
