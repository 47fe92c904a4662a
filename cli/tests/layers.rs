//! The layers of cartctl, which ARCHITECTURE.md draws: what each may import, that the engine names no stack of the shop, and that the
//! SDK's types and the environment stay where they belong.
//!
//! The sources are read as text, without their tests: what is only for tests may look at everything.

#![expect(clippy::unwrap_used, reason = "a test whose helpers fail has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use camino::{Utf8Path, Utf8PathBuf};

/// Each layer, and the modules beside it that it may import.
const LAYERS: [(&str, &[&str]); 8] = [
    ("domain", &[]),
    ("files", &[]),
    ("plan", &["domain"]),
    ("aws", &["domain"]),
    ("execute", &["domain", "plan", "aws"]),
    ("build", &["domain", "files"]),
    ("local", &["domain", "files", "build"]),
    ("report", &["domain", "files", "plan"]),
];

/// The layers that deploy any app.
const ENGINE: [&str; 5] = ["domain", "plan", "aws", "execute", "report"];

/// A source file below `cli/src`, without comments and tests.
struct Source {
    path: Utf8PathBuf,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("rs") && path.file_stem() != Some("tests") {
                let text = without_tests(&fs::read_to_string(&path).unwrap());
                sources.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), text });
            }
        }
    }
    sources
}

/// The layer of a file: the first part of its path, without `.rs`.
fn layer(path: &Utf8Path) -> &str {
    let first = path.components().next().unwrap().as_str();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// A file's code: no line that is a comment, and nothing from the module of its tests on, which comes last.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code = code.split("#[cfg(test)]\npub(crate) mod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| line.to_owned() + "\n").collect()
}

/// The modules at the root of the crate that a text imports or names.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (place, _) in text.match_indices("crate::") {
        let rest = &text[place + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && c.is_alphanumeric() => {
                    found.insert(name(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn an_import_goes_one_way() {
    let allowed: BTreeMap<_, _> = LAYERS.into();
    let mut checked = BTreeMap::<&str, usize>::new();
    let mut wrong = Vec::new();
    let sources = sources();
    for Source { path, text } in &sources {
        let own = layer(path);
        let Some(allowed) = allowed.get(own) else { continue };
        *checked.entry(own).or_default() += 1;
        let others = imports(text).into_iter().filter(|import| import != own && !allowed.contains(&import.as_str()));
        wrong.extend(others.map(|import| format!("{path} imports {import}")));
    }
    assert_eq!(wrong, [""; 0]);
    let unchecked: Vec<_> = LAYERS.iter().filter(|(layer, _)| !checked.contains_key(layer)).collect();
    assert!(unchecked.is_empty(), "no file of {unchecked:?} was found");
}

#[test]
fn imports_are_found_however_they_are_written() {
    let text =
        "use crate::{\n    aws::{self, Aws},\n    plan,\n};\nfn f() -> crate::report::Format {}\nuse crate::domain::event::Event;";
    assert_eq!(imports(text), ["aws", "domain", "plan", "report"].map(str::to_owned).into());
    assert_eq!(without_tests("//! crate::x\nuse y;\n#[cfg(test)]\nmod tests { crate::z }"), "use y;\n");
}

#[test]
fn the_engine_knows_no_shop() {
    let ids = cart_infra::stacks::ALL.map(|id| format!("\"{id}\""));
    let mut wrong = Vec::new();
    for Source { path, text } in sources().iter().filter(|source| ENGINE.contains(&layer(&source.path))) {
        // A field of an answer may have such a name: `"products": 3`.
        let literals = ids.iter().filter(|id| text.match_indices(*id).any(|(at, _)| !text[at + id.len()..].starts_with(':')));
        let named = ["cart_infra", "stacks::", "StackId::new"].into_iter().filter(|named| text.contains(named));
        wrong.extend(literals.map(String::as_str).chain(named).map(|named| format!("{path} names {named}")));
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_sdk_stays_in_aws_and_the_environment_in_the_configuration() {
    let mut wrong = Vec::new();
    let mut sdk = 0;
    for Source { path, text } in &sources() {
        let is_aws = layer(path) == "aws";
        let used = ["aws_sdk_", "aws_smithy_", "aws_config", "aws_credential_types", "aws_sigv4"];
        let used: Vec<_> = used.into_iter().filter(|used| text.contains(used)).collect();
        sdk += usize::from(is_aws && !used.is_empty());
        if !is_aws {
            wrong.extend(used.into_iter().map(|used| format!("{path} uses {used}")));
        }
        if text.contains("env::var") && path != "config/environment.rs" {
            wrong.push(format!("{path} reads the environment"));
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(sdk > 0, "nobody calls AWS any more?");
}

#[test]
fn a_command_in_a_message_is_made_by_command() {
    let mut wrong = Vec::new();
    for Source { path, text } in &sources() {
        // The help, which is read before any run; and what finds commands.
        if layer(path) == "args" || path == "report/here.rs" {
            continue;
        }
        let is_next = |(at, found): (usize, &str)| text[at + found.len()..].starts_with(|next: char| next.is_alphanumeric());
        let programs =
            ["`cartctl ", "`aws ", "cartctl deploy", "cartctl delete", "cartctl attach", "cartctl local", "cartctl status"];
        for program in programs {
            // `a cartctl deployed it` is no command.
            if text.match_indices(program).any(|found| program.starts_with('`') || !is_next(found)) {
                wrong.push(format!("{path} writes `{program}`: use `Command::cartctl` or `Command::aws` of domain/command.rs"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
