//! Accounts and sign-in. Knows nothing of who asks for a token.

use cfn::{
    Published, Shared, Stack,
    resource::cognito::{
        AccountRecovery, AuthFlow, PasswordPolicy, Policies, RecoveryMechanism, RecoveryOption, UserExistenceErrors, UserPool,
        UserPoolClient, VerifiedAttribute,
    },
    template::Attributes,
    value::{Pseudo, UserPoolArn, UserPoolClientId, UserPoolId, text},
};

use super::AUTH;
use crate::settings::{Endpoints, Settings};

/// The user pool.
pub const USER_POOL_ID: Shared<UserPoolId> = Shared::at("auth/user-pool-id", "UserPoolId", "The user pool");
/// The user pool, as API Gateway names it.
pub const USER_POOL_ARN: Shared<UserPoolArn> = Shared::at("auth/user-pool-arn", "UserPoolArn", "The ARN of the user pool");
/// The shop, as an application that signs people in.
pub const USER_POOL_CLIENT_ID: Shared<UserPoolClientId> =
    Shared::at("auth/user-pool-client-id", "UserPoolClientId", "The application that signs in to the user pool");

/// What this stack publishes.
#[derive(Debug)]
pub struct Auth {
    /// The user pool.
    pub user_pool_id: Published<UserPoolId>,
    /// The user pool's ARN.
    pub user_pool_arn: Published<UserPoolArn>,
    /// The application.
    pub user_pool_client_id: Published<UserPoolClientId>,
}

/// Defines the stack.
#[must_use]
pub fn stack(settings: &Settings) -> (Stack, Auth) {
    let mut stack = Stack::new(AUTH, settings.names.place(AUTH), "Shopping cart: accounts and sign-in");

    let pool = stack.add_with(
        "CognitoUserPool",
        Attributes::stateful(settings.removal()),
        &UserPool {
            user_pool_name: text![Pseudo::StackName, "-UserPool"],
            auto_verified_attributes: vec![VerifiedAttribute::Email],
            account_recovery_setting: AccountRecovery {
                recovery_mechanisms: vec![RecoveryMechanism { name: RecoveryOption::VerifiedEmail, priority: 1 }],
            },
            policies: Policies { password_policy: PasswordPolicy::strong(8) },
        },
    );
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
        user_pool_id: stack.publish("UserPoolSSM", &USER_POOL_ID, pool.id()),
        user_pool_arn: stack.publish("UserPoolARNSSM", &USER_POOL_ARN, pool.arn()),
        user_pool_client_id: stack.publish("UserPoolAppClientSSM", &USER_POOL_CLIENT_ID, client.id()),
    };
    stack.output("CognitoUserPoolId", "The user pool", pool.id());
    stack.output("CognitoAppClientId", "The application that signs in to the user pool", client.id());
    (stack, published)
}

/// People sign in without showing the password to anybody. Tests against an emulator show it, which is simpler and harms no one.
fn sign_in(endpoints: &Endpoints) -> Vec<AuthFlow> {
    match endpoints {
        Endpoints::Aws => vec![AuthFlow::Srp, AuthFlow::RefreshToken],
        Endpoints::Local { .. } => vec![AuthFlow::Srp, AuthFlow::RefreshToken, AuthFlow::Password],
    }
}
