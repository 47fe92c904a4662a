//! A value that no stack has published cannot be read.

use cfn::{Shared, Stack, value::UserPoolArn};

const USER_POOL_ARN: Shared<UserPoolArn> = Shared::at("auth/user-pool-arn", "UserPoolArn", "The ARN of the user pool");

fn read(stack: &mut Stack) {
    stack.read(&USER_POOL_ARN);
}

fn main() {}
