//! The place of the functions' code. Knows nothing of building or uploading it.

use std::collections::BTreeMap;

use crate::{name::Package, parse::parsed};

parsed! {
    /// The key of an archive in a bucket, of the [characters that need no escaping].
    ///
    /// [characters that need no escaping]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    CodeKey is "a key of code": "up to 1024 letters, digits and `!-_.*'()/`, no slash first",
        |text| !text.is_empty()
            && text.len() <= 1024
            && !text.starts_with('/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "!-_.*'()/".contains(c));
}

/// The key of each package's archive in the artifact bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(BTreeMap<Package, CodeKey>);

impl Code {
    /// Keys of archives that do not exist: enough to look at templates, not to deploy them.
    #[must_use]
    pub fn not_packaged(packages: impl IntoIterator<Item = Package>) -> Self {
        Self(packages.into_iter().map(|package| (package, CodeKey(format!("{package}/not-packaged.zip")))).collect())
    }

    /// The same, with this key for the package.
    #[must_use]
    pub fn with(mut self, package: Package, key: CodeKey) -> Self {
        self.0.insert(package, key);
        self
    }

    /// The key of a package's archive.
    ///
    /// # Panics
    /// If the package has no key.
    #[must_use]
    pub fn of(&self, package: Package) -> &CodeKey {
        self.0.get(&package).unwrap_or_else(|| panic!("no code was given of the package {package}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_code_needs_no_escaping() {
        assert!("cart/0a1b2c.zip".parse::<CodeKey>().is_ok());
        for text in ["", "/cart.zip", "cart zip", "cart?.zip"] {
            assert!(text.parse::<CodeKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_package_has_the_key_it_was_given_last() {
        let [one, other] = [Package::new("one"), Package::new("other")];
        let code = Code::not_packaged([one, other]).with(one, "one/0a1b2c.zip".parse().unwrap());
        assert_eq!(code.of(one).as_str(), "one/0a1b2c.zip");
        assert_eq!(code.of(other).as_str(), "other/not-packaged.zip");
    }
}
