//! The files of the shop's site: built, online, and on their way. Does not know which of them differ.

/// The file that names all others.
pub(crate) const INDEX: &str = "index.html";

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
