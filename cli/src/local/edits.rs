//! Edits while the shop runs: which files count, and when an edit is complete. Knows nothing of the reaction.

use std::{collections::BTreeSet, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::CreateKind};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::Error;

/// The pause after which an edit is complete: saving all files of an editor, or switching branches, is one edit.
const QUIET: Duration = Duration::from_millis(100);

/// The kind of edited file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edit {
    /// The source of the functions.
    Functions,
    /// The definitions of the infrastructure, which are part of this program.
    Definitions,
}

/// A watch on a workspace.
pub(crate) struct Edits {
    workspace: Utf8PathBuf,
    changed: UnboundedReceiver<notify::Event>,
    _watcher: RecommendedWatcher,
}

impl Edits {
    /// Watches this workspace from now on.
    ///
    /// # Errors
    /// [`Error::Watch`].
    pub(crate) fn of(workspace: &Utf8Path) -> Result<Self, Error> {
        let failed = |folder: &Utf8Path| {
            let folder = folder.to_owned();
            move |error: notify::Error| Error::Watch { folder, reason: error.to_string() }
        };
        let (sender, changed) = unbounded_channel();
        // Errors of single events are ignored: the next edit makes up for them, since cargo checks all files.
        let tell = move |event: notify::Result<notify::Event>| drop(event.map(|event| sender.send(event)));
        let mut watcher = notify::recommended_watcher(tell).map_err(failed(workspace))?;
        // The system reports paths without symbolic links.
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
        edits(&self.workspace, &mut self.changed, || tokio::time::sleep(QUIET)).await
    }
}

/// Collects edits until none has come for `quiet`.
async fn edits<Q: Future<Output = ()>>(
    workspace: &Utf8Path,
    changed: &mut UnboundedReceiver<notify::Event>,
    quiet: impl Fn() -> Q,
) -> BTreeSet<Edit> {
    let mut edits = BTreeSet::new();
    loop {
        let next = tokio::select! {
            biased;
            next = changed.recv() => next,
            () = quiet(), if !edits.is_empty() => return edits,
        };
        match next {
            Some(event) => edits.extend(edited(workspace, &event)),
            // The watch has ended, and no more events will come.
            None => std::future::pending().await,
        }
    }
}

/// The edit that an event of the file system means, if any.
fn edited(workspace: &Utf8Path, event: &notify::Event) -> Option<Edit> {
    if matches!(event.kind, EventKind::Access(_)) {
        return None;
    }
    event.paths.iter().find_map(|path| {
        let path = Utf8Path::from_path(path)?.strip_prefix(workspace).ok()?;
        // The system may not report files created right after their folder. Temporary files of editors do not count.
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
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

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

    /// Saving this file, as the system reports it.
    fn saved(path: &str) -> notify::Event {
        notify::Event::new(EventKind::Modify(ModifyKind::Any)).add_path(path.into())
    }

    #[test]
    fn what_is_saved_before_it_is_quiet_is_one_edit() {
        let (sender, mut changed) = unbounded_channel();
        let (end_of_quiet, quiet) = tokio::sync::watch::channel(false);
        let is_quiet = || {
            let mut quiet = quiet.clone();
            async move { drop(quiet.wait_for(|quiet| *quiet).await) }
        };
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut edits = pin!(edits("/shop".into(), &mut changed, is_quiet));
            assert_eq!(edits.as_mut().poll(&mut context), Poll::Pending, "nothing was saved");
            for path in ["/shop/lambdas/cart/src/main.rs", "/shop/lambdas/cart/notes.txt", "/shop/infra/src/lib.rs"] {
                sender.send(saved(path)).unwrap();
                assert_eq!(edits.as_mut().poll(&mut context), Poll::Pending, "{path}: more may follow");
            }
            end_of_quiet.send(true).unwrap();
            assert_eq!(edits.as_mut().poll(&mut context), Poll::Ready(BTreeSet::from([Edit::Functions, Edit::Definitions])));
        }
        let mut edits = pin!(edits("/shop".into(), &mut changed, is_quiet));
        assert_eq!(edits.as_mut().poll(&mut context), Poll::Pending, "each of them is in one edit");
        sender.send(saved("/shop/lambdas/cart/notes.txt")).unwrap();
        assert_eq!(edits.as_mut().poll(&mut context), Poll::Pending, "what does not count makes no edit");
    }

    #[tokio::test]
    async fn files_are_watched_in_the_folders_below_the_workspace() {
        let folder = camino_tempfile::tempdir().unwrap();
        let (source, definitions) = (folder.path().join("lambdas/cart/src"), folder.path().join("infra/src"));
        std::fs::create_dir_all(&source).unwrap();
        std::fs::create_dir_all(&definitions).unwrap();
        let mut edits = Edits::of(folder.path()).unwrap();
        std::fs::write(source.join("main.rs"), "//").unwrap();
        assert_eq!(edits.next().await, BTreeSet::from([Edit::Functions]));
        std::fs::write(definitions.join("app.rs"), "//").unwrap();
        assert_eq!(edits.next().await, BTreeSet::from([Edit::Definitions]), "and no other edit of the functions before");
    }
}
