//! What is edited while the shop runs: which files count, and when an editor is done with them. Knows nothing of what is done about it.

use std::{collections::BTreeSet, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::CreateKind};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::Error;

/// How long nothing has to be written before it is looked at: saving all files of an editor, or changing to another branch, is one edit.
const QUIET: Duration = Duration::from_millis(100);

/// Something that was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edit {
    /// What the functions are compiled from.
    Functions,
    /// The definitions of the infrastructure, which are part of this program.
    Definitions,
}

/// The edits of a workspace, as they come.
pub(crate) struct Edits {
    workspace: Utf8PathBuf,
    changed: UnboundedReceiver<notify::Event>,
    _watcher: RecommendedWatcher,
}

impl Edits {
    /// Those of this workspace, from here on.
    ///
    /// # Errors
    /// [`Error::Watch`].
    pub(crate) fn of(workspace: &Utf8Path) -> Result<Self, Error> {
        let failed = |folder: &Utf8Path| {
            let folder = folder.to_owned();
            move |error: notify::Error| Error::Watch { folder, reason: error.to_string() }
        };
        let (sender, changed) = unbounded_channel();
        // An event that could not be had is none: what was missed comes with the next edit, since cargo looks at all files.
        let tell = move |event: notify::Result<notify::Event>| drop(event.map(|event| sender.send(event)));
        let mut watcher = notify::recommended_watcher(tell).map_err(failed(workspace))?;
        // The system tells paths without symbolic links.
        let workspace = workspace.canonicalize_utf8().unwrap_or_else(|_| workspace.to_owned());
        for folder in ["lambdas", "infra"].map(|name| workspace.join(name)) {
            if folder.is_dir() {
                watcher.watch(folder.as_std_path(), RecursiveMode::Recursive).map_err(failed(&folder))?;
            }
        }
        Ok(Self { workspace, changed, _watcher: watcher })
    }

    /// Waits for the next edits. Loses none when dropped before it returns.
    pub(crate) async fn next(&mut self) -> BTreeSet<Edit> {
        let mut edits = BTreeSet::new();
        loop {
            let next = if edits.is_empty() {
                self.changed.recv().await
            } else {
                let Ok(next) = tokio::time::timeout(QUIET, self.changed.recv()).await else { return edits };
                next
            };
            match next {
                Some(event) => edits.extend(edited(&self.workspace, &event)),
                // Nobody watches any more, and so nothing comes any more.
                None => std::future::pending().await,
            }
        }
    }
}

/// What an event of the file system is an edit of, if it is one.
fn edited(workspace: &Utf8Path, event: &notify::Event) -> Option<Edit> {
    if matches!(event.kind, EventKind::Access(_)) {
        return None;
    }
    event.paths.iter().find_map(|path| {
        let path = Utf8Path::from_path(path)?.strip_prefix(workspace).ok()?;
        // What is put into a new folder at once may not be told of. Not what editors leave beside a file while it is open.
        let counts = event.kind == EventKind::Create(CreateKind::Folder) || matches!(path.extension()?, "rs" | "toml" | "json");
        if !counts || path.file_name()?.starts_with('.') {
            return None;
        }
        match path.components().next()?.as_str() {
            "lambdas" => Some(Edit::Functions),
            "infra" => Some(Edit::Definitions),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, ModifyKind};

    use super::*;

    #[test]
    fn only_what_is_compiled_counts_and_only_when_it_changes() {
        let told = |kind, path: &str| edited("/shop".into(), &notify::Event::new(kind).add_path(path.into()));
        let changed = EventKind::Modify(ModifyKind::Any);
        assert_eq!(told(changed, "/shop/lambdas/cart/src/main.rs"), Some(Edit::Functions));
        assert_eq!(told(EventKind::Create(CreateKind::File), "/shop/lambdas/products/src/catalogue.json"), Some(Edit::Functions));
        assert_eq!(told(changed, "/shop/infra/src/stacks/cart.rs"), Some(Edit::Definitions));
        for path in
            ["/shop/lambdas/cart/src/.main.rs.swp", "/shop/lambdas/cart/src/main.rs~", "/shop/lambdas/cart/.#main.rs", "/x.rs"]
        {
            assert_eq!(told(changed, path), None, "{path}");
        }
        assert_eq!(told(EventKind::Create(CreateKind::Folder), "/shop/lambdas/cart/src/new"), Some(Edit::Functions));
        assert_eq!(told(EventKind::Access(AccessKind::Read), "/shop/lambdas/cart/src/main.rs"), None);
    }

    #[tokio::test]
    async fn saving_several_files_is_one_edit() {
        let folder = camino_tempfile::tempdir().unwrap();
        let (source, definitions) = (folder.path().join("lambdas/cart/src"), folder.path().join("infra/src"));
        std::fs::create_dir_all(&source).unwrap();
        std::fs::create_dir_all(&definitions).unwrap();
        let mut edits = Edits::of(folder.path()).unwrap();
        for name in ["main.rs", "lib.rs", "notes.txt"] {
            std::fs::write(source.join(name), "//").unwrap();
        }
        assert_eq!(edits.next().await, BTreeSet::from([Edit::Functions]));
        std::fs::write(definitions.join("app.rs"), "//").unwrap();
        assert_eq!(edits.next().await, BTreeSet::from([Edit::Definitions]), "and no other edit of the functions before");
    }
}
