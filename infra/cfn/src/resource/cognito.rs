//! Cognito user pools: accounts, and the applications that sign in to them. See [`AWS::Cognito::UserPool`].
//!
//! A pool's `Schema`, `UsernameConfiguration`, `AliasAttributes` and `UsernameAttributes` are absent on purpose: adding one would
//! replace pools that exist, and with them everybody's account.
//!
//! [`AWS::Cognito::UserPool`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cognito-userpool.html

use serde::Serialize;

use crate::value::{UserPoolArn, UserPoolClientId, UserPoolId, Value};

// What replaces a pool is after what cannot be changed in Cognito, since the schema does not say:
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-updating.html
super::types! {
    UserPool = "AWS::Cognito::UserPool" {
        replacing: { AliasAttributes: Always, Schema: Conditional, UsernameAttributes: Always, UsernameConfiguration: Always },
        /// The identifier, which is also the last segment of the issuer of its tokens.
        id: UserPoolId = Ref,
        /// The ARN that an authorizer names.
        arn: UserPoolArn = GetAtt("Arn"),
    }
    UserPoolClient = "AWS::Cognito::UserPoolClient" {
        replacing: { GenerateSecret: Always, UserPoolId: Always },
        /// The identifier that tokens carry as `aud` or `client_id`.
        id: UserPoolClientId = Ref,
    }
}

/// A user pool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserPool {
    /// Its name, which need not be unique.
    pub user_pool_name: Value<String>,
    /// What is confirmed by a code when someone signs up.
    pub auto_verified_attributes: Vec<VerifiedAttribute>,
    /// How someone who forgot the password gets in again.
    pub account_recovery_setting: AccountRecovery,
    /// What is asked of accounts.
    pub policies: Policies,
}

/// An attribute Cognito can confirm.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedAttribute {
    /// The email address.
    Email,
}

/// How an account is recovered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountRecovery {
    /// The ways, by priority.
    pub recovery_mechanisms: Vec<RecoveryMechanism>,
}

/// A way to recover an account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecoveryMechanism {
    /// The way.
    pub name: RecoveryOption,
    /// 1 is tried first.
    pub priority: u8,
}

/// Where a recovery code can be sent.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryOption {
    /// The confirmed email address.
    VerifiedEmail,
}

/// What is asked of accounts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policies {
    /// What is asked of passwords.
    pub password_policy: PasswordPolicy,
}

/// What a password must have: the length, and a lower case letter, an upper case letter, a digit and a symbol.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "these are CloudFormation's, and they are only set together")]
pub struct PasswordPolicy {
    minimum_length: u8,
    require_lowercase: bool,
    require_uppercase: bool,
    require_numbers: bool,
    require_symbols: bool,
}

impl PasswordPolicy {
    /// All classes of characters, and at least so many characters.
    #[must_use]
    pub fn strong(minimum_length: u8) -> Self {
        Self { minimum_length, require_lowercase: true, require_uppercase: true, require_numbers: true, require_symbols: true }
    }
}

/// An application that signs people in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserPoolClient {
    /// Its name.
    pub client_name: &'static str,
    /// The pool it signs in to.
    pub user_pool_id: Value<UserPoolId>,
    /// Whether it has a secret, which a browser could not keep.
    pub generate_secret: bool,
    /// The ways to sign in.
    pub explicit_auth_flows: Vec<AuthFlow>,
    /// What a stranger learns from a failed attempt.
    pub prevent_user_existence_errors: UserExistenceErrors,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum AuthFlow {
    /// With a proof of the password that does not show it.
    #[serde(rename = "ALLOW_USER_SRP_AUTH")]
    Srp,
    /// With the password itself.
    #[serde(rename = "ALLOW_USER_PASSWORD_AUTH")]
    Password,
    /// With a refresh token.
    #[serde(rename = "ALLOW_REFRESH_TOKEN_AUTH")]
    RefreshToken,
}

/// What a stranger learns from a failed attempt to sign in.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum UserExistenceErrors {
    /// Not whether the account exists.
    #[serde(rename = "ENABLED")]
    Prevented,
}
