//! The real `cartctl package` with the real cross compiler: that what is uploaded depends on the code alone, and answers.
//!
//! Slow, since the services are compiled for Lambda. They are compiled into the target folder the tests themselves use, so that
//! only the first run compiles their dependencies; every run compiles the services themselves once more, in another folder.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, io::Read as _, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use cart_contract::{CartFunction, ProductsFunction};
use serde_json::Value;

/// What a clone does not have.
const NOT_IN_A_CLONE: [&str; 6] = [".git", ".venv", ".cartctl", "target", "node_modules", "dist"];

/// The processor of this machine: its binaries need no target that `make setup` has not installed.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

#[test]
fn a_clone_in_another_folder_gives_the_same_archives() {
    let folder = camino_tempfile::tempdir().unwrap();
    let workspace = workspace();
    // A space, because somebody's home has one.
    let clone = folder.path().join("a clone");
    copy(&workspace, &clone);
    std::os::unix::fs::symlink(workspace.join(".venv"), clone.join(".venv")).unwrap();

    let here = package(&workspace, &folder.path().join("here"));
    let there = package(&clone, &folder.path().join("there"));

    assert_eq!(here.keys().collect::<Vec<_>>(), ["cart", "products"]);
    for (service, archive) in &here {
        let other = &there[service];
        assert_eq!(archive.key, other.key, "the code of {service} differs");
        assert!(archive.bytes == other.bytes, "the archives of {service} differ");
        assert!(archive.key.starts_with(&format!("{service}/")), "{}", archive.key);
        assert_forgets(&archive.binary(), &[workspace.as_str(), clone.as_str(), target_dir().as_str(), "/.cargo/", "/.rustup/"]);
    }
    assert_answers(&folder.path().join("here"));
}

/// An archive that `cartctl package` made.
struct Archive {
    key: String,
    bytes: Vec<u8>,
}

impl Archive {
    /// What Lambda would run.
    fn binary(&self) -> Vec<u8> {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&self.bytes)).unwrap();
        let mut binary = Vec::new();
        zip.by_name("bootstrap").unwrap().read_to_end(&mut binary).unwrap();
        binary
    }
}

/// Runs `cartctl package` in a workspace, returning the archive of every service.
fn package(workspace: &Utf8Path, out: &Utf8Path) -> BTreeMap<String, Archive> {
    let output = Command::new(env!("CARGO_BIN_EXE_cartctl"))
        .args(["package", "--arch", ARCHITECTURE, "--out", out.as_str(), "--output", "json"])
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", target_dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |artifact: &Value, name: &str| artifact[name].as_str().unwrap().to_owned();
    answer["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| {
            let bytes = fs::read(text(artifact, "path")).unwrap();
            assert_eq!(artifact["zip_bytes"], bytes.len());
            let archive = Archive { key: text(artifact, "key"), bytes };
            assert_eq!(artifact["binary_bytes"], archive.binary().len());
            (text(artifact, "service"), archive)
        })
        .collect()
}

fn assert_forgets(binary: &[u8], names: &[&str]) {
    for name in names {
        let found = binary.windows(name.len()).position(|window| window == name.as_bytes());
        assert_eq!(found, None, "the binary knows {name}");
    }
}

/// Every function starts out of its package, and answers as it should. Packages are built with other features than what the other tests
/// run: those of the two services alone.
fn assert_answers(packages: &Utf8Path) {
    let bench = target_dir().join("debug/cart-bench");
    let output = Command::new(bench).args(["--rounds", "1", packages.as_str()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures = String::from_utf8_lossy(&output.stdout);
    let functions = figures.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(functions, CartFunction::ALL.len() + ProductsFunction::ALL.len(), "{figures}");
}

fn workspace() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The target folder that holds the cartctl under test.
fn target_dir() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_BIN_EXE_cartctl")).ancestors().nth(2).unwrap().to_owned()
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if NOT_IN_A_CLONE.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
