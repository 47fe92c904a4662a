//! Where what a stack makes can be reached: the one thing that differs between AWS and an emulator.

use crate::{
    cfn::{
        resource::api_gateway::RestApi,
        value::{ApiUrl, Handle, Pseudo, UserPoolId, Value, text},
    },
    settings::Endpoints,
};

/// The stage under which every API is served. It is part of the URL.
pub(crate) const API_STAGE: &str = "Prod";

impl Endpoints {
    /// The base URL of an API, without a slash at the end.
    #[must_use]
    pub fn api_url(&self, api: &Handle<RestApi>) -> Value<ApiUrl> {
        match self {
            Self::Aws => text!["https://", &api.id(), ".execute-api.", Pseudo::Region, ".", Pseudo::UrlSuffix, "/", API_STAGE],
            Self::Local { base_url } => {
                text![base_url.as_str(), "/restapis/", &api.id(), "/", API_STAGE, "/_user_request_"]
            }
        }
    }

    /// Where the keys are with which a user pool signs tokens.
    #[must_use]
    pub fn jwks_url(&self, pool: &Value<UserPoolId>) -> Value<String> {
        match self {
            Self::Aws => text![&token_issuer(pool), "/.well-known/jwks.json"],
            Self::Local { base_url } => text![base_url.as_str(), "/", pool, "/.well-known/jwks.json"],
        }
    }
}

/// The `iss` of a user pool's tokens, which is the same wherever the pool is reached.
///
/// See [verifying tokens](https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html).
pub(crate) fn token_issuer(pool: &Value<UserPoolId>) -> Value<String> {
    text!["https://cognito-idp.", Pseudo::Region, ".amazonaws.com/", pool]
}
