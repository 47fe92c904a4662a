//! The credentials of one run of the local cloud: made at random, and kept in a file that only its owner reads. Knows nothing of what
//! they open.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Error, io};
use crate::domain::{connection::LocalKeys, text};

/// The file's name, in the local cloud's folder.
pub(super) const FILE: &str = "keys.json";

/// Makes credentials that nobody can guess.
///
/// # Panics
/// If the system has no source of random numbers.
pub(crate) fn new() -> LocalKeys {
    let mut random = [0; 40];
    getrandom::fill(&mut random).expect("the system has random numbers");
    let (key, secret) = random.split_at(8);
    LocalKeys { access_key_id: format!("LOCAL{}", hex::encode_upper(key)), secret_access_key: hex::encode(secret) }
}

/// The credentials of the run in this folder. None, if an earlier version of cartctl started it, which had none.
pub(crate) fn read(directory: &Utf8Path) -> Option<LocalKeys> {
    serde_json::from_slice(&std::fs::read(file(directory)).ok()?).ok()
}

/// Keeps the credentials of a run that is about to start. The file is a new one, whatever was there.
pub(super) fn write(directory: &Utf8Path, keys: &LocalKeys) -> Result<(), Error> {
    let path = file(directory);
    remove(directory);
    let failed = || io(format!("writing {path}"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed())?;
    file.write_all(text::json(keys).as_bytes()).map_err(failed())
}

/// Forgets them: their run has ended.
pub(super) fn remove(directory: &Utf8Path) {
    // A file that is not there needs no deletion.
    drop(std::fs::remove_file(file(directory)));
}

fn file(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join(FILE)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn every_run_has_its_own() {
        let (one, other) = (new(), new());
        assert_ne!(one.access_key_id, other.access_key_id);
        assert_ne!(one.secret_access_key, other.secret_access_key);
        assert_eq!((one.access_key_id.len(), one.secret_access_key.len()), (21, 64));
        let shown = format!("{one:?}");
        assert!(shown.contains(&one.access_key_id) && !shown.contains(&one.secret_access_key), "{shown}");
    }

    #[test]
    fn only_their_owner_reads_them_whatever_was_there_before() {
        let folder = camino_tempfile::tempdir().unwrap();
        let path = file(folder.path());
        assert_eq!(read(folder.path()), None);
        std::fs::write(&path, "{").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(read(folder.path()), None, "that is none");
        let other = folder.path().join("other");
        std::fs::write(&other, "another file").unwrap();

        for link in [false, true] {
            if link {
                std::fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink(&other, &path).unwrap();
            }
            let keys = new();
            write(folder.path(), &keys).unwrap();
            assert_eq!(read(folder.path()), Some(keys));
            let found = std::fs::symlink_metadata(&path).unwrap();
            assert!(found.is_file());
            assert_eq!(found.permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "another file");
        remove(folder.path());
        remove(folder.path());
        assert_eq!(read(folder.path()), None);
    }
}
