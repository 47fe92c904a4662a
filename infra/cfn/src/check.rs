//! Judges finished templates: finds early what CloudFormation or a reviewer would find late. A rule is a function from a template
//! to the resources that break it. Knows nothing of how templates are made, nor of the rules of one app.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::{app::App, name::StackId, stack::Stack};

/// A resource that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The stack that contains it.
    pub stack: StackId,
    /// The resource; none if the template as a whole breaks the rule.
    pub logical_id: Option<String>,
    /// The rule's name.
    pub rule: &'static str,
    /// How the resource breaks the rule.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, logical_id, rule, message } = self;
        match logical_id {
            Some(id) => write!(f, "{stack}: {id}: {message} ({rule})"),
            None => write!(f, "{stack}: {message} ({rule})"),
        }
    }
}

/// A rule for templates.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The name in findings, for example `short-visibility`.
    pub name: &'static str,
    /// Finds the resources that break it.
    pub problems: fn(&View) -> Vec<Problem>,
}

/// The logical id of a resource that breaks a rule, none for the template as a whole; and how it does.
pub type Problem = (Option<String>, String);

/// Every reference leads to a part of the template.
pub const DANGLING_REFERENCE: Rule = Rule { name: "dangling-reference", problems: dangling_references };
/// A template stays within CloudFormation's
/// [quotas](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
pub const QUOTA: Rule = Rule { name: "quota", problems: quotas };
/// A role's policy names the resources that it allows, or [its metadata says why it cannot](crate::template::Attributes::explaining).
pub const UNEXPLAINED_WILDCARD: Rule = Rule { name: "unexplained-wildcard", problems: unexplained_wildcards };
/// A queue hides messages for at least
/// [six times](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html) the time-out of the function that works on
/// them.
pub const SHORT_VISIBILITY: Rule = Rule { name: "short-visibility", problems: short_visibility };
/// Log entries are deleted some day.
pub const NO_LOG_RETENTION: Rule = Rule { name: "no-log-retention", problems: no_log_retention };
/// A resource that holds people's data is not deleted because a property changed.
pub const DATA_LOST_ON_REPLACEMENT: Rule = Rule { name: "data-lost-on-replacement", problems: data_lost_on_replacement };
/// Functions are called by their alias: an event source or a permission that names the function bypasses deployments.
pub const BYPASSED_ALIAS: Rule = Rule { name: "bypassed-alias", problems: bypassed_alias };
/// Nothing in a bucket can be made public, whatever a later policy says.
pub const PUBLIC_BUCKET: Rule = Rule { name: "public-bucket", problems: public_bucket };
/// Requests and answers cannot be read on their way.
pub const WITHOUT_TLS: Rule = Rule { name: "without-tls", problems: without_tls };

/// The rules for every app. [`check`] takes more for one app.
pub const RULES: [Rule; 9] = [
    DANGLING_REFERENCE,
    QUOTA,
    UNEXPLAINED_WILDCARD,
    SHORT_VISIBILITY,
    NO_LOG_RETENTION,
    DATA_LOST_ON_REPLACEMENT,
    BYPASSED_ALIAS,
    PUBLIC_BUCKET,
    WITHOUT_TLS,
];

/// Checks all stacks of an app by [`RULES`] and by the app's own.
#[must_use]
pub fn check(app: &App, own: &[Rule]) -> Vec<Finding> {
    app.stacks().iter().flat_map(|stack| check_stack(stack, own)).collect()
}

/// Checks one stack by [`RULES`] and by rules of the app's own.
#[must_use]
pub fn check_stack(stack: &Stack, own: &[Rule]) -> Vec<Finding> {
    findings(stack.id(), &stack.template().as_json(), own)
}

fn findings(stack: StackId, template: &Json, own: &[Rule]) -> Vec<Finding> {
    let view = View::of(template);
    let finding = |rule: &Rule, (logical_id, message)| Finding { stack, logical_id, rule: rule.name, message };
    RULES.iter().chain(own).flat_map(|rule| (rule.problems)(&view).into_iter().map(move |problem| finding(rule, problem))).collect()
}

/// A finished template, as rules look at it. A part that it lacks is `null`, which breaks no rule.
#[derive(Debug)]
pub struct View<'a> {
    template: &'a Json,
}

impl<'a> View<'a> {
    /// A template as CloudFormation takes it.
    #[must_use]
    pub fn of(template: &'a Json) -> Self {
        Self { template }
    }

    fn section(&self, name: &str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        self.template[name].as_object().into_iter().flatten().map(|(id, value)| (id.as_str(), value))
    }

    /// The resources of a type, by logical id, with all their attributes.
    pub fn resources(&self, kind: &str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        self.section("Resources").filter(move |(_, resource)| resource["Type"] == kind)
    }

    fn resource(&self, id: &str) -> &'a Json {
        &self.template["Resources"][id]
    }

    fn has(&self, section: &str, id: &str) -> bool {
        self.template[section].get(id).is_some()
    }

    /// The resource that a `Ref` or an `Fn::GetAtt` leads to.
    #[must_use]
    pub fn target(&self, value: &'a Json) -> &'a Json {
        let id = value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str());
        id.map_or(&Json::Null, |id| self.resource(id))
    }
}

fn dangling_references(view: &View) -> Vec<Problem> {
    let resources = view.section("Resources").map(|(id, resource)| (Some(id), resource));
    let outputs = view.section("Outputs").map(|(_, output)| (None, output));
    let mut problems = Vec::new();
    for (id, json) in resources.chain(outputs) {
        let mut missing = Vec::new();
        for_each_object(json, &mut |object| missing.extend(references(object).into_iter().filter(|it| !it.leads_somewhere(view))));
        let depends_on = json["DependsOn"].as_array().into_iter().flatten().filter_map(Json::as_str);
        missing.extend(depends_on.map(Reference::Resource).filter(|it| !it.leads_somewhere(view)));
        problems.extend(missing.into_iter().map(|it| (id.map(str::to_owned), format!("`{}` is not in the template", it.name()))));
    }
    problems
}

#[derive(Clone, Copy)]
enum Reference<'a> {
    Any(&'a str),
    Resource(&'a str),
    Condition(&'a str),
}

impl<'a> Reference<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Any(name) | Self::Resource(name) | Self::Condition(name) => name,
        }
    }

    fn leads_somewhere(self, view: &View) -> bool {
        match self {
            Self::Any(name) => name.starts_with("AWS::") || view.has("Resources", name) || view.has("Parameters", name),
            Self::Resource(name) => view.has("Resources", name),
            Self::Condition(name) => view.has("Conditions", name),
        }
    }
}

/// The references of an object that is a call of an intrinsic function.
fn references(object: &Map<String, Json>) -> Vec<Reference<'_>> {
    let Some((function, argument)) = object.iter().next().filter(|_| object.len() == 1) else { return Vec::new() };
    match function.as_str() {
        "Ref" => argument.as_str().map(Reference::Any).into_iter().collect(),
        "Fn::GetAtt" => argument[0].as_str().map(Reference::Resource).into_iter().collect(),
        "Fn::If" => argument[0].as_str().map(Reference::Condition).into_iter().collect(),
        "Fn::Sub" => argument.as_str().map(placeholders).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The references in the text of an `Fn::Sub`: `${Name}` and `${Resource.Attribute}`, but not `${!text}`.
fn placeholders(text: &str) -> Vec<Reference<'_>> {
    let placeholders = text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    placeholders
        .filter(|name| !name.starts_with('!'))
        .map(|name| name.split_once('.').map_or(Reference::Any(name), |(resource, _)| Reference::Resource(resource)))
        .collect()
}

fn for_each_object<'a>(json: &'a Json, visit: &mut impl FnMut(&'a Map<String, Json>)) {
    match json {
        Json::Object(object) => {
            visit(object);
            object.values().for_each(|value| for_each_object(value, visit));
        }
        Json::Array(items) => items.iter().for_each(|item| for_each_object(item, visit)),
        _ => {}
    }
}

fn quotas(view: &View) -> Vec<Problem> {
    let count = |section| view.section(section).count();
    [
        ("resources", count("Resources"), 500),
        ("parameters", count("Parameters"), 200),
        ("outputs", count("Outputs"), 200),
        ("bytes", view.template.to_string().len(), 1_000_000),
    ]
    .into_iter()
    .filter(|(_, count, quota)| count > quota)
    .map(|(what, count, quota)| (None, format!("{count} {what}, of which CloudFormation takes at most {quota}")))
    .collect()
}

fn unexplained_wildcards(view: &View) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, role) in view.resources("AWS::IAM::Role") {
        let policies = role["Properties"]["Policies"].as_array().into_iter().flatten();
        let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().into_iter().flatten());
        for statement in statements.filter(|statement| statement["Effect"] == "Allow") {
            let sid = statement["Sid"].as_str().unwrap_or_default();
            let explained = role["Metadata"]["Wildcards"][sid].as_str().is_some_and(|reason| !reason.is_empty());
            if !explained && (has_wildcard(&statement["Action"]) || has_wildcard(&statement["Resource"])) {
                problems.push((Some(id.to_owned()), format!("statement `{sid}` has a wildcard without a reason")));
            }
        }
    }
    problems
}

fn has_wildcard(json: &Json) -> bool {
    match json {
        Json::String(text) => text.contains('*'),
        Json::Array(items) => items.iter().any(has_wildcard),
        Json::Object(fields) => fields.values().any(has_wildcard),
        _ => false,
    }
}

fn short_visibility(view: &View) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, mapping) in view.resources("AWS::Lambda::EventSourceMapping") {
        let queue = view.target(&mapping["Properties"]["EventSourceArn"]);
        let called = view.target(&mapping["Properties"]["FunctionName"]);
        let function =
            if called["Type"] == "AWS::Lambda::Alias" { view.target(&called["Properties"]["FunctionName"]) } else { called };
        if queue["Type"] != "AWS::SQS::Queue" {
            continue;
        }
        // Without the properties: 30 seconds for queues, and 3 for functions.
        let visibility = queue["Properties"]["VisibilityTimeout"].as_u64().unwrap_or(30);
        let timeout = function["Properties"]["Timeout"].as_u64().unwrap_or(3);
        if visibility < 6 * timeout {
            let message = format!("the queue hides messages for {visibility} s, less than six times the function's {timeout} s");
            problems.push((Some(id.to_owned()), message));
        }
    }
    problems
}

fn no_log_retention(view: &View) -> Vec<Problem> {
    let groups = view.resources("AWS::Logs::LogGroup").filter(|(_, group)| group["Properties"]["RetentionInDays"].is_null());
    let groups = groups.map(|(id, _)| (Some(id.to_owned()), "keeps its logs forever".to_owned()));
    let functions = view.resources("AWS::Lambda::Function");
    let functions = functions.filter(|(_, function)| view.target(&function["Properties"]["LoggingConfig"]["LogGroup"]).is_null());
    let functions = functions.map(|(id, _)| (Some(id.to_owned()), "logs to a group that is not in the template".to_owned()));
    groups.chain(functions).collect()
}

fn data_lost_on_replacement(view: &View) -> Vec<Problem> {
    let kinds = ["AWS::Cognito::UserPool", "AWS::DynamoDB::Table", "AWS::S3::Bucket"];
    let stateful = kinds.iter().flat_map(|kind| view.resources(kind));
    stateful
        .filter(|(_, resource)| resource["UpdateReplacePolicy"] != "Retain")
        .map(|(id, _)| (Some(id.to_owned()), "is deleted with its data when it is replaced".to_owned()))
        .collect()
}

fn bypassed_alias(view: &View) -> Vec<Problem> {
    ["AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission"]
        .iter()
        .flat_map(|kind| view.resources(kind))
        .filter(|(_, resource)| view.target(&resource["Properties"]["FunctionName"])["Type"] != "AWS::Lambda::Alias")
        .map(|(id, _)| (Some(id.to_owned()), "names a function rather than its alias".to_owned()))
        .collect()
}

fn public_bucket(view: &View) -> Vec<Problem> {
    let settings = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let is_private =
        |bucket: &Json| settings.iter().all(|setting| bucket["Properties"]["PublicAccessBlockConfiguration"][*setting] == true);
    let public = view.resources("AWS::S3::Bucket").filter(|(_, bucket)| !is_private(bucket));
    public.map(|(id, _)| (Some(id.to_owned()), "can be made public".to_owned())).collect()
}

fn without_tls(view: &View) -> Vec<Problem> {
    let answers_anyway = |distribution: &Json| {
        let config = &distribution["Properties"]["DistributionConfig"];
        let others = config["CacheBehaviors"].as_array().into_iter().flatten();
        let mut behaviors = others.chain([&config["DefaultCacheBehavior"]]);
        behaviors.any(|behavior| !["redirect-to-https", "https-only"].iter().any(|it| behavior["ViewerProtocolPolicy"] == *it))
    };
    let distributions = view.resources("AWS::CloudFront::Distribution").filter(|(_, distribution)| answers_anyway(distribution));
    distributions.map(|(id, _)| (Some(id.to_owned()), "answers requests without TLS".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CART: StackId = StackId::new("cart");

    /// The rules that a template of these resources breaks, and the resources.
    fn broken(resources: &Json) -> Vec<(&'static str, String)> {
        let findings = findings(CART, &json!({ "Resources": resources }), &[]);
        findings.into_iter().map(|finding| (finding.rule, finding.logical_id.unwrap_or_default())).collect()
    }

    #[test]
    fn references_must_lead_somewhere() {
        let holder = |value: Json| json!({ "It": { "Type": "A::B::C", "Properties": { "List": [{ "Deep": value }] } } });
        for dangling in [
            json!({ "Ref": "Gone" }),
            json!({ "Fn::GetAtt": ["Gone", "Arn"] }),
            json!({ "Fn::Sub": "arn:${AWS::Region}:${Gone}" }),
            json!({ "Fn::Sub": "${Gone.Arn}/*" }),
            json!({ "Fn::If": ["Gone", 1, 2] }),
        ] {
            assert_eq!(broken(&holder(dangling)), [(DANGLING_REFERENCE.name, "It".to_owned())]);
        }
        for sound in [json!({ "Ref": "It" }), json!({ "Ref": "AWS::NoValue" }), json!({ "Fn::Sub": "${!Gone} ${It.Arn}" })] {
            assert_eq!(broken(&holder(sound)), []);
        }
        let depends = json!({ "It": { "Type": "A::B::C", "DependsOn": ["Gone"] } });
        assert_eq!(broken(&depends), [(DANGLING_REFERENCE.name, "It".to_owned())]);
    }

    #[test]
    fn an_output_may_dangle_too() {
        let template = json!({ "Outputs": { "Url": { "Value": { "Ref": "Gone" } } } });
        assert_eq!(findings(CART, &template, &[])[0].rule, DANGLING_REFERENCE.name);
    }

    #[test]
    fn quotas_are_kept() {
        let resources: Map<_, _> = (0..501).map(|n| (format!("It{n}"), json!({ "Type": "A::B::C" }))).collect();
        assert_eq!(broken(&resources.into()), [(QUOTA.name, String::new())]);
    }

    #[test]
    fn a_wildcard_takes_a_reason() {
        let role = |effect: &str, resource: Json, reasons: Json| {
            let statement = json!({ "Sid": "Trace", "Effect": effect, "Action": ["xray:PutTraceSegments"], "Resource": resource });
            let policies = json!([{ "PolicyDocument": { "Statement": [statement] } }]);
            json!({ "Role": { "Type": "AWS::IAM::Role", "Metadata": { "Wildcards": reasons }, "Properties": { "Policies": policies } } })
        };
        let unexplained = [(UNEXPLAINED_WILDCARD.name, "Role".to_owned())];
        assert_eq!(broken(&role("Allow", json!(["*"]), json!({}))), unexplained);
        assert_eq!(broken(&role("Allow", json!([{ "Fn::Sub": "${AWS::Region}/*" }]), json!({ "Other": "for fun" }))), unexplained);
        assert_eq!(broken(&role("Allow", json!(["*"]), json!({ "Trace": "X-Ray has no resources" }))), []);
        assert_eq!(broken(&role("Deny", json!(["*"]), json!({}))), []);
    }

    #[test]
    fn a_queue_hides_messages_for_six_times_the_time_out() {
        let trigger = |visibility: u32| {
            json!({
                "Queue": { "Type": "AWS::SQS::Queue", "Properties": { "VisibilityTimeout": visibility } },
                "Worker": { "Type": "AWS::Lambda::Function",
                    "Properties": { "Timeout": 10, "LoggingConfig": { "LogGroup": { "Ref": "Queue" } } } },
                "Live": { "Type": "AWS::Lambda::Alias", "Properties": { "FunctionName": { "Ref": "Worker" } } },
                "Trigger": { "Type": "AWS::Lambda::EventSourceMapping", "Properties": {
                    "EventSourceArn": { "Fn::GetAtt": ["Queue", "Arn"] }, "FunctionName": { "Ref": "Live" } } },
            })
        };
        let found = findings(CART, &json!({ "Resources": trigger(59) }), &[]);
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            finding.to_string(),
            "cart: Trigger: the queue hides messages for 59 s, less than six times the function's 10 s (short-visibility)"
        );
        assert_eq!(broken(&trigger(60)), []);
    }

    #[test]
    fn logs_end() {
        let group = json!({ "Logs": { "Type": "AWS::Logs::LogGroup", "Properties": {} } });
        assert_eq!(broken(&group), [(NO_LOG_RETENTION.name, "Logs".to_owned())]);
        let function = json!({ "List": { "Type": "AWS::Lambda::Function", "Properties": {} } });
        assert_eq!(broken(&function), [(NO_LOG_RETENTION.name, "List".to_owned())]);
    }

    #[test]
    fn a_replacement_keeps_the_data() {
        let table = |policy: &str| json!({ "Table": { "Type": "AWS::DynamoDB::Table", "UpdateReplacePolicy": policy } });
        assert_eq!(broken(&table("Delete")), [(DATA_LOST_ON_REPLACEMENT.name, "Table".to_owned())]);
        assert_eq!(broken(&table("Retain")), []);
    }

    #[test]
    fn functions_are_called_by_their_alias() {
        let permission = |target: &str| {
            json!({
                "Role": { "Type": "AWS::IAM::Role" },
                "Live": { "Type": "AWS::Lambda::Alias" },
                "Leave": { "Type": "AWS::Lambda::Permission", "Properties": { "FunctionName": { "Ref": target } } },
            })
        };
        assert_eq!(broken(&permission("Role")), [(BYPASSED_ALIAS.name, "Leave".to_owned())]);
        assert_eq!(broken(&permission("Live")), []);
    }

    #[test]
    fn no_bucket_can_be_made_public() {
        let bucket = |block: Json| {
            json!({ "Bucket": { "Type": "AWS::S3::Bucket", "UpdateReplacePolicy": "Retain",
                "Properties": { "PublicAccessBlockConfiguration": block } } })
        };
        let mut all =
            json!({ "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true });
        assert_eq!(broken(&bucket(all.clone())), []);
        all["IgnorePublicAcls"] = json!(false);
        assert_eq!(broken(&bucket(all)), [(PUBLIC_BUCKET.name, "Bucket".to_owned())]);
        assert_eq!(broken(&bucket(Json::Null)), [(PUBLIC_BUCKET.name, "Bucket".to_owned())]);
    }

    #[test]
    fn nothing_is_answered_without_tls() {
        let distribution = |default: &str, other: &str| {
            json!({ "It": { "Type": "AWS::CloudFront::Distribution", "Properties": { "DistributionConfig": {
                "DefaultCacheBehavior": { "ViewerProtocolPolicy": default },
                "CacheBehaviors": [{ "ViewerProtocolPolicy": other }] } } } })
        };
        assert_eq!(broken(&distribution("redirect-to-https", "https-only")), []);
        for (default, other) in [("allow-all", "https-only"), ("https-only", "allow-all")] {
            assert_eq!(broken(&distribution(default, other)), [(WITHOUT_TLS.name, "It".to_owned())]);
        }
    }

    #[test]
    fn a_finding_says_where_what_and_which_rule() {
        let table = json!({ "Resources": { "Table": { "Type": "AWS::DynamoDB::Table" } } });
        let finding = &findings(CART, &table, &[])[0];
        assert_eq!(finding.to_string(), "cart: Table: is deleted with its data when it is replaced (data-lost-on-replacement)");
    }
}
