//! The files of the shop's site: built, online, and on their way. Does not know which of them differ.

/// The file that names all others.
pub(crate) const INDEX: &str = "index.html";

/// The length of the hash in the name of a file that is named by its content.
const HASH: usize = 8;

/// The parts of the name of a file that changes with its content: before its hash, the hash, and from the last dot on. Vite puts such
/// files into `assets`, with [eight characters of a hash] before the last dot.
///
/// [eight characters of a hash]: https://rollupjs.org/configuration-options/#output-assetfilenames
pub(crate) fn named_by_content(path: &str) -> Option<(&str, &str, &str)> {
    let (stem, _) = path.strip_prefix("assets/")?.rsplit_once('.')?;
    let start = ("assets/".len() + stem.len()).checked_sub(HASH)?;
    let (before, rest) = path.split_at_checked(start)?;
    let (hash, end) = rest.split_at_checked(HASH)?;
    let is_hash = hash.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
    (before.len() > "assets/".len() + 1 && before.ends_with('-') && is_hash).then_some((before, hash, end))
}

/// A file of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Relative to the folder of the build, with slashes.
    pub path: String,
    pub bytes: u64,
    /// The MD5 of the content, in hexadecimal digits.
    pub md5: String,
}

/// A file that is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Online {
    pub bytes: u64,
    /// The `ETag`: [the MD5](https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html) of an object that was uploaded in one part
    /// and is encrypted with S3's own keys.
    pub md5: String,
}

/// How a file is uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    /// Where it is in the build, and where it is put below the site's prefix.
    pub path: String,
    pub content_type: String,
    pub cache_control: &'static str,
}
