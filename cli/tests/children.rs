//! What the programs that cartctl starts are told of its environment: stand-ins for each of them write down what they see.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "not every test looks at everything")]
mod program;

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use program::{Project, Run, finish};

/// What a deployer's shell, or the job of a pipeline, may have.
const SECRETS: &str = "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN \
    AWS_ROLE_SESSION_NAME AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_SHARED_CREDENTIALS_FILE \
    AWS_CONFIG_FILE GITHUB_TOKEN GH_TOKEN GITHUB_ENV GITHUB_PATH GITHUB_OUTPUT ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL \
    ACTIONS_RUNTIME_TOKEN CI_JOB_TOKEN NPM_TOKEN NODE_AUTH_TOKEN CARGO_REGISTRY_TOKEN CARGO_REGISTRIES_MINE_TOKEN npm_config__authToken \
    MY_SECRET DATABASE_PASSWORD SSH_AUTH_SOCK SOMETHING_ELSE";

/// What the tools cannot do without, or what somebody sets for them.
const NEEDED: &str = "HOME LANG LC_ALL TERM HTTPS_PROXY no_proxy SSL_CERT_FILE CARGO_HOME CARGO_TARGET_DIR CARGO_NET_OFFLINE RUSTUP_HOME \
    npm_config_cache NODE_EXTRA_CA_CERTS";

/// Builds a site of a page, a script and a picture, which say what they were built for.
const NPM: &str = r#"[ "$1" = --version ] && exec echo 11.0.0
for out; do :; done
rm -rf "$out" && mkdir -p "$out/assets" "$out/.vite" && echo '{}' >"$out/.vite/manifest.json"
echo "<meta content='connect-src $VUE_APP_CART_API_URL https://cognito-idp.$VUE_APP_AWS_REGION.amazonaws.com'>
<script src=/assets/index-aaaaaaaa.js></script>" >"$out/index.html"
env | grep '^VUE_APP_' | sort >"$out/assets/index-aaaaaaaa.js"
"#;

/// A workspace whose tools are stand-ins, which write their environment to a folder and then do as told.
struct Workspace {
    project: Project,
    root: Utf8PathBuf,
}

impl Workspace {
    fn new() -> Self {
        let project = Project::new("");
        let root = project.path("workspace");
        let workspace = Self { project, root };
        for folder in ["lambdas/contract", "bin", ".venv/bin", "seen", "frontend/node_modules/vite/bin", "rust/lib"] {
            fs::create_dir_all(workspace.root.join(folder)).unwrap();
        }
        for file in ["lambdas/contract/Cargo.toml", "frontend/node_modules/vite/bin/vite.js"] {
            fs::write(workspace.root.join(file), "").unwrap();
        }
        let repository = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        symlink(repository.join("templates"), workspace.root.join("templates")).unwrap();
        workspace.stand_in(
            "bin/rustc",
            "case $1 in -vV) echo 'commit-hash: 1';; *) echo \"$ROOT/rust\"; echo \"$ROOT/rust/lib\";; esac",
        );
        let metadata =
            r#"case $1 in metadata) echo "{\"packages\":[],\"target_directory\":\"$ROOT/target\"}";; *) exit 101;; esac"#;
        workspace.stand_in("bin/cargo", metadata);
        workspace.stand_in("bin/node", "[ \"$1\" = --version ] && exec echo v22.22.0; exit 1");
        workspace.stand_in("bin/npm", NPM);
        workspace.stand_in(".venv/bin/cargo-zigbuild", "exit 101");
        workspace.stand_in(".venv/bin/ministack", "exit 1");
        workspace.stand_in(".venv/bin/python3", "[ \"$2\" = ziglang ] && exec echo 0.17.1; exit 1");
        workspace
    }

    /// A program that writes its environment down under its name, and then runs this.
    fn stand_in(&self, path: &str, then: &str) {
        let (path, root) = (self.root.join(path), &self.root);
        let name = path.file_name().unwrap();
        let script = format!("#!/bin/sh\nROOT='{root}'\nenv >\"$ROOT/seen/{name}.$$\"\n{then}\n");
        // A shell writes it: a process that is started while it is open for writing could not run it.
        let write = ["-c", r#"printf %s "$2" >"$1" && chmod +x "$1""#, "sh", path.as_str(), &script];
        assert!(Command::new("sh").args(write).status().unwrap().success());
    }

    /// Runs cartctl there, in the environment of somebody with many secrets.
    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.project.command(arguments);
        command.current_dir(&self.root);
        for name in SECRETS.split_whitespace() {
            command.env(name, format!("the secret of {name}"));
        }
        for name in NEEDED.split_whitespace() {
            command.env(name, "needed");
        }
        let region = ["GITHUB_OUTPUT", "AWS_ROLE_ARN"];
        for name in region {
            command.env(name, self.project.path("the secret of a file"));
        }
        // The programs of this machine are found as well: a shell, for one.
        command.env("PATH", format!("{}/bin:/usr/local/bin:/usr/bin:/bin", self.root));
        finish(&mut command)
    }

    /// What each program saw, by its name.
    fn seen(&self) -> BTreeMap<String, String> {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for entry in self.root.join("seen").read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            let name = path.file_stem().unwrap().to_owned();
            *seen.entry(name).or_default() += &fs::read_to_string(&path).unwrap();
            fs::remove_file(path).unwrap();
        }
        seen
    }
}

/// Each of these programs ran and saw what it needs, and none saw a secret.
#[track_caller]
fn assert_seen(seen: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, needed) in expected {
        let saw = &seen[*name];
        assert!(!saw.contains("the secret of"), "{name} saw {saw}");
        for needed in needed.split_whitespace().chain(["PATH", "HOME", "LANG", "LC_ALL", "TERM", "SSL_CERT_FILE"]) {
            assert!(saw.lines().any(|line| line.starts_with(&format!("{needed}="))), "{name} needs {needed}: {saw}");
        }
    }
}

#[test]
fn no_build_script_sees_a_secret() {
    let workspace = Workspace::new();
    let rust = "CARGO_HOME CARGO_TARGET_DIR CARGO_NET_OFFLINE RUSTUP_HOME HTTPS_PROXY no_proxy";
    let run = workspace.run(&["package"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_seen(&workspace.seen(), &[("cargo", rust), ("cargo-zigbuild", rust), ("python3", ""), ("rustc", rust)]);

    // Vite builds while the functions are compiled and the local cloud starts.
    let node = "npm_config_cache NODE_EXTRA_CA_CERTS HTTPS_PROXY no_proxy";
    let run = workspace.run(&["local", "--port", "1"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let seen = workspace.seen();
    let with_credentials = |line: &&str| line.starts_with("CARGO_") || line.starts_with("HTTPS_PROXY") || line.starts_with("npm_");
    assert_eq!(seen["python3"].lines().find(with_credentials), None, "functions get what the local cloud has");
    assert_seen(&seen, &[("cargo", rust), ("node", node), ("python3", "")]);
}

/// A program for Lambda, made in a moment.
fn program(workspace: &Workspace) -> Utf8PathBuf {
    let repository = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (source, program) = (workspace.project.path("main.c"), workspace.project.path("program"));
    fs::write(&source, "int main(void) { return 0; }").unwrap();
    let mut zig = Command::new(repository.join(".venv/bin/python3"));
    zig.args(["-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.34", "-o", program.as_str(), source.as_str()]);
    let output = zig.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

#[test]
fn a_site_is_packaged_without_its_stage_and_without_credentials() {
    let workspace = Workspace::new();
    let program = program(&workspace);
    let message = |service: &str| {
        format!(
            r#"{{"reason":"compiler-artifact","executable":"{program}","target":{{"name":"{service}","kind":["bin"]}},"fresh":true,"profile":{{"test":false}}}}"#
        )
    };
    workspace.stand_in(".venv/bin/cargo-zigbuild", &format!("cat <<'END'\n{}\n{}\nEND", message("products"), message("cart")));
    let out = workspace.project.path("packages");
    let (answer, story) = workspace.run(&["package", "--site", "--out", out.as_str()]).succeeded();
    let last = answer.lines().last().unwrap();
    assert!(last.starts_with(&format!("{out}/site (")) && last.ends_with(", 2 files of the site)"), "{answer}\n{story}");
    let seen = workspace.seen();
    assert_seen(&seen, &[("cargo", ""), ("cargo-zigbuild", ""), ("node", ""), ("npm", ""), ("python3", ""), ("rustc", "")]);

    let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(out.join("packages.json")).unwrap()).unwrap();
    let files: Vec<_> = manifest["site"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["assets/index-aaaaaaaa.js", "index.html"], "and not what is hidden");
    let script = fs::read_to_string(out.join("site/assets/index-aaaaaaaa.js")).unwrap();
    assert!(script.contains("VUE_APP_CART_API_URL=https://site.stand-in.invalid/Prod\n"), "{script}");

    // Without the tools for the site, nothing is built.
    workspace.stand_in("bin/node", "echo v18.0.0");
    let refused = workspace.run(&["package", "--site", "--out", out.as_str()]).failed(1);
    assert!(refused.contains("the shop's site takes Node 20.19, 22.12 or newer, and `node` is v18.0.0"), "{refused}");
    assert_eq!(workspace.seen().keys().collect::<Vec<_>>(), ["node"]);
    let (answer, _) = workspace.run(&["package", "--out", out.as_str()]).succeeded();
    assert!(!answer.contains("site"), "{answer}");
}
