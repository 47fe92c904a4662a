//! API Gateway's account-wide setting: the role for its logs. One call (docs/adr/0035-one-way-to-aws.md).

use serde::Deserialize;

use super::{Aws, Error, ErrorKind, hosts::Service, signed::Request};

const OPERATION: &str = "reading API Gateway's account settings";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    cloudwatch_role_arn: Option<String>,
}

impl Aws {
    /// The ARN of the role for API Gateway's logs in this account and region, if one is set.
    ///
    /// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetAccount.html>
    pub(crate) async fn gateway_logging_role(&self) -> Result<Option<String>, Error> {
        let request = Request {
            operation: OPERATION,
            service: Service::ApiGateway,
            name: "GetAccount",
            method: "GET",
            path: "/account".to_owned(),
            headers: &[],
            body: Vec::new(),
        };
        let body = self.signed(request).await?;
        let account: Account =
            serde_json::from_slice(&body).map_err(|error| Error::new(OPERATION, ErrorKind::Other, error.to_string()))?;
        Ok(account.cloudwatch_role_arn.filter(|arn| !arn.is_empty()))
    }
}
