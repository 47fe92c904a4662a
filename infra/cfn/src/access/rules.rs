//! The rules of access in a template: policies, permissions, methods without an authorizer, and settings that let people in or keep
//! them out. Knows nothing of an earlier template.

use serde_json::Value as Json;

use super::{
    grant::{Condition, Grant, Pattern, Test, verb},
    text::{items, readable, text, texts},
};
use crate::scalar::is_account_id;

/// The rules of one template.
#[derive(Default)]
pub(super) struct Access<'a> {
    /// Rules that let somebody in.
    pub allows: Vec<Said<'a>>,
    /// Rules that keep somebody out.
    pub refuses: Vec<Said<'a>>,
}

/// A rule and its place.
pub(super) struct Said<'a> {
    /// The logical id of the resource that contains it.
    pub by: &'a str,
    /// The type of that resource.
    pub kind: &'a str,
    /// The logical ids of the resources that it protects.
    pub about: Vec<String>,
    /// The rule.
    pub rule: Rule,
}

/// A rule of access.
pub(super) enum Rule {
    /// A permission or a refusal.
    Grant(Grant),
    /// A setting that lets people in or keeps them out.
    Setting(Setting),
}

/// A setting, by the sentence about it.
#[derive(PartialEq, Eq)]
pub(super) struct Setting {
    /// The logical id of the resource that has it.
    pub of: String,
    /// The sentence if the setting is added; or, if it keeps people out, if it is lost.
    pub words: &'static str,
    /// The end of the sentence.
    pub what: String,
}

impl Rule {
    /// Whether everything that `other` says follows from it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Grant(one), Self::Grant(other)) => one.covers(other),
            (Self::Setting(one), Self::Setting(other)) => one == other,
            (Self::Grant(_), Self::Setting(_)) | (Self::Setting(_), Self::Grant(_)) => false,
        }
    }

    /// The grant, if it is one.
    pub(super) fn as_grant(&self) -> Option<&Grant> {
        if let Self::Grant(grant) = self { Some(grant) } else { None }
    }
}

impl<'a> Access<'a> {
    /// Reads a template. A missing template allows nothing, and neither does a property of an unknown form.
    pub(super) fn of(template: Option<&'a Json>) -> Self {
        let mut access = Self::default();
        let resources = template.and_then(|template| template["Resources"].as_object());
        for (id, resource) in resources.into_iter().flatten() {
            let kind = resource["Type"].as_str().unwrap_or_default();
            let properties = &resource["Properties"];
            let mut resource = Resource { id, kind, properties, access: &mut access };
            match kind {
                "AWS::IAM::Role" => resource.role(),
                "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" => resource.policy(),
                "AWS::SQS::QueuePolicy" => resource.resource_policy("PolicyDocument", "Queues"),
                "AWS::S3::BucketPolicy" => resource.resource_policy("PolicyDocument", "Bucket"),
                "AWS::SNS::TopicPolicy" => resource.resource_policy("PolicyDocument", "Topics"),
                "AWS::S3::Bucket" => resource.bucket(),
                "AWS::Lambda::Permission" => resource.permission(),
                "AWS::ApiGateway::Method" => resource.method(template),
                "AWS::ApiGateway::GatewayResponse" => resource.origins(&properties["ResponseParameters"]),
                "AWS::ApiGateway::Authorizer" => resource.authorizer(),
                "AWS::CloudFront::Distribution" => resource.distribution(),
                "AWS::Cognito::UserPool" => resource.user_pool(),
                "AWS::Cognito::UserPoolClient" => resource.user_pool_client(),
                _ => {}
            }
        }
        access
    }
}

/// A resource that is being read.
struct Resource<'a, 'b> {
    id: &'a str,
    kind: &'a str,
    properties: &'a Json,
    access: &'b mut Access<'a>,
}

impl<'a> Resource<'a, '_> {
    fn role(&mut self) {
        let me = [self.id.to_owned()];
        let own = [Principal { who: Pattern::Like(format!("role {}", self.id)), own: true }];
        for policy in items(&self.properties["Policies"]) {
            self.statements(&policy["PolicyDocument"], Some(&own), &me);
        }
        self.statements(&self.properties["AssumeRolePolicyDocument"], None, &me);
        for policy in texts(&self.properties["ManagedPolicyArns"]) {
            let name = policy.split_once(":policy/").map_or_else(|| readable(&policy), |(_, name)| name.to_owned());
            self.allow_setting("has the managed policy", name);
        }
        for boundary in texts(&self.properties["PermissionsBoundary"]) {
            self.refuse_setting("is no longer limited by the permissions boundary", readable(&boundary));
        }
    }

    /// A policy outside of the roles, users and groups that have it.
    fn policy(&mut self) {
        let kinds = [("Roles", "role"), ("Users", "user"), ("Groups", "group")];
        let names = kinds
            .iter()
            .flat_map(|(kind, word)| texts(&self.properties[*kind]).into_iter().map(move |name| (*word, readable(&name))));
        let mut attached: Vec<_> = names.collect();
        if self.kind == "AWS::IAM::ManagedPolicy" {
            attached.push(("anyone with", self.id.to_owned()));
        }
        let who = attached.iter().map(|(word, name)| Principal { who: Pattern::Like(format!("{word} {name}")), own: false });
        let (who, about): (Vec<_>, Vec<_>) = (who.collect(), attached.iter().map(|(_, name)| name.clone()).collect());
        self.statements(&self.properties["PolicyDocument"], Some(&who), &about);
    }

    fn resource_policy(&mut self, document: &str, targets: &str) {
        let targets: Vec<_> = texts(&self.properties[targets]).iter().map(|target| readable(target)).collect();
        self.statements(&self.properties[document], None, &targets);
    }

    /// The statements of a policy. `about` are the resources that a policy of their own protects: a statement there without a
    /// resource, or with `*`, means these.
    fn statements(&mut self, document: &Json, who: Option<&[Principal]>, about: &[String]) {
        for statement in items(&document["Statement"]) {
            let principals = who.map_or_else(|| principals(statement), <[_]>::to_vec);
            let mut resources = patterns(statement, "Resource");
            if who.is_none() && (resources.is_empty() || resources.contains(&Pattern::any())) {
                resources = about.iter().map(|id| Pattern::Like(format!("${{{id}.Arn}}"))).collect();
            }
            let actions = patterns(statement, "Action");
            for (principal, action, on) in product(&principals, &actions, &resources) {
                let rule = Rule::Grant(Grant {
                    who: principal.who.clone(),
                    own: principal.own,
                    action: action.clone(),
                    on: on.clone(),
                    named: self.named(action, on),
                    condition: Condition::of(&statement["Condition"]),
                });
                let said = Said { by: self.id, kind: self.kind, about: about.to_vec(), rule };
                match statement["Effect"].as_str() {
                    Some("Allow") => self.access.allows.push(said),
                    Some("Deny") => self.access.refuses.push(said),
                    _ => {}
                }
            }
        }
    }

    fn named(&self, action: &Pattern, on: &Pattern) -> String {
        let on = match on {
            Pattern::Like(all) if all == "*" => "any resource".to_owned(),
            Pattern::Like(own) if *own == format!("${{{}.Arn}}", self.id) => "it".to_owned(),
            Pattern::Like(_) => on.to_string(),
            Pattern::AllBut(_) => format!("anything {on}"),
        };
        match action {
            Pattern::Like(action) if verb(action) != action && action != "*" => on,
            _ => format!("on {on}"),
        }
    }

    fn permission(&mut self) {
        let test = |operator: &str, property: &str, key: &str| {
            let values = &self.properties[property];
            (!texts(values).is_empty()).then(|| Test::new(operator, key, values))
        };
        let condition: Condition = [
            test("ArnLike", "SourceArn", "aws:SourceArn"),
            test("StringEquals", "SourceAccount", "aws:SourceAccount"),
            test("StringEquals", "PrincipalOrgID", "aws:PrincipalOrgID"),
            test("StringEquals", "EventSourceToken", "lambda:EventSourceToken"),
            test("StringEquals", "FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let action = Pattern::Like(text(&self.properties["Action"]));
        let on = Pattern::Like(readable(&text(&self.properties["FunctionName"])));
        let named = self.named(&action, &on);
        for who in texts(&self.properties["Principal"]) {
            let grant = Grant {
                who: principal(&who),
                own: false,
                action: action.clone(),
                on: on.clone(),
                named: named.clone(),
                condition: condition.clone(),
            };
            self.allow(grant);
        }
    }

    /// A method is open unless it has an authorizer. Its answers say which pages may read them.
    fn method(&mut self, template: Option<&Json>) {
        for answer in items(&self.properties["Integration"]["IntegrationResponses"]) {
            self.origins(&answer["ResponseParameters"]);
        }
        let verb = text(&self.properties["HttpMethod"]);
        let open = matches!(self.properties["AuthorizationType"].as_str(), None | Some("NONE"));
        // A preflight request carries no credentials.
        if !open || verb == "OPTIONS" {
            return;
        }
        let path = path(template, &self.properties["ResourceId"], 0);
        let named = if path.is_empty() { "/" } else { &path };
        let (action, named) = if verb == "ANY" { ("*".to_owned(), format!("on {named}")) } else { (verb, named.to_owned()) };
        let with_key = self.properties["ApiKeyRequired"] == true;
        self.allow(Grant {
            who: if with_key { Pattern::Like("anyone with an API key".to_owned()) } else { Pattern::any() },
            own: false,
            action: Pattern::Like(action),
            on: Pattern::Like(format!("{}{path}", text(&self.properties["RestApiId"]))),
            named,
            condition: Condition::default(),
        });
    }

    /// The pages whose scripts may read an answer with these headers. API Gateway writes them as `'https://shop.example'`.
    fn origins(&mut self, headers: &Json) {
        let header = |name: &str| {
            let headers = headers.as_object().into_iter().flatten();
            let found = headers.filter(|(key, _)| key.to_ascii_lowercase().ends_with(name)).flat_map(|(_, value)| texts(value));
            found.map(|value| value.trim_matches('\'').to_owned()).next()
        };
        let Some(origin) = header(".header.access-control-allow-origin") else { return };
        let api = &self.properties["RestApiId"];
        let by = api["Ref"].as_str();
        let with_cookies = header(".header.access-control-allow-credentials").is_some_and(|value| value == "true");
        let uses = ["read the answers", "send cookies"].into_iter().take(if with_cookies { 2 } else { 1 });
        for action in uses {
            let grant = Grant {
                who: Pattern::Like(format!("pages of {origin}")),
                own: false,
                action: Pattern::Like(action.to_owned()),
                on: Pattern::Like(text(api)),
                named: String::new(),
                condition: Condition::default(),
            };
            // Every path says it, and it is shown once for the API.
            let (by, kind) = by.map_or((self.id, self.kind), |api| (api, "AWS::ApiGateway::RestApi"));
            self.access.allows.push(Said { by, kind, about: Vec::new(), rule: Rule::Grant(grant) });
        }
    }

    fn authorizer(&mut self) {
        for pool in texts(&self.properties["ProviderARNs"]) {
            self.allow_setting("lets in the users of", readable(&pool));
        }
    }

    fn bucket(&mut self) {
        for block in flags(&self.properties["PublicAccessBlockConfiguration"]) {
            self.refuse_setting("is no longer kept private by", block);
        }
    }

    /// A distribution opens its origins to everybody.
    fn distribution(&mut self) {
        for origin in items(&self.properties["DistributionConfig"]["Origins"]) {
            for domain in texts(&origin["DomainName"]) {
                self.allow_setting("lets anyone reach", readable(&domain));
            }
        }
    }

    fn user_pool(&mut self) {
        if self.properties["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] != true {
            self.allow_setting("lets anyone sign up", String::new());
        }
        if self.properties["MfaConfiguration"] == "ON" {
            self.refuse_setting("no longer asks everybody for a second factor", String::new());
        }
        for attribute in texts(&self.properties["UserAttributeUpdateSettings"]["AttributesRequireVerificationBeforeUpdate"]) {
            self.refuse_setting("no longer waits for the confirmation of a new", attribute);
        }
    }

    fn user_pool_client(&mut self) {
        for flow in texts(&self.properties["ExplicitAuthFlows"]) {
            self.allow_setting("lets people sign in by", flow);
        }
        for flow in texts(&self.properties["AllowedOAuthFlows"]) {
            self.allow_setting("lets people sign in by the OAuth flow", flow);
        }
        if self.properties["GenerateSecret"] == true {
            self.refuse_setting("no longer has a secret to show", String::new());
        }
        if self.properties["PreventUserExistenceErrors"] == "ENABLED" {
            self.refuse_setting("shows strangers whether an account exists", String::new());
        }
        if self.properties["EnableTokenRevocation"] == true {
            self.refuse_setting("no longer ends sessions by revoking their tokens", String::new());
        }
        if self.properties["RefreshTokenRotation"]["Feature"] == "ENABLED" {
            self.refuse_setting("accepts a refresh token again and again", String::new());
        }
    }

    fn allow(&mut self, grant: Grant) {
        self.access.allows.push(Said { by: self.id, kind: self.kind, about: Vec::new(), rule: Rule::Grant(grant) });
    }

    fn allow_setting(&mut self, words: &'static str, what: String) {
        let said = self.setting(words, what);
        self.access.allows.push(said);
    }

    fn refuse_setting(&mut self, words: &'static str, what: String) {
        let said = self.setting(words, what);
        self.access.refuses.push(said);
    }

    fn setting(&self, words: &'static str, what: String) -> Said<'a> {
        let rule = Rule::Setting(Setting { of: self.id.to_owned(), words, what });
        Said { by: self.id, kind: self.kind, about: vec![self.id.to_owned()], rule }
    }
}

/// A principal, and whether it is the resource that contains the statement.
#[derive(Clone)]
struct Principal {
    who: Pattern,
    own: bool,
}

fn principals(statement: &Json) -> Vec<Principal> {
    let named = |json: &Json| match json {
        Json::Object(kinds) if !kinds.contains_key("Fn::If") => kinds.values().flat_map(texts).collect(),
        json => texts(json),
    };
    let others = named(&statement["NotPrincipal"]);
    let who = if others.is_empty() {
        named(&statement["Principal"]).iter().map(|who| principal(who)).collect()
    } else {
        vec![Pattern::AllBut(others.into_iter().collect())]
    };
    who.into_iter().map(|who| Principal { who, own: false }).collect()
}

/// A service, a role, or an account, which can be [written in two
/// ways](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
fn principal(text: &str) -> Pattern {
    let root = text.split_once(":iam::").and_then(|(_, rest)| rest.strip_suffix(":root"));
    Pattern::Like(match root.unwrap_or(text) {
        "${AWS::AccountId}" => "this account".to_owned(),
        account if is_account_id(account) => format!("account {account}"),
        _ => readable(text),
    })
}

/// `Action` and `NotAction`, `Resource` and `NotResource`.
fn patterns(statement: &Json, element: &str) -> Vec<Pattern> {
    let but = texts(&statement[format!("Not{element}")]);
    if but.is_empty() {
        texts(&statement[element]).into_iter().map(Pattern::Like).collect()
    } else {
        vec![Pattern::AllBut(but.into_iter().collect())]
    }
}

fn product<'a, A, B, C>(a: &'a [A], b: &'a [B], c: &'a [C]) -> impl Iterator<Item = (&'a A, &'a B, &'a C)> {
    a.iter().flat_map(move |a| c.iter().flat_map(move |c| b.iter().map(move |b| (a, b, c))))
}

/// The path of a resource of a REST API, empty for the root. The depth is limited, because the parents of a wrong template may form
/// a circle.
fn path(template: Option<&Json>, id: &Json, depth: usize) -> String {
    let resource = id["Ref"].as_str().and_then(|id| template?["Resources"].get(id)).filter(|_| depth < 50);
    match resource.map(|resource| &resource["Properties"]) {
        Some(part) => format!("{}/{}", path(template, &part["ParentId"], depth + 1), text(&part["PathPart"])),
        None => String::new(),
    }
}

/// The names of the flags that are on.
fn flags(json: &Json) -> impl Iterator<Item = String> {
    json.as_object().into_iter().flatten().filter(|(_, on)| **on == true).map(|(name, _)| name.clone())
}
