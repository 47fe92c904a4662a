//! The archive of one service: a single `bootstrap`, the same bytes for the same binary on every machine and every day.
//!
//! Knows nothing of compilers. An archive that exists under its content's name is not made again.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use cart_contract::Service;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::ArtifactKey;

/// What Lambda starts.
const ENTRY: &str = "bootstrap";

/// Stands before the binary in what is hashed. Change it when archives of the same binary must be deployed again.
const FORMAT: &[u8] = b"cartctl package 1\n";

/// What an archive is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// Made once and loaded at every cold start.
    ForUpload,
    /// Never leaves this machine.
    ForLoopback,
}

/// An archive.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) path: Utf8PathBuf,
    pub(super) key: ArtifactKey,
    pub(super) zip_bytes: u64,
    pub(super) binary_bytes: u64,
    pub(super) reused: bool,
    pub(super) took: Duration,
}

/// Why there is no archive.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The binary cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The binary.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The archive, or its folder.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The thread that made it ended early.
    #[error("compressing stopped unexpectedly")]
    Stopped(#[source] tokio::task::JoinError),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Read { .. } => "something removed it after it was compiled; run the command again".to_owned(),
            Self::Write { path, .. } => format!("check the free space and the permissions of {path}, or choose another folder"),
            Self::Stopped(_) => "this is a bug in cartctl; please report it".to_owned(),
        }
    }
}

/// Reads a binary.
pub(super) fn read(path: &Utf8Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// Puts a binary into an archive below `out_dir`, unless that archive is there already.
pub(super) fn pack(service: Service, binary: &[u8], compression: Compression, out_dir: &Utf8Path) -> Result<Packed, Error> {
    let started = Instant::now();
    let key = key(service, binary);
    let path = out_dir.join(key.as_str());
    let write_error = |source| Error::Write { path: path.clone(), source };
    let existing = fs::metadata(&path).ok();
    let reused = existing.is_some();
    let zip_bytes = match existing {
        Some(metadata) => metadata.len(),
        None => write(binary, compression, &path).map_err(write_error)?,
    };
    Ok(Packed { key, zip_bytes, binary_bytes: binary.len() as u64, reused, took: started.elapsed(), path })
}

/// The name of a binary's archive.
fn key(service: Service, binary: &[u8]) -> ArtifactKey {
    use std::fmt::Write as _;

    let hash = Sha256::new().chain_update(FORMAT).chain_update(binary).finalize();
    let mut key = format!("{service}/");
    for byte in hash {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    ArtifactKey(key + ".zip")
}

/// Writes the archive beside its place and moves it there when it is complete, so that whatever has the name is whole.
fn write(binary: &[u8], compression: Compression, path: &Utf8Path) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let written = write_zip(binary, compression, File::create(&partial)?).and_then(|file| {
        fs::rename(&partial, path)?;
        Ok(file.metadata()?.len())
    });
    if written.is_err() {
        // The first error is the one to tell; a left-over is only litter.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn write_zip(binary: &[u8], compression: Compression, file: File) -> io::Result<File> {
    // The earliest time the format knows, and no other metadata: an archive says what runs, not who made it and when.
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default()).unix_permissions(0o755);
    let options = match compression {
        Compression::ForUpload => options.compression_method(CompressionMethod::Deflated).compression_level(Some(6)),
        Compression::ForLoopback => options.compression_method(CompressionMethod::Stored),
    };
    let mut zip = ZipWriter::new(BufWriter::with_capacity(1 << 18, file));
    zip.start_file(ENTRY, options)?;
    zip.write_all(binary)?;
    zip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
}
