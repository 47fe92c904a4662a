//! The list of a folder's archives, so that another command, or another machine, deploys exactly these. Knows nothing of
//! packaging.

use std::{fs, io};

use camino::{Utf8Path, Utf8PathBuf};
use cart_contract::Service;
use cart_infra::{Architecture, CodeHash, packages};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::packaged_site::is_inside;
use crate::{
    domain::{
        command::Command,
        digest::{code_hash, sha256},
        package::Artifact,
        site::File,
        text,
    },
    files,
};

/// The name of the list, in the folder it describes.
const FILE_NAME: &str = "packages.json";

/// The only version so far.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    architecture: Architecture,
    packages: Vec<Entry>,
    /// The shop's site, if it was packaged, below `<folder>/site`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<Vec<SiteEntry>>,
}

/// A file of the site.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteEntry {
    path: String,
    bytes: u64,
    sha256: String,
}

/// The folder of the site, in the folder of the packages.
pub(crate) const SITE: &str = "site";

/// An archive, at `<folder>/<key>`. An earlier cartctl's key is the hash of the binary, and no key in a bucket any more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    service: String,
    key: String,
    zip_bytes: u64,
    zip_sha256: CodeHash,
    binary_bytes: u64,
}

/// Why a folder cannot be deployed from, or not be listed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot read {path}")]
    Read {
        path: Utf8PathBuf,
        folder: Utf8PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Write(#[from] files::Error),
    #[error("{path} is not a list of packages: {reason}")]
    Parse { path: Utf8PathBuf, folder: Utf8PathBuf, reason: String },
    #[error("the packages in {folder} are for {found}, and the functions run on {wanted}")]
    Architecture { folder: Utf8PathBuf, found: Architecture, wanted: Architecture },
    #[error("{folder} has no package of {service}")]
    Missing { folder: Utf8PathBuf, service: Service },
    #[error("{path} is not the file that was listed")]
    Changed { path: Utf8PathBuf, folder: Utf8PathBuf },
    #[error("{folder} has no site, and this deployment publishes one")]
    NoSite { folder: Utf8PathBuf },
}

impl Error {
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Write(error) => error.hint(),
            Self::Architecture { folder, wanted, .. } => {
                let package = Command::cartctl("package --arch").with(wanted).with("--out").with(folder);
                format!("build them with {package}")
            }
            Self::NoSite { folder } => format!(
                "package it as well with {}; to deploy without the site, name the stacks that are wanted",
                Command::cartctl("package --site --out").with(folder)
            ),
            Self::Read { folder, .. }
            | Self::Parse { folder, .. }
            | Self::Missing { folder, .. }
            | Self::Changed { folder, .. } => {
                format!("{} makes such a folder", Command::cartctl("package --out").with(folder))
            }
        }
    }
}

/// Lists the packages of `folder`, and the files of the site, if it was packaged there.
pub(crate) fn write(
    folder: &Utf8Path,
    architecture: Architecture,
    artifacts: &[Artifact],
    site: Option<&[File]>,
) -> Result<(), Error> {
    let entry = |artifact: &Artifact| Entry {
        service: artifact.package.to_string(),
        key: artifact.key.to_string(),
        zip_bytes: artifact.zip_bytes,
        zip_sha256: artifact.hash,
        binary_bytes: artifact.binary_bytes,
    };
    let packages = artifacts.iter().map(entry).collect();
    let site_entry = |file: &File| {
        let content = read_file(folder, &folder.join(SITE).join(&file.path))?;
        Ok(SiteEntry { path: file.path.clone(), bytes: file.bytes, sha256: sha256(&[&content]) })
    };
    let site = site.map(|files| files.iter().map(site_entry).collect::<Result<_, Error>>()).transpose()?;
    let path = folder.join(FILE_NAME);
    Ok(files::write_whole(&path, text::json_pretty(&Manifest { version: VERSION, architecture, packages, site }))?)
}

/// The list of `folder`.
fn parsed(folder: &Utf8Path) -> Result<Manifest, Error> {
    let path = folder.join(FILE_NAME);
    let invalid = |reason: String| Error::Parse { path: path.clone(), folder: folder.to_owned(), reason };
    let manifest: Manifest = serde_json::from_slice(&read_file(folder, &path)?).map_err(|error| invalid(error.to_string()))?;
    let version = manifest.version;
    if version != VERSION {
        return Err(invalid(format!("it has version {version}, and this is for version {VERSION}")));
    }
    let keys = manifest.packages.iter().map(|entry| entry.key.as_str());
    let mut paths = keys.chain(manifest.site.iter().flatten().map(|file| file.path.as_str()));
    match paths.find(|path| !is_inside(path)) {
        Some(outside) => Err(invalid(format!("`{outside}` is not in the folder"))),
        None => Ok(manifest),
    }
}

/// The paths of the packaged site's files, each verified against the list.
pub(crate) fn site(folder: &Utf8Path) -> Result<Vec<String>, Error> {
    let site = parsed(folder)?.site.ok_or_else(|| Error::NoSite { folder: folder.to_owned() })?;
    let verified = |file: SiteEntry| {
        let path = folder.join(SITE).join(&file.path);
        let content = read_file(folder, &path)?;
        let is_same = content.len() as u64 == file.bytes && sha256(&[&content]) == file.sha256;
        if is_same { Ok(file.path) } else { Err(Error::Changed { path, folder: folder.to_owned() }) }
    };
    site.into_iter().map(verified).collect()
}

/// The packages in `folder`, each verified against the list.
pub(crate) fn read(folder: &Utf8Path, wanted: Architecture) -> Result<Vec<Artifact>, Error> {
    let Manifest { architecture, packages, .. } = parsed(folder)?;
    if architecture != wanted {
        return Err(Error::Architecture { folder: folder.to_owned(), found: architecture, wanted });
    }
    let artifact = |service: Service| {
        let entry = packages.iter().find(|entry| entry.service == service.bin());
        let entry = entry.ok_or_else(|| Error::Missing { folder: folder.to_owned(), service })?;
        let path = folder.join(&entry.key);
        let zip = read_file(folder, &path)?;
        if zip.len() as u64 != entry.zip_bytes || code_hash(&zip) != entry.zip_sha256 {
            return Err(Error::Changed { path, folder: folder.to_owned() });
        }
        let artifact = Artifact::new(packages::of(service), entry.zip_sha256, path, entry.zip_bytes);
        Ok(Artifact { binary_bytes: entry.binary_bytes, ..artifact })
    };
    Service::ALL.into_iter().map(artifact).collect()
}

fn read_file(folder: &Utf8Path, path: &Utf8Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), folder: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use cart_infra::CodeKey;

    use super::*;

    /// A folder with an archive for each service, and its list.
    fn folder() -> camino_tempfile::Utf8TempDir {
        let folder = camino_tempfile::tempdir().unwrap();
        let artifact = |service: Service| {
            let (package, hash) = (packages::of(service), code_hash(b"zip"));
            let path = folder.path().join(CodeKey::of(package, hash).as_str());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"zip").unwrap();
            Artifact { binary_bytes: 8, ..Artifact::new(package, hash, path, 3) }
        };
        let artifacts = Service::ALL.map(artifact);
        write(folder.path(), Architecture::Arm64, &artifacts, None).unwrap();
        assert_eq!(read(folder.path(), Architecture::Arm64).unwrap(), artifacts);
        folder
    }

    #[test]
    fn what_was_listed_is_what_is_deployed() {
        let folder = folder();
        let cart = format!("cart/{}.zip", code_hash(b"zip"));
        fs::write(folder.path().join(&cart), b"pig").unwrap();
        let error = read(folder.path(), Architecture::Arm64).unwrap_err();
        assert!(matches!(&error, Error::Changed { path, .. } if path.ends_with(&cart)), "{error}");
    }

    /// An earlier cartctl called archives by the hash of the binary.
    #[test]
    fn what_an_earlier_version_packaged_lies_in_the_bucket_by_the_hash_of_its_bytes() {
        let folder = folder();
        let [hash, list] = [code_hash(b"zip").to_string(), folder.path().join(FILE_NAME).into_string()];
        let text = fs::read_to_string(&list).unwrap();
        fs::write(&list, text.replace(&format!("cart/{hash}.zip"), "cart/0a1b.zip")).unwrap();
        fs::rename(folder.path().join(format!("cart/{hash}.zip")), folder.path().join("cart/0a1b.zip")).unwrap();
        let artifacts = read(folder.path(), Architecture::Arm64).unwrap();
        let cart = artifacts.iter().find(|artifact| artifact.package == packages::of(Service::Cart)).unwrap();
        assert!(cart.path.ends_with("cart/0a1b.zip"));
        assert_eq!(cart.key.as_str(), format!("cart/{hash}.zip"));
    }

    #[test]
    fn a_site_is_deployed_as_it_was_listed_or_not_at_all() {
        let folder = folder();
        let folder = folder.path();
        let missing = site(folder).unwrap_err();
        assert!(missing.to_string().ends_with("has no site, and this deployment publishes one"), "{missing}");
        assert!(missing.hint().contains(&format!("`cartctl package --site --out {folder}`")), "{}", missing.hint());

        let artifacts = read(folder, Architecture::Arm64).unwrap();
        let page = folder.join("site/index.html");
        fs::create_dir(page.parent().unwrap()).unwrap();
        fs::write(&page, "page").unwrap();
        let built = File { path: "index.html".to_owned(), bytes: 4, md5: String::new() };
        write(folder, Architecture::Arm64, &artifacts, Some(&[built])).unwrap();
        assert_eq!(site(folder).unwrap(), ["index.html"]);
        assert_eq!(read(folder, Architecture::Arm64).unwrap(), artifacts);

        fs::write(&page, "pagE").unwrap();
        let changed = site(folder).unwrap_err();
        assert_eq!(changed.to_string(), format!("{page} is not the file that was listed"));
    }

    #[test]
    fn nothing_outside_of_the_folder_is_read() {
        let folder = folder();
        let list = folder.path().join(FILE_NAME);
        let (text, listed) = (fs::read_to_string(&list).unwrap(), format!("cart/{}.zip", code_hash(b"zip")));
        for key in ["../cart/0a1b.zip", "cart/../../0a1b.zip", "/etc/passwd.zip"] {
            fs::write(&list, text.replace(&listed, key)).unwrap();
            let error = read(folder.path(), Architecture::Arm64).unwrap_err();
            assert!(matches!(&error, Error::Parse { .. }), "{key}: {error}");
        }
    }

    #[test]
    fn packages_for_other_machines_are_refused() {
        let error = read(folder().path(), Architecture::X86_64).unwrap_err();
        assert!(error.to_string().ends_with("are for arm64, and the functions run on x86_64"), "{error}");
    }

    #[test]
    fn a_folder_without_a_list_says_how_to_get_one() {
        let folder = camino_tempfile::tempdir().unwrap();
        let error = read(folder.path(), Architecture::Arm64).unwrap_err();
        assert!(matches!(error, Error::Read { .. }), "{error}");
        assert_eq!(error.hint(), format!("`cartctl package --out {}` makes such a folder", folder.path()));
    }
}
