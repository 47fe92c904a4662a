//! An app: stacks and their order. Knows nothing of what stacks contain.

use crate::{
    name::StackId,
    stack::{Site, Stack},
};

/// Stacks that are deployed together, each after those that it reads from.
#[derive(Clone, Debug)]
pub struct App {
    stacks: Vec<Stack>,
}

impl App {
    /// An app of these stacks.
    ///
    /// # Panics
    /// If two stacks have the same id, or a stack reads from one that does not come before it.
    #[must_use]
    pub fn of(stacks: Vec<Stack>) -> Self {
        for (place, stack) in stacks.iter().enumerate() {
            let earlier = || stacks[..place].iter().map(Stack::id);
            assert!(earlier().all(|id| id != stack.id()), "two stacks are named {}", stack.id());
            for read in stack.reads() {
                assert!(earlier().any(|id| id == *read), "{} reads from {read}, which does not come before it", stack.id());
            }
        }
        Self { stacks }
    }

    /// All stacks, also those on request, in dependency order: each reads only from earlier ones.
    #[must_use]
    pub fn stacks(&self) -> &[Stack] {
        &self.stacks
    }

    /// The stack with this id. A stack that belongs to the account, such as one for bootstrapping, is in no app.
    #[must_use]
    pub fn stack(&self, id: StackId) -> Option<&Stack> {
        self.stacks.iter().find(|stack| stack.id() == id)
    }

    /// The stacks that have to be deployed before this one, because it reads from them.
    #[must_use]
    pub fn depends_on(&self, id: StackId) -> Vec<StackId> {
        self.stack(id).map(|stack| stack.reads().to_vec()).unwrap_or_default()
    }

    /// The stack that hosts the app's site, and where.
    #[must_use]
    pub fn site(&self) -> Option<(&Stack, &Site)> {
        self.stacks.iter().find_map(|stack| Some((stack, stack.site()?)))
    }
}
