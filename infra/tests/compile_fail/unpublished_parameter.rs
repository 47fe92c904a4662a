//! What no stack has published cannot be read.

use cart_infra::{Stack, stacks::auth::USER_POOL_ARN};

fn read(stack: &mut Stack) {
    stack.read(&USER_POOL_ARN);
}

fn main() {}
