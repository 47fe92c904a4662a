//! Where the code of functions is. Knows nothing of how it is built, and uploads nothing.

use std::collections::BTreeMap;

use crate::{name::Package, parse::parsed};

parsed! {
    /// The key of an archive of code in a bucket, of the [characters that need no care].
    ///
    /// [characters that need no care]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    CodeKey is "a key of code": "up to 1024 letters, digits and `!-_.*'()/`, no slash first",
        |text| !text.is_empty()
            && text.len() <= 1024
            && !text.starts_with('/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "!-_.*'()/".contains(c));
}

/// Where the code of each package is in the artifact bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(BTreeMap<Package, CodeKey>);

impl Code {
    /// Keys that lead nowhere, of packages that are not built: good for looking at templates, not for deploying them.
    #[must_use]
    pub fn not_packaged(packages: impl IntoIterator<Item = Package>) -> Self {
        Self(packages.into_iter().map(|package| (package, CodeKey(format!("{package}/not-packaged.zip")))).collect())
    }

    /// The same, with the code of this package there.
    #[must_use]
    pub fn with(mut self, package: Package, key: CodeKey) -> Self {
        self.0.insert(package, key);
        self
    }

    /// The code of a package.
    ///
    /// # Panics
    /// If no key of that package was given.
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
