//! Cognito user pools: accounts, and the applications that sign in to them. See [`AWS::Cognito::UserPool`].
//!
//! A pool's `Schema`, `UsernameConfiguration`, `AliasAttributes` and `UsernameAttributes` are absent on purpose: adding one would
//! replace pools that exist, and with them everybody's account.
//!
//! [`AWS::Cognito::UserPool`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cognito-userpool.html

use serde::Serialize;

use crate::{
    scalar::Seconds,
    value::{UserPoolArn, UserPoolClientId, UserPoolId, Value},
};

// The schema does not say which properties replace a pool. Those here cannot be changed in Cognito:
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

/// Accounts of users.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserPool {
    /// Need not be unique.
    pub user_pool_name: Value<String>,
    /// Whether requests to delete it are refused, also those of administrators.
    pub deletion_protection: DeletionProtection,
    /// The attributes that a user confirms by a code after signing up.
    pub auto_verified_attributes: Vec<VerifiedAttribute>,
    /// What happens when a user changes a confirmed attribute.
    pub user_attribute_update_settings: AttributeUpdates,
    /// How a user who forgot the password gets access again.
    pub account_recovery_setting: AccountRecovery,
    /// The requirements on accounts.
    pub policies: Policies,
    /// Who proves more than the password when signing in.
    pub mfa_configuration: Mfa,
    /// The ways to prove more.
    pub enabled_mfas: Vec<SecondFactor>,
}

/// What happens when a user changes a confirmed attribute.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeUpdates {
    /// The attributes whose old value stays in force until the new one is confirmed by a code.
    pub attributes_require_verification_before_update: Vec<VerifiedAttribute>,
}

/// Who proves more than the password when signing in.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mfa {
    /// Users who have chosen it.
    Optional,
}

/// A way to prove more than the password.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SecondFactor {
    /// Codes of an authenticator app, which cost nothing and need no telephone number.
    SoftwareTokenMfa,
}

/// Whether requests to delete a pool are refused.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeletionProtection {
    /// They are, until it is switched off.
    Active,
    /// They are not.
    Inactive,
}

/// An attribute that Cognito can confirm.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedAttribute {
    /// The email address.
    Email,
}

/// How access to an account is recovered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountRecovery {
    /// At least one way.
    pub recovery_mechanisms: Vec<RecoveryMechanism>,
}

/// A way to recover an account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecoveryMechanism {
    /// Where the code is sent.
    pub name: RecoveryOption,
    /// From 1, which is tried first.
    pub priority: u8,
}

/// Where a recovery code can be sent.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryOption {
    /// To the confirmed email address.
    VerifiedEmail,
}

/// The requirements on accounts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policies {
    /// The requirements on passwords.
    pub password_policy: PasswordPolicy,
}

/// A minimal length, and at least one lower-case letter, upper-case letter, digit and symbol.
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
    /// At least so many characters, of all classes.
    #[must_use]
    pub fn strong(minimum_length: u8) -> Self {
        Self { minimum_length, require_lowercase: true, require_uppercase: true, require_numbers: true, require_symbols: true }
    }
}

/// An application in which users sign in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserPoolClient {
    /// Need not be unique.
    pub client_name: &'static str,
    /// The pool of its users.
    pub user_pool_id: Value<UserPoolId>,
    /// Whether it has a secret. A browser could not keep one.
    pub generate_secret: bool,
    /// The ways to sign in.
    pub explicit_auth_flows: Vec<AuthFlow>,
    /// The answer to a failed attempt to sign in.
    pub prevent_user_existence_errors: UserExistenceErrors,
    /// Whether a refresh token can be revoked, with all tokens that came from it.
    pub enable_token_revocation: bool,
    /// The attributes that a user's token may read.
    pub read_attributes: Vec<Attribute>,
    /// The attributes that a user's token may write, also when signing up.
    pub write_attributes: Vec<Attribute>,
    /// How long a session lasts without signing in again, in the unit of `token_validity_units`.
    pub refresh_token_validity: u32,
    /// The units of validities.
    pub token_validity_units: TokenValidityUnits,
    /// Whether a refresh token can be used once only.
    pub refresh_token_rotation: RefreshTokenRotation,
}

/// A standard attribute of users.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// The email address.
    Email,
    /// Whether the email address was confirmed. Only Cognito may write it.
    EmailVerified,
}

/// The units of validities.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TokenValidityUnits {
    /// That of refresh tokens.
    pub refresh_token: TimeUnit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// 24 hours.
    Days,
}

/// Every renewal of a session gives a new refresh token, which is valid until the first one's time is over.
///
/// Cognito [refuses](https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html)
/// it together with `ALLOW_REFRESH_TOKEN_AUTH`: sessions are renewed by `GetTokensFromRefreshToken` only.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RefreshTokenRotation {
    /// Whether it is on.
    pub feature: Feature,
    /// How long the old token is still accepted, up to 60: an answer may be lost, and two tabs may ask at once.
    pub retry_grace_period_seconds: Seconds,
}

/// Whether a feature is on.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Feature {
    /// It is on.
    Enabled,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum AuthFlow {
    /// By SRP: a proof that does not send the password.
    #[serde(rename = "ALLOW_USER_SRP_AUTH")]
    Srp,
    /// By sending the password.
    #[serde(rename = "ALLOW_USER_PASSWORD_AUTH")]
    Password,
}

/// The answer to a failed attempt to sign in.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum UserExistenceErrors {
    /// The same for a wrong password and an unknown account.
    #[serde(rename = "ENABLED")]
    Prevented,
}
