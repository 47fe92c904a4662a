//! Node, which builds the shop's site: whether it is installed, and new enough. Knows nothing of the site.

use std::io;

use super::{
    inherited::{Inherited, Tool},
    process,
};

/// The `engines` of `frontend/package.json`, in words.
const WANTED: &str = "Node 20.19, 22.12 or newer";

/// Why the site cannot be built with this Node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the shop's site takes {WANTED}, and `node` does not run")]
    Missing(#[source] io::Error),
    #[error("the shop's site takes {WANTED}, and `node` is {found}")]
    TooOld {
        /// As Node writes it, such as `v18.20.4`.
        found: String,
    },
}

impl Error {
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Missing(_) => format!("install {WANTED} from https://nodejs.org"),
            Self::TooOld { .. } => format!("install {WANTED} from https://nodejs.org in its place"),
        }
    }
}

/// Verifies that the Node on the path can build the site.
pub(crate) async fn check(inherited: &Inherited) -> Result<(), Error> {
    let mut command = inherited.command(Tool::Node, "node");
    command.arg("--version");
    let found = process::result_of(command).await.map_err(Error::Missing)?.said;
    if is_too_old(&found) { Err(Error::TooOld { found }) } else { Ok(()) }
}

/// An unreadable version does not count as too old: the build will report the problem.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|number| number.parse::<u32>().ok());
    let (Some(major), minor) = (numbers.next(), numbers.next().unwrap_or(0)) else { return false };
    match major {
        20 => minor < 19,
        22 => minor < 12,
        _ => major < 22,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_too_old_is_refused() {
        let package = include_str!("../../../frontend/package.json");
        assert!(package.contains(r#""node": "^20.19.0 || >=22.12.0""#), "this is checked, and `WANTED` says it in words");
        assert!(["v18.20.4", "v20.18.1", "v16.0.0", "v21.7.3", "v22.11.0"].into_iter().all(is_too_old));
        assert!(!["v20.19.0", "v22.12.0", "v23.0.0", "v24.1.0", "", "nonsense"].into_iter().any(is_too_old));
    }
}
