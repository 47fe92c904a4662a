//! Files: the one way to write them, and which ones a folder holds. Knows nothing of what is in them.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Seek, Write},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;
use walkdir::{DirEntry, WalkDir};

/// As many symbolic links as Linux follows.
const MOST_LINKS: usize = 40;

/// What the umask takes its share of.
const NEW_FILE: u32 = 0o666;

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub(crate) struct Error {
    /// `read` or `write`.
    action: &'static str,
    path: Utf8PathBuf,
    source: io::Error,
}

impl Error {
    fn reading(path: &Utf8Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action: "read", path: path.to_owned(), source }
    }

    fn writing(path: &Utf8Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action: "write", path: path.to_owned(), source }
    }

    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        let Self { path, source, .. } = self;
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "free some space, or choose another folder".to_owned()
            }
            ErrorKind::IsADirectory => "this is a folder: name a file in it".to_owned(),
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                format!("a part of {} is a file: choose another folder", folder_of(path))
            }
            _ if path.exists() => format!("check the permissions of {path}, or choose another file"),
            _ => format!("check the permissions of {}, or choose another folder", folder_of(path)),
        }
    }
}

/// Writes a file as a whole or not at all, and creates its folder if necessary.
///
/// A link is followed, and the file it leads to is replaced. Devices and pipes, such as `/dev/stdout`, are written to as they are, and a
/// pipe whose reader is gone has been read as far as anybody wants. A file is overwritten in its place, which is not all or nothing,
/// where replacing it would lose something: in a folder that only others may change, at a mount point, with another owner, or under a
/// second name. The permissions of an existing file stay, and one that must not be written is not replaced.
pub(crate) fn write_whole(path: &Utf8Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    write_with(path, |file| file.write_all(content.as_ref()))
}

/// Like [`write_whole`], with a function that writes the content.
pub(crate) fn write_with<T: Default>(path: &Utf8Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T, Error> {
    let written = match stream(path) {
        Ok(Some(mut stream)) => write(&mut stream).or_else(|error| match error.kind() {
            ErrorKind::BrokenPipe => Ok(T::default()),
            _ => Err(error),
        }),
        Ok(None) => replace(path, write),
        Err(error) => Err(error),
    };
    written.map_err(Error::writing(path))
}

/// Creates or empties a file to write to little by little. Devices and pipes are written to as they are.
pub(crate) fn create(path: &Utf8Path) -> io::Result<File> {
    match stream(path)? {
        Some(stream) => Ok(stream),
        None => File::create(path),
    }
}

/// What is in a file; nothing where no file, or a device or a pipe is.
pub(crate) fn content(path: &Utf8Path) -> Result<Vec<u8>, Error> {
    if is_stream(path) {
        return Ok(Vec::new());
    }
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(Error::reading(path)),
    }
}

/// The device, the pipe or the stream of this process that a path names.
fn stream(path: &Utf8Path) -> io::Result<Option<File>> {
    // A shell may have redirected them to a socket, which cannot be opened.
    let own = match path.as_str() {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(io::stdout().as_fd().try_clone_to_owned()?),
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(io::stderr().as_fd().try_clone_to_owned()?),
        _ => None,
    };
    match own {
        Some(own) => Ok(Some(own.into())),
        None if is_stream(path) => OpenOptions::new().append(true).open(path).map(Some),
        None => Ok(None),
    }
}

/// Whether a path names a device or a pipe, or a stream of this process: a shell may have redirected that to a regular file, which must
/// not be replaced under it.
fn is_stream(path: &Utf8Path) -> bool {
    ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"].iter().any(|stream| path.starts_with(stream))
        || fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn replace<T>(path: &Utf8Path, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    let path = &followed(path)?;
    let existing = match OpenOptions::new().write(true).open(path) {
        Ok(existing) => Some(existing),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let Some(mut existing) = existing else {
        fs::create_dir_all(folder_of(path))?;
        let mut new = temporary(path, Permissions::from_mode(NEW_FILE))?;
        let done = write(new.as_file_mut())?;
        new.as_file().sync_all()?;
        new.persist(path)?;
        return Ok(done);
    };
    let found = existing.metadata()?;
    // Never more open than the file that it replaces, not even for a moment.
    let new = match temporary(path, found.permissions()) {
        Ok(new) if is_of_the_same(&new.as_file().metadata()?, &found) => Some(new),
        Err(error) if !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => return Err(error),
        Ok(_) | Err(_) => None,
    };
    let Some(mut new) = new else {
        existing.set_len(0)?;
        let done = write(&mut existing)?;
        existing.sync_all()?;
        return Ok(done);
    };
    let done = write(new.as_file_mut())?;
    new.as_file().set_permissions(found.permissions())?;
    new.as_file().sync_all()?;
    match new.persist(path) {
        Ok(_) => Ok(done),
        // Something is mounted at this very file.
        Err(refused) if refused.error.kind() == ErrorKind::ResourceBusy => {
            let mut new = refused.file;
            new.rewind()?;
            existing.set_len(0)?;
            io::copy(&mut new, &mut existing)?;
            existing.sync_all()?;
            Ok(done)
        }
        Err(refused) => Err(refused.error),
    }
}

/// An empty file for its owner only, replacing the file or link of this name. Links are not followed: others may know the name of a log.
///
/// # Errors
/// Something else than a file or a link has this name, or the folder cannot be written to.
pub(crate) fn create_private(path: &Utf8Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "neither a file nor a link has this name"));
        }
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    Ok(temporary(path, Permissions::from_mode(0o600))?.persist(path)?)
}

/// A new file beside another one. Its name cannot be guessed, and another process that writes the same file has one of its own.
fn temporary(path: &Utf8Path, permissions: Permissions) -> io::Result<NamedTempFile> {
    let name = format!(".{}.", path.file_name().unwrap_or_default());
    tempfile::Builder::new().prefix(&name).suffix(".tmp").rand_bytes(12).permissions(permissions).tempfile_in(folder_of(path))
}

/// Whether a new file has the owners of an existing one, which has no other name.
fn is_of_the_same(new: &fs::Metadata, existing: &fs::Metadata) -> bool {
    existing.nlink() == 1 && (new.uid(), new.gid()) == (existing.uid(), existing.gid())
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
        assert_eq!(error.hint(), format!("a part of {path} is a file: choose another folder"));
        let error = content(folder_of(&path)).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", folder_of(&path)));
        let error = write_whole(folder_of(&path), "").unwrap_err();
        assert_eq!(error.hint(), "this is a folder: name a file in it");
    }

    #[test]
    fn a_private_file_follows_no_link_and_replaces_nothing_but_files() {
        let (_folder, path) = place();
        let log = folder_of(&path).join("log");
        fs::create_dir_all(folder_of(&path)).unwrap();
        let write = |text: &str| create_private(&log).unwrap().write_all(text.as_bytes()).unwrap();
        write("first");
        fs::set_permissions(&log, Permissions::from_mode(0o644)).unwrap();
        write("second");
        assert_eq!(fs::read_to_string(&log).unwrap(), "second");
        assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
        let somebodys = folder_of(&path).join("somebody's");
        fs::write(&somebodys, "precious").unwrap();
        fs::remove_file(&log).unwrap();
        std::os::unix::fs::symlink(&somebodys, &log).unwrap();
        write("third");
        assert_eq!(
            (fs::read_to_string(&somebodys).unwrap(), fs::read_to_string(&log).unwrap()),
            ("precious".into(), "third".into())
        );
        assert!(!log.is_symlink());
        fs::remove_file(&log).unwrap();
        fs::create_dir(&log).unwrap();
        assert_eq!(create_private(&log).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    /// A reader of the new file would see what only the owner of the old one may.
    #[test]
    fn a_secret_is_nobodys_while_it_is_written() {
        let (_folder, path) = place();
        write_whole(&path, "A=1\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let modes = write_with(&path, |new| {
            new.write_all(b"A=2\n")?;
            Ok(new.metadata()?.permissions().mode() & 0o777)
        });
        assert_eq!(modes.unwrap(), 0o600);
    }

    #[test]
    fn a_file_with_two_names_keeps_both() {
        let (folder, path) = place();
        write_whole(&path, "A=a long value\n").unwrap();
        let other = folder.path().join("other");
        fs::hard_link(&path, &other).unwrap();
        write_whole(&path, "A=2\n").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "A=2\n");
        assert_eq!(names(folder_of(&path)), [".env"]);
    }

    #[test]
    fn what_is_there_is_read_if_it_is_a_file() {
        let (folder, path) = place();
        assert_eq!(content(&path).unwrap(), b"");
        write_whole(&path, "A=1\n").unwrap();
        assert_eq!(content(&path).unwrap(), b"A=1\n");
        let link = folder.path().join("link");
        symlink("/dev/zero", &link).unwrap();
        assert_eq!(content(&link).unwrap(), b"");
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
    fn a_file_that_is_written_little_by_little_is_emptied_first() {
        let (folder, path) = place();
        write_whole(&path, "A=1\n").unwrap();
        let link = folder.path().join("link");
        symlink("out/.env", &link).unwrap();
        create(&link).unwrap().write_all(b"A").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "A");
        assert!(link.is_symlink());
        create("/dev/null".into()).unwrap().write_all(b"A").unwrap();
        create(folder_of(&path)).unwrap_err();
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

        let error = write_whole("/dev/full".into(), "A=1\n").unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.hint().as_str()),
            ("cannot write /dev/full", "free some space, or choose another folder")
        );
    }

    #[test]
    fn a_pipe_whose_reader_is_gone_has_been_read() {
        let (folder, _) = place();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Both ends, so that opening the writer's does not wait for a reader; then the reader goes.
        let both = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        write_with(&pipe, |file| {
            drop(both);
            file.write_all(b"A=1\n")
        })
        .unwrap();
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
