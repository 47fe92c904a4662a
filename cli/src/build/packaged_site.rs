//! A site that is built before its stage is known, in a job that has no credentials: what stands for the stage's values, and how these are
//! put in its place. Knows nothing of npm, nor of where the site goes.

use std::{collections::BTreeMap, fs, io, string::FromUtf8Error};

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::{
    domain::{
        command::Command,
        digest::{md5, sha256},
        site::{File, named_by_content},
    },
    files,
};

/// Why a packaged site could not be made one of a stage.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("{action} failed")]
    Io {
        action: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Write(#[from] files::Error),
    /// It would become part of a program.
    #[error("`{value}` cannot be put into the site: it has other characters than an address or an id")]
    Unsafe { value: String },
    /// Built by another version of cartctl, or by hand.
    #[error("the packaged site has no place for {value}")]
    NoPlace {
        value: String,
        /// The folder of the packages.
        folder: Utf8PathBuf,
    },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Write(error) => Some(error.hint()),
            Self::Unsafe { .. } => {
                Some("somebody else may have written that parameter; deploying its stack sets it right".to_owned())
            }
            Self::NoPlace { folder, .. } => {
                Some(format!("package it again: {}", Command::cartctl("package --site --out").with(folder)))
            }
            Self::Io { .. } => None,
        }
    }
}

/// Copies the files of a packaged site from one folder to another, with `values` in place of their stand-ins, and returns the copies.
/// Fingerprinted files get the name of their new content, because browsers keep them forever.
pub(crate) fn place(from: &Utf8Path, paths: &[String], to: &Utf8Path, values: &[(String, String)]) -> Result<Vec<File>, Error> {
    if let Some((_, value)) = values.iter().find(|(_, value)| !value.chars().all(is_plain)) {
        return Err(Error::Unsafe { value: value.clone() });
    }
    let read = |path: &String| {
        let full = from.join(path);
        let content = fs::read(&full).map_err(|source| Error::Io { action: format!("reading {full}"), source })?;
        Ok((path.clone(), String::from_utf8(content).map_err(FromUtf8Error::into_bytes)))
    };
    let contents: Vec<(String, Result<String, Vec<u8>>)> = paths.iter().map(read).collect::<Result<_, Error>>()?;
    let texts = || contents.iter().filter_map(|(_, content)| content.as_ref().ok());
    if let Some((_, value)) = values.iter().find(|(stand_in, _)| !texts().any(|text| text.contains(stand_in))) {
        return Err(Error::NoPlace { value: value.clone(), folder: from.parent().unwrap_or(from).to_owned() });
    }
    let scripts = contents.iter().filter(|(_, content)| content.is_ok());
    let names: BTreeMap<String, String> = scripts.filter_map(|(path, _)| renamed(path, values)).collect();

    if let Err(source) = fs::remove_dir_all(to)
        && source.kind() != io::ErrorKind::NotFound
    {
        return Err(Error::Io { action: format!("removing {to}"), source });
    }
    let mut placed = Vec::new();
    for (path, content) in contents {
        let content = content.map_or_else(|binary| binary, |text| with_names(with_values(text, values), &names).into_bytes());
        let path = with_names(path, &names);
        files::write_whole(&to.join(&path), &content)?;
        placed.push(File { path, bytes: content.len() as u64, md5: md5(&content) });
    }
    Ok(placed)
}

fn with_values(text: String, values: &[(String, String)]) -> String {
    values.iter().fold(text, |text, (stand_in, value)| text.replace(stand_in, value))
}

/// The same text with files' new names, which are as long as the old ones.
fn with_names(text: String, names: &BTreeMap<String, String>) -> String {
    names.iter().fold(text, |text, (old, new)| if text.contains(old) { text.replace(old, new) } else { text })
}

/// The name of a file that is named by its content, without its folder, and another one for the content with these values.
fn renamed(path: &str, values: &[(String, String)]) -> Option<(String, String)> {
    let (before, hash, end) = named_by_content(path)?;
    let values = values.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("\n");
    let new = sha256(&[path.as_bytes(), values.as_bytes()]);
    let before = before.rsplit('/').next()?;
    Some((format!("{before}{hash}{end}"), format!("{before}{}{end}", &new[..hash.len()])))
}

/// Whether a character means nothing in scripts and pages: addresses and ids have no others.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || ":/._-".contains(c)
}

/// Whether a path stays in its folder.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty() && Utf8PathBuf::from(path).components().all(|part| matches!(part, camino::Utf8Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &[u8]); 5] = [
        ("index.html", b"<meta content='connect-src https://a.stand-in'><script src=/assets/index-aaaaaaaa.js>"),
        ("assets/index-aaaaaaaa.js", b"import('./Cart-bbbbbbbb.js'); fetch('https://a.stand-in/Prod'); pool('the-pool')"),
        ("assets/Cart-bbbbbbbb.js", b"import './index-aaaaaaaa.js'; url('/assets/picture-cccccccc.webp')"),
        ("assets/picture-cccccccc.webp", b"\xff\xfe"),
        ("favicon.svg", b"<svg/>"),
    ];

    fn packaged() -> (camino_tempfile::Utf8TempDir, Vec<String>) {
        let folder = camino_tempfile::tempdir().unwrap();
        for (path, content) in FILES {
            let path = folder.path().join("site").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        (folder, FILES.map(|(path, _)| path.to_owned()).into())
    }

    fn values(url: &str, pool: &str) -> Vec<(String, String)> {
        vec![("https://a.stand-in".to_owned(), url.to_owned()), ("the-pool".to_owned(), pool.to_owned())]
    }

    #[test]
    fn each_stage_gets_its_values_and_names_of_its_own() {
        let (folder, paths) = packaged();
        let (site, to) = (folder.path().join("site"), folder.path().join("placed"));
        let place = |url: &str| {
            let placed = place(&site, &paths, &to, &values(url, "eu-west-1_1")).unwrap();
            placed.into_iter().map(|file| (file.path.clone(), fs::read(to.join(&file.path)).unwrap())).collect::<Vec<_>>()
        };
        let placed = place("https://d1.cloudfront.net");
        let names: Vec<_> = placed.iter().map(|(path, _)| path.as_str()).collect();
        let [index, script, cart, picture, icon] = names[..] else { panic!("{names:?}") };
        assert_eq!((index, picture, icon), ("index.html", "assets/picture-cccccccc.webp", "favicon.svg"));
        assert!(script.starts_with("assets/index-") && cart.starts_with("assets/Cart-"), "{names:?}");
        assert!([script, cart].iter().all(|name| named_by_content(name).is_some()), "{names:?}");
        let text = |place: usize| String::from_utf8_lossy(&placed[place].1).into_owned();
        assert_eq!(text(0), format!("<meta content='connect-src https://d1.cloudfront.net'><script src=/{script}>"));
        let (script_name, cart_name) = (&script["assets/".len()..], &cart["assets/".len()..]);
        assert_eq!(text(1), format!("import('./{cart_name}'); fetch('https://d1.cloudfront.net/Prod'); pool('eu-west-1_1')"));
        assert_eq!(text(2), format!("import './{script_name}'; url('/assets/picture-cccccccc.webp')"));
        assert_eq!(placed[3].1, b"\xff\xfe");

        assert_eq!(place("https://d1.cloudfront.net"), placed, "the same values, the same site");
        let other = place("https://d2.cloudfront.net");
        assert!(other[1].0 != placed[1].0 && other[2].0 != placed[2].0, "browsers keep the former ones");
        assert_eq!(files::below(&to, |_| true).unwrap().len(), FILES.len(), "nothing of the other stage is left");
    }

    #[test]
    fn no_value_becomes_a_program() {
        let (folder, paths) = packaged();
        for value in ["https://x'+alert(1)+'", "a\nb", "<script>", "a b", "\"", "`", "\\", "a;b"] {
            let error = place(&folder.path().join("site"), &paths, &folder.path().join("placed"), &values("https://d1", value));
            assert!(matches!(error, Err(Error::Unsafe { .. })), "{value}: {error:?}");
        }
        assert!(!folder.path().join("placed").exists());
    }

    #[test]
    fn a_site_that_was_built_for_one_stage_is_refused() {
        let (folder, _) = packaged();
        let built = ["favicon.svg".to_owned()];
        let error =
            place(&folder.path().join("site"), &built, &folder.path().join("placed"), &values("https://d1", "b")).unwrap_err();
        assert_eq!(error.to_string(), "the packaged site has no place for https://d1");
        assert!(error.hint().unwrap().contains("cartctl package --site"));
    }

    #[test]
    fn paths_stay_in_their_folder() {
        assert!(["a", "a/b.js", ".well-known/x", "a/./b"].into_iter().all(is_inside));
        assert!(!["", "/a", "..", "a/../../b", "../a", "./a"].into_iter().any(is_inside));
    }
}
