//! Limits for each address, by WAF: in front of APIs, and in front of the distribution where its list can be. Knows nothing of what is
//! asked for.

use cfn::{
    Seconds, Stack,
    resource::wafv2::{Address, DefaultAction, HOME_OF_CLOUDFRONT, RateRule, Scope, Visibility, WebAcl, WebAclAssociation},
    template::Attributes,
    value::{Handle, Pseudo, Value, WebAclArn, Where, text},
};

/// The header in which the distribution tells the APIs the viewer's address. It overwrites what the viewer sends under this name.
pub(crate) const VIEWER_HEADER: &str = "x-viewer-address";

const WINDOW: Seconds = Seconds::minutes(5);

/// Requests of one viewer in [`WINDOW`]. The page of totals, which asks most, sends about 1900.
const EACH_VIEWER: u32 = 5_000;

/// Requests of one source in [`WINDOW`], half of what an API takes from all of them. The source may be a place of CloudFront's, which
/// many viewers share; or somebody who calls the API directly and makes up the header.
const EACH_SOURCE: u32 = 15_000;

/// Limits for each address in front of an API's stage.
#[track_caller]
pub(crate) fn regional(stack: &mut Stack, id: &str, stage_arn: Value<String>, after: Attributes) {
    let rule = |name, priority, limit, address| RateRule { name, priority, limit, window: WINDOW, address, status: None };
    let acl = stack.add(
        format!("{id}Firewall"),
        &WebAcl {
            description: "Limits for each address",
            scope: Scope::Regional,
            default_action: DefaultAction::Allow {},
            rules: vec![
                rule("EachViewer", 0, EACH_VIEWER, Address::Header(VIEWER_HEADER)),
                rule("EachSource", 1, EACH_SOURCE, Address::Source),
            ],
            visibility_config: Visibility::named("Firewall"),
        },
    );
    let association = WebAclAssociation { resource_arn: stage_arn, web_acl_arn: acl.arn() };
    stack.add_with(format!("{id}FirewallAssociation"), after, &association);
}

/// Limits for each address in front of a distribution, in the only region where they can be.
#[track_caller]
pub(crate) fn edge(stack: &mut Stack) -> Where<Value<WebAclArn>> {
    let region: Value<String> = text![Pseudo::Region];
    let condition = stack.if_any("IsHomeOfCloudFront", &region, &[HOME_OF_CLOUDFRONT]);
    let each = RateRule {
        name: "EachViewer",
        priority: 0,
        limit: EACH_VIEWER,
        window: WINDOW,
        address: Address::Source,
        status: Some(429),
    };
    let acl: Handle<WebAcl> = stack.add_with(
        "Firewall",
        Attributes::only_if(condition.clone()),
        &WebAcl {
            description: "Limits for each address",
            scope: Scope::Cloudfront,
            default_action: DefaultAction::Allow {},
            rules: vec![each],
            visibility_config: Visibility::named("Firewall"),
        },
    );
    Where { condition, property: acl.arn() }
}
