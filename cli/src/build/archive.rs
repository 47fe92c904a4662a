//! The archive of one service: a single `bootstrap`, the same bytes for the same binary on every machine and every day.
//!
//! Knows nothing of compilers. No file that exists is taken for an archive because of its name.

use std::{
    fs,
    io::{self, Cursor, Write as _},
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use cart_contract::Service;
use cart_infra::{CodeHash, CodeKey, packages};
use thiserror::Error;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::{domain::digest::code_hash, files};

/// The file that Lambda starts.
const ENTRY: &str = "bootstrap";

/// The end of the names of archives that are stored. They are large, change with every edit and are of use to nobody once they are
/// replaced, so each removes its predecessors.
const STORED: &str = ".local.zip";

/// The use of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// Made once, loaded at every cold start: compressed. Zlib's own default; the best level takes three times as long for 3 %
    /// less.
    ForUpload,
    /// Never leaves this machine: stored, since compressing takes longer than copying saves.
    ForLoopback,
}

/// An archive.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) path: Utf8PathBuf,
    pub(super) hash: CodeHash,
    pub(super) zip_bytes: u64,
    pub(super) binary_bytes: u64,
    pub(super) reused: bool,
    pub(super) took: Duration,
}

/// Why there is no archive.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot read {path}")]
    Read {
        path: Utf8PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot compress {service}")]
    Compress {
        service: Service,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Write(#[from] files::Error),
    #[error("cannot remove older archives beside {path}")]
    Remove {
        /// The path of the archive that replaces it.
        path: Utf8PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("compressing stopped unexpectedly")]
    Stopped(#[source] tokio::task::JoinError),
}

impl Error {
    #[must_use]
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "something removed it after it was compiled; run the command again".to_owned(),
            Self::Write(error) => error.hint(),
            Self::Remove { path, .. } => format!("check the permissions of {path}, or choose another folder"),
            Self::Compress { .. } | Self::Stopped(_) => "this is a bug in cartctl; please report it".to_owned(),
        }
    }
}

/// Reads a binary.
pub(super) fn read(path: &Utf8Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// Puts a binary into an archive below `out_dir`, which is named by its hash. A file of that name is replaced unless it is this archive.
pub(super) fn pack(service: Service, binary: &[u8], compression: Compression, out_dir: &Utf8Path) -> Result<Packed, Error> {
    let started = Instant::now();
    let zip = zip(binary, compression).map_err(|source| Error::Compress { service, source })?;
    let hash = code_hash(&zip);
    let key = CodeKey::of(packages::of(service), hash);
    let path = match compression {
        Compression::ForUpload => out_dir.join(key.as_str()),
        Compression::ForLoopback => out_dir.join(key.as_str()).with_extension(&STORED[1..]),
    };
    let reused = fs::read(&path).is_ok_and(|there| there == zip);
    if !reused {
        files::write_whole(&path, &zip)?;
    }
    if compression == Compression::ForLoopback {
        remove_predecessors(&path).map_err(|source| Error::Remove { path: path.clone(), source })?;
    }
    let (zip_bytes, binary_bytes) = (zip.len() as u64, binary.len() as u64);
    Ok(Packed { hash, zip_bytes, binary_bytes, reused, took: started.elapsed(), path })
}

fn remove_predecessors(path: &Utf8Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        if entry.path() != path && entry.file_name().ends_with(STORED) {
            match fs::remove_file(entry.path()) {
                // Another process packaged the same binary first.
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                removed => removed?,
            }
        }
    }
    Ok(())
}

fn zip(binary: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    // The earliest time of the format, and no other metadata: an archive depends on the binary alone.
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default()).unix_permissions(0o755);
    let options = match compression {
        Compression::ForUpload => options.compression_method(CompressionMethod::Deflated).compression_level(Some(6)),
        Compression::ForLoopback => options.compression_method(CompressionMethod::Stored),
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(ENTRY, options)?;
    zip.write_all(binary)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(service: Service, binary: &[u8], compression: Compression) -> (Packed, Vec<u8>) {
        let folder = camino_tempfile::tempdir().unwrap();
        let packed = pack(service, binary, compression, folder.path()).unwrap();
        let bytes = fs::read(&packed.path).unwrap();
        (packed, bytes)
    }

    #[test]
    fn the_same_binary_gives_the_same_bytes_and_the_same_name() {
        for compression in [Compression::ForUpload, Compression::ForLoopback] {
            let (first, first_bytes) = packed(Service::Cart, b"code", compression);
            let (second, second_bytes) = packed(Service::Cart, b"code", compression);
            assert_eq!(first_bytes, second_bytes);
            assert_eq!(first.hash, second.hash);
        }
    }

    #[test]
    fn the_name_is_the_hash_of_the_archive() {
        for compression in [Compression::ForUpload, Compression::ForLoopback] {
            let (cart, bytes) = packed(Service::Cart, b"code", compression);
            assert_eq!(cart.hash, code_hash(&bytes));
            assert!(cart.path.ends_with(cart.path.file_name().unwrap()) && cart.path.as_str().contains(&cart.hash.to_string()));
            assert_eq!((cart.zip_bytes, cart.binary_bytes), (bytes.len() as u64, 4));
            assert_ne!(cart.hash, packed(Service::Cart, b"other code", compression).0.hash);
        }
        let hash = packed(Service::Cart, b"code", Compression::ForUpload).0.hash;
        assert_eq!(
            hash.to_string(),
            "3a855f28211c8257f4793cc041cedab5e1a4359d12597ed7359a1978bca36220",
            "changing this deploys everything again"
        );
    }

    #[test]
    fn the_archive_holds_an_executable_bootstrap_and_nothing_that_varies() {
        let (packed, bytes) = packed(Service::Products, &[7; 10_000], Compression::ForUpload);
        let mut zip = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
        assert_eq!(zip.len(), 1);
        let mut entry = zip.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o7777), Some(0o755));
        assert_eq!(entry.last_modified(), Some(DateTime::default()));
        assert_eq!(entry.extra_data().unwrap_or_default(), [0; 0]);
        let mut content = Vec::new();
        io::copy(&mut entry, &mut content).unwrap();
        assert_eq!(content, [7; 10_000]);
        assert_eq!(packed.zip_bytes, bytes.len() as u64);
        assert_eq!(packed.binary_bytes, 10_000);
        assert!(packed.zip_bytes < 500);
    }

    #[test]
    fn an_archive_that_exists_stays_and_another_file_of_its_name_is_replaced() {
        for compression in [Compression::ForUpload, Compression::ForLoopback] {
            let folder = camino_tempfile::tempdir().unwrap();
            let pack = || pack(Service::Cart, b"code", compression, folder.path()).unwrap();
            let first = pack();
            assert!(!first.reused && pack().reused);
            let right = fs::read(&first.path).unwrap();
            let mut one_bit = right.clone();
            *one_bit.last_mut().unwrap() ^= 1;
            for wrong in [&b"foreign"[..], b"", &one_bit, &[&right[..], b"more"].concat()] {
                fs::write(&first.path, wrong).unwrap();
                let again = pack();
                assert!(!again.reused);
                assert_eq!((again.hash, again.zip_bytes), (first.hash, first.zip_bytes));
                assert_eq!(fs::read(&first.path).unwrap(), right);
            }
        }
    }

    #[test]
    fn an_archive_for_the_local_cloud_replaces_its_predecessor_and_nothing_else() {
        let folder = camino_tempfile::tempdir().unwrap();
        let uploaded = pack(Service::Cart, b"old code", Compression::ForUpload, folder.path()).unwrap().path;
        let products = pack(Service::Products, b"old code", Compression::ForLoopback, folder.path()).unwrap().path;
        let old = pack(Service::Cart, b"old code", Compression::ForLoopback, folder.path()).unwrap().path;
        let new = pack(Service::Cart, b"new code", Compression::ForLoopback, folder.path()).unwrap().path;
        assert!(!old.exists());
        assert!(new.exists() && products.exists() && uploaded.exists());
    }

    #[test]
    fn nothing_half_written_is_left() {
        let folder = camino_tempfile::tempdir().unwrap();
        let first = pack(Service::Cart, b"code", Compression::ForUpload, folder.path()).unwrap();
        let names: Vec<_> = fs::read_dir(first.path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [first.path.file_name().unwrap()]);

        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = pack(Service::Cart, b"code", Compression::ForUpload, &file).unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }
}
