//! Accounts of users, and signing in. Knows nothing of the services that accept tokens.

use cfn::{
    Published, Shared, Stack,
    resource::cognito::{
        AccountRecovery, AuthFlow, DeletionProtection, PasswordPolicy, Policies, RecoveryMechanism, RecoveryOption,
        UserExistenceErrors, UserPool, UserPoolClient, VerifiedAttribute,
    },
    template::Attributes,
    value::{Pseudo, UserPoolArn, UserPoolClientId, UserPoolId, text},
};

use super::AUTH;
use crate::settings::{Endpoints, Settings};

/// The user pool's identifier, by which tokens are verified.
pub const USER_POOL_ID: Shared<UserPoolId> = Shared::at("auth/user-pool-id", "UserPoolId", "The user pool");
/// The user pool's ARN, by which API Gateway's authorizer names it.
pub const USER_POOL_ARN: Shared<UserPoolArn> = Shared::at("auth/user-pool-arn", "UserPoolArn", "The ARN of the user pool");
/// The identifier of the site as an application in which users sign in.
pub const USER_POOL_CLIENT_ID: Shared<UserPoolClientId> =
    Shared::at("auth/user-pool-client-id", "UserPoolClientId", "The application that signs in to the user pool");

/// The values that this stack publishes.
#[derive(Debug)]
pub(crate) struct Auth {
    /// The user pool.
    pub pool_id: Published<UserPoolId>,
    /// The user pool's ARN.
    pub pool_arn: Published<UserPoolArn>,
    /// The site as an application in which users sign in.
    pub client_id: Published<UserPoolClientId>,
}

pub(crate) fn stack(settings: &Settings) -> (Stack, Auth) {
    let mut stack = settings.names.stack(AUTH, "Shopping cart: accounts and sign-in");

    let pool = stack.add_with(
        "CognitoUserPool",
        Attributes::stateful(settings.removal()),
        &UserPool {
            user_pool_name: text![Pseudo::StackName, "-UserPool"],
            deletion_protection: if settings.protected { DeletionProtection::Active } else { DeletionProtection::Inactive },
            auto_verified_attributes: vec![VerifiedAttribute::Email],
            account_recovery_setting: AccountRecovery {
                recovery_mechanisms: vec![RecoveryMechanism { name: RecoveryOption::VerifiedEmail, priority: 1 }],
            },
            policies: Policies { password_policy: PasswordPolicy::strong(8) },
        },
    );
    if settings.protected {
        stack.protect_once_created(&pool, "DeletionProtection", "INACTIVE");
    }
    let client = stack.add(
        "UserPoolClient",
        &UserPoolClient {
            client_name: "my-app",
            user_pool_id: pool.id(),
            generate_secret: false,
            explicit_auth_flows: sign_in(&settings.endpoints),
            prevent_user_existence_errors: UserExistenceErrors::Prevented,
        },
    );

    let published = Auth {
        pool_id: stack.publish("UserPoolSSM", &USER_POOL_ID, pool.id()),
        pool_arn: stack.publish("UserPoolARNSSM", &USER_POOL_ARN, pool.arn()),
        client_id: stack.publish("UserPoolAppClientSSM", &USER_POOL_CLIENT_ID, client.id()),
    };
    stack.output("CognitoUserPoolId", "The user pool", pool.id());
    stack.output("CognitoAppClientId", "The application that signs in to the user pool", client.id());
    stack.succeeds(["CognitoUserPool", "UserPoolClient", "UserPoolSSM", "UserPoolARNSSM", "UserPoolAppClientSSM"]);
    (stack, published)
}

/// Users sign in without sending the password. Tests against an emulator send it, which is simpler and harms nobody.
fn sign_in(endpoints: &Endpoints) -> Vec<AuthFlow> {
    match endpoints {
        Endpoints::Aws => vec![AuthFlow::Srp, AuthFlow::RefreshToken],
        Endpoints::Local { .. } => vec![AuthFlow::Srp, AuthFlow::RefreshToken, AuthFlow::Password],
    }
}
