//! What the programs that cartctl starts are told of its environment: what each needs, by name, and nothing else. Build scripts, macros and
//! npm's packages are other people's code, and run with the deployer's rights; they get no credentials.
//!
//! Decides by names alone, and knows nothing of the programs' arguments.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    sync::Arc,
};

use tokio::process::Command;

/// For every program: where it finds others, who and where the user is, how to write, and whom to trust.
const COMMON: &str = "PATH HOME USER LOGNAME SHELL TMPDIR TMP TEMP TZ LANG LANGUAGE LC_* TERM COLORTERM NO_COLOR CLICOLOR CLICOLOR_FORCE \
    FORCE_COLOR CI XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_RUNTIME_DIR SSL_CERT_FILE SSL_CERT_DIR \
    NIX_SSL_CERT_FILE LD_LIBRARY_PATH DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH";

/// For what downloads. The address of a proxy may hold a password, and there is no other way to name it.
const DOWNLOADS: &str = "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy CURL_CA_BUNDLE REQUESTS_CA_BUNDLE \
    GIT_SSL_CAINFO";

/// For cargo, rustc, the linkers and compilers of C that they call, zig, and what manages their versions.
const RUST: &str = "CARGO CARGO_* RUSTUP_* RUSTC RUSTC_* RUSTDOC RUSTDOCFLAGS RUSTFLAGS RUST_BACKTRACE RUST_LOG RUST_MIN_STACK SCCACHE_* \
    CCACHE_* CC CC_* CXX CXX_* AR AR_* RANLIB RANLIB_* LD CFLAGS CFLAGS_* CXXFLAGS CXXFLAGS_* CPPFLAGS LDFLAGS CPATH \
    C_INCLUDE_PATH LIBRARY_PATH PKG_CONFIG PKG_CONFIG_* CMAKE CMAKE_* LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS SDKROOT \
    DEVELOPER_DIR MACOSX_DEPLOYMENT_TARGET AWS_LC_* NIX_* ZIG_* SOURCE_DATE_EPOCH MAKEFLAGS NUM_JOBS \
    LLVM_PROFILE_FILE ASDF_* MISE_*";

/// For Node, npm and Vite, and what manages their versions.
const NODE: &str = "NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_ENV npm_config_* NPM_CONFIG_* NVM_* FNM_* VOLTA_* N_PREFIX NODENV_* \
    ASDF_* MISE_*";

/// Parts of names that say what a value is, whatever list the name is on.
const SECRETS: [&str; 8] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "AUTH", "KEY"];

/// The kind of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Cargo, rustc and zig.
    Rust,
    /// Node, npm and Vite.
    Node,
    /// The local cloud with the functions it runs, and the server of its site.
    Local,
}

/// The variables that some program may be told.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Inherited(Arc<[(OsString, OsString)]>);

impl Inherited {
    /// What may be passed on of these variables.
    pub(crate) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let tools = [Tool::Rust, Tool::Node, Tool::Local];
        Self(variables.into_iter().filter(|(name, _)| tools.into_iter().any(|tool| is_told(tool, name))).collect())
    }

    /// A command for this program, with the variables for its kind and no others.
    pub(crate) fn command(&self, tool: Tool, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let told = self.0.iter().filter(|(name, _)| is_told(tool, name));
        command.env_clear().envs(told.map(|(name, value)| (name, value)));
        command
    }
}

impl fmt::Debug for Inherited {
    /// The names: the address of a proxy may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn is_told(tool: Tool, name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let lists: &[&str] = match tool {
        Tool::Rust => &[COMMON, DOWNLOADS, RUST],
        Tool::Node => &[COMMON, DOWNLOADS, NODE],
        Tool::Local => &[COMMON],
    };
    let is_listed = |listed: &str| listed.strip_suffix('*').map_or(listed == name, |start| name.starts_with(start));
    lists.iter().copied().flat_map(str::split_whitespace).any(is_listed) && !is_secret(name)
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRETS.into_iter().any(|part| name.contains(part))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// For tests of what calls programs.
    #[expect(clippy::disallowed_methods, reason = "no test depends on what is read here")]
    pub(in crate::build) fn of_this_process() -> Inherited {
        Inherited::of(std::env::vars_os())
    }

    /// Those of these names that a program of this kind gets.
    fn told(tool: Tool, names: &str) -> Vec<String> {
        let variables = names.split_whitespace().map(|name| (name.into(), "value".into()));
        let command = Inherited::of(variables).command(tool, "true");
        let set = command.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
        let mut names: Vec<_> = set.map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn each_program_is_told_what_it_needs() {
        let all = "PATH HOME LC_ALL TERM https_proxy NO_PROXY CARGO_HOME CARGO_TARGET_DIR CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER \
                   RUSTUP_TOOLCHAIN RUSTFLAGS CC_aarch64_unknown_linux_gnu npm_config_cache NODE_EXTRA_CA_CERTS SSL_CERT_FILE";
        assert_eq!(
            told(Tool::Rust, all),
            [
                "CARGO_HOME",
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
                "CARGO_TARGET_DIR",
                "CC_aarch64_unknown_linux_gnu",
                "HOME",
                "LC_ALL",
                "NO_PROXY",
                "PATH",
                "RUSTFLAGS",
                "RUSTUP_TOOLCHAIN",
                "SSL_CERT_FILE",
                "TERM",
                "https_proxy",
            ]
        );
        assert_eq!(
            told(Tool::Node, all),
            [
                "HOME",
                "LC_ALL",
                "NODE_EXTRA_CA_CERTS",
                "NO_PROXY",
                "PATH",
                "SSL_CERT_FILE",
                "TERM",
                "https_proxy",
                "npm_config_cache"
            ]
        );
        assert_eq!(told(Tool::Local, all), ["HOME", "LC_ALL", "PATH", "SSL_CERT_FILE", "TERM"]);
    }

    #[test]
    fn nobody_is_told_a_secret() {
        let secrets = "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE \
            AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN \
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE AWS_ENDPOINT_URL AWS_REGION AWS_CA_BUNDLE \
            GITHUB_TOKEN GH_TOKEN GITHUB_ENV GITHUB_PATH GITHUB_OUTPUT ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL \
            ACTIONS_RUNTIME_TOKEN ACTIONS_CACHE_URL CI_JOB_TOKEN GITLAB_TOKEN BUILDKITE_AGENT_ACCESS_TOKEN NPM_TOKEN NODE_AUTH_TOKEN \
            CARGO_REGISTRY_TOKEN CARGO_REGISTRIES_MINE_TOKEN CARGO_REGISTRIES_MINE_CREDENTIAL_PROVIDER npm_config__auth \
            npm_config__authToken npm_config_//registry.npmjs.org/:_authToken NPM_CONFIG__PASSWORD npm_config_key MISE_GITHUB_TOKEN \
            SCCACHE_REDIS_PASSWORD SSH_AUTH_SOCK GPG_TTY MY_SECRET DATABASE_URL VAULT_ADDR AZURE_CLIENT_SECRET GOOGLE_APPLICATION_CREDENTIALS \
            CARTCTL_STAGE S3_BUCKET VUE_APP_CART_API_URL LD_PRELOAD PYTHONPATH PYTHONSTARTUP BASH_ENV ENV";
        for tool in [Tool::Rust, Tool::Node, Tool::Local] {
            assert_eq!(told(tool, secrets), [""; 0], "{tool:?}");
        }
    }

    #[test]
    fn values_are_not_shown() {
        let inherited = Inherited::of([("HTTPS_PROXY".into(), "http://me:sesame@proxy".into()), ("A".into(), "b".into())]);
        assert_eq!(format!("{inherited:?}"), r#"["HTTPS_PROXY"]"#);
    }
}
