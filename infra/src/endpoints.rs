//! The addresses of what a stack makes: the only difference between AWS and an emulator.

use cfn::{
    resource::{
        api_gateway::RestApi,
        cloudfront::{CustomOrigin, OriginProtocol, Protocol},
    },
    value::{ApiId, ApiUrl, Handle, Pseudo, UserPoolId, Value, text},
};

use crate::settings::Endpoints;

/// The stage under which every API is served, and so the first segment of each URL's path.
pub const API_STAGE: &str = "Prod";

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

    /// How CloudFront reaches an API. The viewer's path begins with the name of the API's stage and is appended.
    #[must_use]
    pub(crate) fn api_origin(&self, api: &Value<ApiId>) -> ApiOrigin {
        match self {
            Self::Aws => ApiOrigin {
                domain_name: text![api, ".execute-api.", Pseudo::Region, ".", Pseudo::UrlSuffix],
                path: None,
                reached_by: CustomOrigin {
                    http_port: None,
                    origin_protocol_policy: OriginProtocol::HttpsOnly,
                    origin_ssl_protocols: vec![Protocol::Tls12],
                },
            },
            Self::Local { base_url } => ApiOrigin {
                domain_name: base_url.host().into(),
                path: Some(text!["/_aws/execute-api/", api]),
                reached_by: CustomOrigin {
                    http_port: Some(base_url.port()),
                    origin_protocol_policy: OriginProtocol::HttpOnly,
                    origin_ssl_protocols: Vec::new(),
                },
            },
        }
    }

    /// Whether requests use TLS. An emulator has none, and would refuse all requests by a policy that requires it.
    #[must_use]
    pub(crate) fn has_tls(&self) -> bool {
        matches!(self, Self::Aws)
    }

    /// The URL of the keys with which a user pool signs tokens.
    #[must_use]
    pub fn jwks_url(&self, pool: &Value<UserPoolId>) -> Value<String> {
        match self {
            Self::Aws => text![&token_issuer(pool), "/.well-known/jwks.json"],
            Self::Local { base_url } => text![base_url.as_str(), "/", pool, "/.well-known/jwks.json"],
        }
    }
}

/// How CloudFront reaches an API.
pub(crate) struct ApiOrigin {
    /// The host name.
    pub domain_name: Value<String>,
    /// Put in front of the viewer's path.
    pub path: Option<Value<String>>,
    /// The protocol and its settings.
    pub reached_by: CustomOrigin,
}

/// The `iss` of a user pool's tokens, which is the same in an emulator.
///
/// See [verifying
/// tokens](https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html).
pub(crate) fn token_issuer(pool: &Value<UserPoolId>) -> Value<String> {
    text!["https://cognito-idp.", Pseudo::Region, ".", Pseudo::UrlSuffix, "/", pool]
}
