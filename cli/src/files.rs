//! Files: the one way to write them, and which ones a folder holds. Knows nothing of what is in them.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
};

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::{DirEntry, WalkDir};

/// As many symbolic links as Linux follows.
const MOST_LINKS: usize = 40;

/// What the umask takes its share of.
const NEW_FILE: u32 = 0o666;

/// A file that could not be written. What had its name before is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub(crate) struct Error {
    path: Utf8PathBuf,
    source: io::Error,
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        let Self { path, source } = self;
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, or choose another folder".to_owned(),
            ErrorKind::IsADirectory => "this is a folder: name a file in it".to_owned(),
            _ => format!("check the permissions of {}, or choose another folder", folder_of(path)),
        }
    }
}

/// Writes a file as a whole or not at all, and creates its folder if necessary.
///
/// A link is followed, and the file it leads to is replaced. Devices and pipes, such as `/dev/stdout`, are written to as they are.
pub(crate) fn write_whole(path: &Utf8Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    write_with(path, |file| file.write_all(content.as_ref()))
}

/// Like [`write_whole`], with a function that writes the content.
pub(crate) fn write_with<T>(path: &Utf8Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T, Error> {
    let written = if is_stream(path) { write_into(path, write) } else { replace(path, write) };
    written.map_err(|source| Error { path: path.to_owned(), source })
}

/// Whether a path names a device or a pipe, or a stream of this process: a shell may have redirected that to a regular file, which must
/// not be replaced under it.
fn is_stream(path: &Utf8Path) -> bool {
    ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"].iter().any(|stream| path.starts_with(stream))
        || fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn write_into<T>(path: &Utf8Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    let done = write(&mut file)?;
    file.flush()?;
    Ok(done)
}

fn replace<T>(path: &Utf8Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let path = &followed(path)?;
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let existing = fs::metadata(path).ok();
    if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(ErrorKind::IsADirectory.into());
    }
    let name = format!(".{}.", path.file_name().unwrap_or_default());
    let permissions = Permissions::from_mode(NEW_FILE);
    // Another process that writes the same file has a temporary one of its own.
    let mut new =
        tempfile::Builder::new().prefix(&name).suffix(".tmp").rand_bytes(12).permissions(permissions).tempfile_in(folder)?;
    let done = write(new.as_file_mut())?;
    if let Some(existing) = existing {
        new.as_file().set_permissions(existing.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(done)
}

/// The file that links lead to, even if it does not exist.
fn followed(path: &Utf8Path) -> io::Result<Utf8PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match path.read_link_utf8() {
            Ok(target) => path = folder_of(&path).join(target),
            // Not a link, or nothing.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("its symbolic links lead in a circle"))
}

fn folder_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// The regular files below `folder`, sorted. Files and folders whose name is not `wanted` are left out, and so are symbolic links.
pub(crate) fn below(folder: &Utf8Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<Utf8PathBuf>> {
    let is_wanted = |entry: &DirEntry| entry.depth() == 0 || entry.file_name().to_str().is_none_or(&wanted);
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_wanted);
    let is_file = |entry: &walkdir::Result<DirEntry>| entry.as_ref().map_or(true, |entry| entry.file_type().is_file());
    let path = |entry: walkdir::Result<DirEntry>| {
        Utf8PathBuf::from_path_buf(entry?.into_path())
            .map_err(|path| io::Error::new(ErrorKind::InvalidData, format!("{} is not UTF-8", path.display())))
    };
    entries.filter(is_file).map(path).collect()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, process::Command, thread};

    use camino_tempfile::{Utf8TempDir, tempdir};

    use super::*;

    /// A folder, and the path of a file in a folder of it that does not exist yet.
    fn place() -> (Utf8TempDir, Utf8PathBuf) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out/.env");
        (folder, path)
    }

    fn names(folder: &Utf8Path) -> Vec<String> {
        let mut names: Vec<_> = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let (_folder, path) = place();
        write_whole(&path, "A=1\n").unwrap();
        let mut before = File::open(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write_whole(&path, "A=2\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=2\n");
        assert_eq!(io::read_to_string(&mut before).unwrap(), "A=1\n", "somebody who reads it meanwhile reads all of it");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder_of(&path)), [".env"], "nothing temporary is left");
    }

    #[test]
    fn a_new_file_has_the_permissions_of_any_other() {
        let (folder, path) = place();
        write_whole(&path, "").unwrap();
        let other = folder.path().join("other");
        File::create(&other).unwrap();
        let mode = |path: &Utf8Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&other));
    }

    #[test]
    fn a_failure_changes_nothing_and_names_the_file() {
        let (_folder, path) = place();
        write_whole(&path, "A=1\n").unwrap();
        let half = |file: &mut File| {
            file.write_all(b"A=")?;
            Err::<(), _>(io::Error::from(ErrorKind::StorageFull))
        };
        let error = write_with(&path, half).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {path}"));
        assert_eq!(error.hint(), "free some space, or choose another folder");
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder_of(&path))), ("A=1\n", vec![".env".to_owned()]));

        let error = write_whole(&path.join("below a file"), "").unwrap_err();
        assert_eq!(error.hint(), format!("check the permissions of {path}, or choose another folder"));
        let error = write_whole(folder_of(&path), "").unwrap_err();
        assert_eq!(error.hint(), "this is a folder: name a file in it");
    }

    #[test]
    fn links_stay_and_what_they_lead_to_is_written() {
        let (folder, path) = place();
        write_whole(&path, "A=1\n").unwrap();
        let (link, to_link, to_nothing) = (folder.path().join("link"), folder.path().join("out/link"), folder.path().join("new"));
        symlink("out/.env", &link).unwrap();
        symlink("../link", &to_link).unwrap();
        symlink("later/file", &to_nothing).unwrap();
        write_whole(&to_link, "A=2\n").unwrap();
        write_whole(&to_nothing, "A=3\n").unwrap();
        assert!([&link, &to_link, &to_nothing].iter().all(|link| link.is_symlink()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=2\n");
        assert_eq!(fs::read_to_string(folder.path().join("later/file")).unwrap(), "A=3\n");

        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        write_whole(&circle, "").unwrap_err();
    }

    #[test]
    fn devices_and_pipes_are_written_to_as_they_are() {
        let (folder, _) = place();
        write_whole("/dev/null".into(), "A=1\n").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());

        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe)
        });
        write_whole(&pipe, "A=1\n").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "A=1\n");
        assert_eq!(names(folder.path()), ["pipe"]);
    }

    #[test]
    fn files_are_found_below_folders_that_are_wanted() {
        let folder = tempdir().unwrap();
        for path in ["b/1", "a", "b/.hidden/2", "c.d/3"] {
            write_whole(&folder.path().join(path), "").unwrap();
        }
        symlink("a", folder.path().join("link")).unwrap();
        let found = below(folder.path(), |name| !name.starts_with('.')).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(found, ["a", "b/1", "c.d/3"]);
    }
}
