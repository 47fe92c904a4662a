//! Which files there are below a folder. Knows nothing of what is in them.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// The files below `folder`, in order, but for those whose path has a name below it that is not `wanted`. What is neither a file nor
/// a folder, such as a symbolic link, is left out.
pub(crate) fn below(folder: &Utf8Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<Utf8PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in next.read_dir_utf8()? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if !wanted(entry.file_name()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.into_path());
            } else if kind.is_file() {
                files.push(entry.into_path());
            }
        }
    }
    files.sort();
    Ok(files)
}
