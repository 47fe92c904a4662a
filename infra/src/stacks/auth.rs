//! Accounts of users, and signing in. Knows nothing of the services that accept tokens.

use cfn::{
    Published, Seconds, Shared, Stack,
    resource::cognito::{
        AccountRecovery, Attribute, AttributeUpdates, AuthFlow, DeletionProtection, Feature, Mfa, PasswordPolicy, Policies,
        RecoveryMechanism, RecoveryOption, RefreshTokenRotation, SecondFactor, TimeUnit, TokenValidityUnits, UserExistenceErrors,
        UserPool, UserPoolClient, VerifiedAttribute,
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

/// Days after which a customer signs in again. A stolen browser profile is an open account for no longer than that.
const SESSION_DAYS: u32 = 7;

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
            user_attribute_update_settings: AttributeUpdates {
                attributes_require_verification_before_update: vec![VerifiedAttribute::Email],
            },
            account_recovery_setting: AccountRecovery {
                recovery_mechanisms: vec![RecoveryMechanism { name: RecoveryOption::VerifiedEmail, priority: 1 }],
            },
            policies: Policies { password_policy: PasswordPolicy::strong(8) },
            mfa_configuration: Mfa::Optional,
            enabled_mfas: vec![SecondFactor::SoftwareTokenMfa],
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
            enable_token_revocation: true,
            read_attributes: vec![Attribute::Email, Attribute::EmailVerified],
            write_attributes: vec![Attribute::Email],
            refresh_token_validity: SESSION_DAYS,
            token_validity_units: TokenValidityUnits { refresh_token: TimeUnit::Days },
            refresh_token_rotation: RefreshTokenRotation {
                feature: Feature::Enabled,
                retry_grace_period_seconds: Seconds::minutes(1),
            },
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

/// Users sign in without sending the password. Sessions are renewed by `GetTokensFromRefreshToken`, which is no flow to allow. Tests against an emulator send it, which is simpler and harms nobody.
fn sign_in(endpoints: &Endpoints) -> Vec<AuthFlow> {
    match endpoints {
        Endpoints::Aws => vec![AuthFlow::Srp],
        Endpoints::Local { .. } => vec![AuthFlow::Srp, AuthFlow::Password],
    }
}
