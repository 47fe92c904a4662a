//! The stacks of one copy of the shop, and the order between them. Knows nothing of what is in them.

use crate::{
    settings::Settings,
    stack::{Stack, StackId},
    stacks::{auth, cart, products, web},
};

/// One copy of the shop.
#[derive(Clone, Debug)]
pub struct App {
    stacks: Vec<Stack>,
}

impl App {
    /// Defines one copy of the shop.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let (auth, sign_in) = auth::stack(settings);
        let (products, catalogue) = products::stack(settings);
        let (cart, carts) = cart::stack(settings, &sign_in, &catalogue);
        let web = web::stack(settings, &catalogue, &carts);
        Self { stacks: vec![auth, products, cart, web] }
    }

    /// Its stacks, also the one that not every copy has: none before those it depends on: what a stack reads has been published by one before it.
    #[must_use]
    pub fn stacks(&self) -> &[Stack] {
        &self.stacks
    }

    /// One of its stacks. The bootstrap stack is not one: it belongs to the account.
    #[must_use]
    pub fn stack(&self, id: StackId) -> Option<&Stack> {
        self.stacks.iter().find(|stack| stack.id() == id)
    }

    /// Which stacks must be there before it: those that publish what it reads.
    #[must_use]
    pub fn depends_on(&self, id: StackId) -> Vec<StackId> {
        self.stack(id).map(|stack| stack.reads().to_vec()).unwrap_or_default()
    }
}
