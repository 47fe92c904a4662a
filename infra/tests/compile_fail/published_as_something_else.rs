//! What is published is what others will read: a pool's identifier is not its ARN.

use cart_infra::{
    Stack,
    cfn::{resource::cognito::UserPool, value::Handle},
    stacks::auth::USER_POOL_ARN,
};

fn publish(stack: &mut Stack, pool: &Handle<UserPool>) {
    stack.publish("UserPoolARNSSM", &USER_POOL_ARN, pool.id());
}

fn main() {}
