//! The local cloud's saved state: whether it can be used again, and which parts must be removed. Knows the format of
//! the emulator's files as far as needed.

use std::os::unix::fs::DirBuilderExt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value as Json;

use super::{Error, io};
use crate::{domain::text, files};

/// The writer of saved state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Writer {
    /// The version of the emulator, whose files have no stable format.
    pub version: String,
    /// The port, which is part of the addresses that stacks and functions know.
    pub port: u16,
}

/// The record beside saved state.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    writer: Writer,
    /// Whether it was killed, possibly while replacing a file.
    cut_off: bool,
}

/// The emulator's folder.
pub(super) fn folder(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("state")
}

fn note(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("state.json")
}

/// Prepares the folder for `writer`; returns whether it has state to resume from.
///
/// # Errors
/// [`Error::Kept`], if the state is damaged or another writer's. Then nothing is changed.
pub(super) fn open(directory: &Utf8Path, writer: &Writer) -> Result<bool, Error> {
    let folder = folder(directory);
    let files = files(&folder)?;
    if !files.is_empty() {
        let unusable = |reason: String| Error::Kept { reason };
        let note = std::fs::read(note(directory)).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        let note = note.ok_or_else(|| unusable("nothing says who wrote it".to_owned()))?;
        if note.cut_off {
            return Err(unusable("the local cloud was stopped by force while it wrote".to_owned()));
        }
        if note.writer.version != writer.version {
            return Err(unusable(format!("MiniStack {} wrote it, and this is {}", note.writer.version, writer.version)));
        }
        if note.writer.port != writer.port {
            return Err(unusable(format!("it is of port {}, and this is {}", note.writer.port, writer.port)));
        }
        for file in &files {
            let text = std::fs::read(file).map_err(io(format!("reading {file}")))?;
            serde_json::from_slice::<IgnoredAny>(&text).map_err(|error| unusable(format!("{file} is damaged ({error})")))?;
        }
        rewind_streams(&folder.join("lambda.json"))?;
    }
    let mut builder = std::fs::DirBuilder::new();
    // Holds the passwords of the shop's test users.
    builder.recursive(true).mode(0o700).create(&folder).map_err(io(format!("creating {folder}")))?;
    write(directory, writer, false)?;
    Ok(!files.is_empty())
}

/// Records that it was killed.
pub(super) fn cut_off(directory: &Utf8Path) {
    let Some(note) = std::fs::read(note(directory)).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok()) else {
        return;
    };
    // If this cannot be written, the next start finds files that are each complete.
    write(directory, &note.writer, true).ok();
}

/// Deletes all state.
pub(super) fn forget(directory: &Utf8Path) -> Result<(), Error> {
    let folder = folder(directory);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(format!("removing {folder}"))(error)),
        _ => Ok(()),
    }
}

fn write(directory: &Utf8Path, writer: &Writer, cut_off: bool) -> Result<(), Error> {
    let path = note(directory);
    Ok(files::write_whole(&path, text::json(&Note { writer: writer.clone(), cut_off }))?)
}

/// The emulator's files, one for each service.
fn files(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Error> {
    let entries = match folder.read_dir_utf8() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io(format!("reading {folder}")))?,
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path().to_owned()));
    Ok(paths.filter(|path| path.extension() == Some("json")).collect())
}

/// MiniStack saves how far each function has read a table's stream, but not the stream: after a restart it would skip as many
/// records as existed before. Without the positions it starts at the beginning of the new stream.
fn rewind_streams(path: &Utf8Path) -> Result<(), Error> {
    let Ok(text) = std::fs::read(path) else { return Ok(()) };
    let Ok(mut lambda) = serde_json::from_slice::<Json>(&text) else { return Ok(()) };
    let Some(payload) = lambda.get_mut("payload").and_then(Json::as_object_mut) else { return Ok(()) };
    if payload.shift_remove("dynamodb_stream_positions").is_some() {
        files::write_whole(path, lambda.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use camino_tempfile::tempdir;

    use super::*;

    fn writer() -> Writer {
        Writer { version: "1.5.33".to_owned(), port: 4566 }
    }

    /// A folder with the saved state of a local cloud.
    fn kept() -> camino_tempfile::Utf8TempDir {
        let directory = tempdir().unwrap();
        assert!(!open(directory.path(), &writer()).unwrap(), "nothing was kept before");
        let lambda = r#"{"__ministack_format__":2,"payload":{"esms":{},"dynamodb_stream_positions":{"a":12}}}"#;
        std::fs::write(folder(directory.path()).join("lambda.json"), lambda).unwrap();
        directory
    }

    fn refused(directory: &Utf8Path, writer: &Writer) -> String {
        let error = open(directory, writer).unwrap_err();
        assert!(error.hint().unwrap().contains("--fresh"), "{error}");
        error.to_string()
    }

    #[test]
    fn what_is_whole_is_gone_on_with_and_streams_begin_anew() {
        let kept = kept();
        assert!(open(kept.path(), &writer()).unwrap());
        let lambda = std::fs::read_to_string(folder(kept.path()).join("lambda.json")).unwrap();
        assert_eq!(lambda, r#"{"__ministack_format__":2,"payload":{"esms":{}}}"#);

        forget(kept.path()).unwrap();
        forget(kept.path()).unwrap();
        assert!(!open(kept.path(), &writer()).unwrap());
    }

    #[test]
    fn what_cannot_be_gone_on_with_is_left_as_it_is() {
        let kept = kept();
        let other = |change: fn(&mut Writer)| {
            let mut writer = writer();
            change(&mut writer);
            refused(kept.path(), &writer)
        };
        assert!(other(|writer| "2.0.0".clone_into(&mut writer.version)).contains("MiniStack 1.5.33 wrote it, and this is 2.0.0"));
        assert!(other(|writer| writer.port = 4567).contains("it is of port 4566, and this is 4567"));

        let table = folder(kept.path()).join("dynamodb.json");
        std::fs::write(&table, r#"{"payload":{"tables"#).unwrap();
        assert!(refused(kept.path(), &writer()).contains("dynamodb.json is damaged"));
        std::fs::remove_file(&table).unwrap();
        assert!(open(kept.path(), &writer()).unwrap());

        cut_off(kept.path());
        assert!(refused(kept.path(), &writer()).contains("stopped by force"));
        std::fs::remove_file(note(kept.path())).unwrap();
        assert!(refused(kept.path(), &writer()).contains("nothing says who wrote it"));
    }
}
