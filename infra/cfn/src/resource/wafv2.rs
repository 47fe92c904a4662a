//! WAF: web access control lists, which look at requests before a service does. See [`AWS::WAFv2::WebACL`].
//!
//! [`AWS::WAFv2::WebACL`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webacl.html

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    scalar::Seconds,
    value::{Value, WebAclArn},
};

super::types! {
    WebAcl = "AWS::WAFv2::WebACL" {
        replacing: { Name: Always, Scope: Always },
        /// The ARN that a distribution or an association names.
        arn: WebAclArn = GetAtt("Arn"),
    }
    WebAclAssociation = "AWS::WAFv2::WebACLAssociation" { replacing: { ResourceArn: Always, WebACLArn: Always } }
}

/// A list of rules. Requests that no rule refuses are allowed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct WebAcl {
    /// Shown in the console.
    pub description: &'static str,
    /// The services that it is for.
    pub scope: Scope,
    /// For requests that no rule refuses.
    pub default_action: DefaultAction,
    /// The rules, in order.
    pub rules: Vec<RateRule>,
    /// The metrics of all requests.
    pub visibility_config: Visibility,
}

/// The only region of [lists for distributions].
///
/// [lists for distributions]: https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html
pub const HOME_OF_CLOUDFRONT: &str = "us-east-1";

/// The services that a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Scope {
    /// Distributions. Such a list exists in [`HOME_OF_CLOUDFRONT`] only.
    Cloudfront,
    /// Services of the stack's region.
    Regional,
}

/// For requests that no rule refuses.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum DefaultAction {
    /// They reach the service.
    Allow {},
}

/// Refuses further requests of an address that has sent too many.
#[derive(Clone, Debug)]
pub struct RateRule {
    /// A name within the list, also of the rule's metric.
    pub name: &'static str,
    /// From 0, which is asked first.
    pub priority: u32,
    /// Requests of an address in a window, from 10.
    pub limit: u32,
    /// The window, of one, two, five or ten minutes.
    pub window: Seconds,
    /// Where the address is.
    pub address: Address,
    /// The status code of a refusal; 403 without. API Gateway answers as its gateway response for `WAF_FILTERED` says.
    pub status: Option<u16>,
}

/// Where the address is that requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// The sender's. Behind CloudFront it is CloudFront's.
    Source,
    /// A header's. A request without it, or with something else in it, is not counted.
    Header(&'static str),
}

impl Serialize for RateRule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rate = json!({ "Limit": self.limit, "EvaluationWindowSec": self.window });
        match self.address {
            Address::Source => rate["AggregateKeyType"] = json!("IP"),
            Address::Header(name) => {
                rate["AggregateKeyType"] = json!("FORWARDED_IP");
                rate["ForwardedIPConfig"] = json!({ "HeaderName": name, "FallbackBehavior": "NO_MATCH" });
            }
        }
        let block = self.status.map_or_else(|| json!({}), |status| json!({ "CustomResponse": { "ResponseCode": status } }));
        let rule: Json = json!({
            "Name": self.name,
            "Priority": self.priority,
            "Action": { "Block": block },
            "Statement": { "RateBasedStatement": rate },
            "VisibilityConfig": Visibility::named(self.name),
        });
        rule.serialize(serializer)
    }
}

/// The metrics of a list or of a rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Visibility {
    cloud_watch_metrics_enabled: bool,
    metric_name: &'static str,
    sampled_requests_enabled: bool,
}

impl Visibility {
    /// Metrics under this name. Samples of requests are not kept: they would show cookies and tokens.
    #[must_use]
    pub const fn named(metric_name: &'static str) -> Self {
        Self { cloud_watch_metrics_enabled: true, metric_name, sampled_requests_enabled: false }
    }
}

/// Puts a list in front of a regional resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct WebAclAssociation {
    /// The resource, for example an API's stage.
    pub resource_arn: Value<String>,
    /// The list.
    #[serde(rename = "WebACLArn")]
    pub web_acl_arn: Value<WebAclArn>,
}
