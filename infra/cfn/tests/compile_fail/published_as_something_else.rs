//! A value is published as its kind: a pool's identifier is not its ARN.

use cfn::{
    Shared, Stack,
    resource::cognito::UserPool,
    value::{Handle, UserPoolArn},
};

const USER_POOL_ARN: Shared<UserPoolArn> = Shared::at("auth/user-pool-arn", "UserPoolArn", "The ARN of the user pool");

fn publish(stack: &mut Stack, pool: &Handle<UserPool>) {
    stack.publish("UserPoolARNSSM", &USER_POOL_ARN, pool.id());
}

fn main() {}
