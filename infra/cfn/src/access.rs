//! The permissions that a change of a template adds: who may do what, on which resource, under which condition. Removed permissions
//! are ignored. The template before may be somebody else's. Knows nothing of other permissions in the account.
//!
//! A template is read as a set of rules, one per action, resource and principal, so that the order of statements and their
//! distribution over policies do not matter.

mod grant;
mod rules;
mod text;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value as Json;

use grant::Grant;
use rules::{Access, Rule, Setting};

/// A permission that a change adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Widening {
    /// The resource that grants it, or that no longer refuses it.
    pub logical_id: String,
    /// The type of the resource.
    pub resource_type: String,
    /// The permission as a sentence. The sentence names a principal, as in `anyone may POST /orders`, or is said of the
    /// resource: `may dynamodb:Query on Orders`.
    pub allows: String,
}

/// The permissions that `after` grants and `before` does not, in the order of `after`; then those that only `before` refused.
/// Either template may not exist.
///
/// A lost refusal is ignored where its resource is removed as well.
#[must_use]
pub fn widened(before: Option<&Json>, after: Option<&Json>) -> Vec<Widening> {
    let (earlier, now) = (Access::of(before), Access::of(after));
    let allowed = now.allows.iter().filter(|new| !earlier.allows.iter().any(|old| old.rule.covers(&new.rule)));
    let allowed = allowed.map(|new| (new, Words::allowed(&new.rule, &earlier)));
    let lost = earlier.refuses.iter().filter(|old| old.about.iter().any(|id| !is_gone(id, before, after)));
    let lost = lost.filter(|old| !now.refuses.iter().any(|new| new.rule.covers(&old.rule)));
    let lost = lost.map(|old| (old, Words::lost(&old.rule)));

    let mut sentences = IndexMap::<_, Vec<String>>::new();
    for (said, Words { start, item, end }) in allowed.chain(lost) {
        let items = sentences.entry((said.by, said.kind, start, end)).or_default();
        if !items.contains(&item) {
            items.push(item);
        }
    }
    let widening = |((id, kind, start, end), items): ((&str, &str, String, String), Vec<String>)| Widening {
        logical_id: id.to_owned(),
        resource_type: kind.to_owned(),
        allows: format!("{start}{}{end}", list(&items)),
    };
    sentences.into_iter().map(widening).collect()
}

/// Whether a resource was in the template and is removed. A resource that never was in it, such as a bucket that is named, may well
/// exist.
fn is_gone(id: &str, before: Option<&Json>, after: Option<&Json>) -> bool {
    let is_in = |template: Option<&Json>| template.is_some_and(|template| template["Resources"].get(id).is_some());
    after.is_none() || is_in(before) && !is_in(after)
}

/// A sentence. Sentences of one resource that differ only in `item` become one.
struct Words {
    start: String,
    item: String,
    end: String,
}

impl Words {
    /// For a permission that is added.
    fn allowed(rule: &Rule, before: &Access) -> Self {
        match rule {
            Rule::Grant(grant) => {
                let earlier = before.allows.iter().filter_map(|said| said.rule.as_grant());
                let narrower = earlier.filter(|old| old.covers_but_for_condition(grant)).map(|old| &old.condition).next();
                let formerly = narrower.map(|condition| format!(", no longer only{condition}")).unwrap_or_default();
                let words = Self::of(grant, "may ");
                Self { end: words.end + &formerly, ..words }
            }
            Rule::Setting(setting) => Self::setting(setting),
        }
    }

    /// For a refusal that is lost.
    fn lost(rule: &Rule) -> Self {
        match rule {
            Rule::Grant(grant) => Self::of(grant, "is no longer refused "),
            Rule::Setting(setting) => Self::setting(setting),
        }
    }

    fn of(grant: &Grant, may: &str) -> Self {
        let who = grant.who();
        let start = if who.is_empty() { may.to_owned() } else { format!("{who} {may}") };
        let on = if grant.named.is_empty() { String::new() } else { format!(" {}", grant.named) };
        Self { start, item: grant.what(), end: format!("{on}{}", grant.condition) }
    }

    fn setting(Setting { words, what, .. }: &Setting) -> Self {
        let start = if what.is_empty() { (*words).to_owned() } else { format!("{words} ") };
        Self { start, item: what.clone(), end: String::new() }
    }
}

/// `a, b and c`.
fn list(items: &[String]) -> String {
    match items {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        items => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The permissions that a change of these resources adds.
    fn allows(before: &Json, after: &Json) -> Vec<String> {
        let [before, after] = [before, after].map(|resources| json!({ "Resources": resources }));
        let widenings = widened(Some(&before), Some(&after)).into_iter();
        widenings.map(|it| format!("{}: {}", it.logical_id, it.allows)).collect()
    }

    /// The permissions that a change of one resource's properties adds.
    fn change(kind: &str, before: &Json, after: &Json) -> Vec<String> {
        let resource =
            |properties: &Json| json!({ "It": { "Type": kind, "Properties": properties }, "Queue": { "Type": "AWS::SQS::Queue" } });
        let allows = allows(&resource(before), &resource(after)).into_iter();
        allows.map(|sentence| sentence.trim_start_matches("It: ").to_owned()).collect()
    }

    fn role(statements: &Json) -> Json {
        json!({ "Policies": [{ "PolicyDocument": { "Statement": statements } }] })
    }

    fn may(before: &Json, after: &Json) -> Vec<String> {
        change("AWS::IAM::Role", &role(before), &role(after))
    }

    fn allow(actions: &Json, resources: &Json) -> Json {
        json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
    }

    #[test]
    fn actions_on_one_resource_are_one_sentence() {
        let table = json!({ "Fn::GetAtt": ["Table", "Arn"] });
        let before = json!([allow(&json!("dynamodb:Query"), &table)]);
        let after = json!([allow(&json!(["dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"]), &table)]);
        assert_eq!(may(&before, &after), ["may dynamodb:PutItem and dynamodb:DeleteItem on Table"]);
        assert_eq!(may(&after, &before), [""; 0], "less is no news");
    }

    #[test]
    fn order_and_distribution_do_not_matter() {
        let apart =
            json!([allow(&json!("sqs:SendMessage"), &json!("a")), allow(&json!(["sqs:ReceiveMessage"]), &json!(["b", "a"]))]);
        let together = json!([
            allow(&json!(["sqs:ReceiveMessage"]), &json!(["b"])),
            allow(&json!(["sqs:ReceiveMessage", "sqs:SendMessage"]), &json!(["a"])),
        ]);
        assert_eq!(may(&apart, &together), [""; 0]);
        assert_eq!(may(&together, &apart), [""; 0]);
        let policy = |policies: Json| json!({ "Type": "AWS::IAM::Role", "Properties": { "Policies": policies } });
        let outside = json!({ "Role": policy(json!([])), "Policy": { "Type": "AWS::IAM::Policy", "Properties": {
            "Roles": [{ "Ref": "Role" }], "PolicyDocument": { "Statement": apart } } } });
        let inside = json!({ "Role": policy(json!([{ "PolicyDocument": { "Statement": together } }])) });
        assert_eq!(allows(&inside, &outside), [""; 0]);
        assert_eq!(allows(&outside, &inside), [""; 0]);
    }

    #[test]
    fn a_wildcard_is_wider_and_what_it_covers_is_not() {
        let one = json!([allow(&json!("s3:GetObject"), &json!("arn:aws:s3:::b/a"))]);
        let many = json!([allow(&json!("s3:Get*"), &json!("arn:aws:s3:::b/*"))]);
        let all = json!([allow(&json!("*"), &json!("*"))]);
        assert_eq!(may(&one, &many), ["may s3:Get* on b/*"]);
        assert_eq!(may(&many, &all), ["may do anything on any resource"]);
        assert_eq!(may(&all, &many), [""; 0]);
        assert_eq!(may(&many, &one), [""; 0]);
        let spelled = json!([allow(&json!("S3:getobject"), &json!("arn:aws:s3:::b/a"))]);
        assert_eq!(may(&one, &spelled), [""; 0], "case does not matter to actions");
        let other = json!([allow(&json!("s3:GetObject"), &json!("arn:aws:s3:::b/A"))]);
        assert_eq!(may(&one, &other), ["may s3:GetObject on b/A"], "but to resources");
        let but = |action: &str| json!([{ "Effect": "Allow", "NotAction": action, "Resource": "*" }]);
        assert_eq!(may(&but("iam:*"), &but("iam:Create*")), ["may anything but iam:Create* on any resource"]);
        assert_eq!(may(&but("iam:Create*"), &but("iam:*")), [""; 0]);
        assert_eq!(may(&all, &but("iam:*")), [""; 0]);
    }

    #[test]
    fn a_condition_that_goes_or_gives_is_wider() {
        let trust = |condition: Json| {
            json!({ "AssumeRolePolicyDocument": { "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": { "Service": "lambda.amazonaws.com" }, "Condition": condition } } })
        };
        let only = |accounts: &[&str]| trust(json!({ "StringEquals": { "aws:SourceAccount": accounts } }));
        let trusts = |before: &Json, after: &Json| change("AWS::IAM::Role", before, after);
        assert_eq!(
            trusts(&only(&["1"]), &trust(json!({}))),
            ["lambda.amazonaws.com may assume it, no longer only if aws:SourceAccount is 1"]
        );
        assert_eq!(
            trusts(&only(&["1"]), &only(&["1", "2"])),
            ["lambda.amazonaws.com may assume it if aws:SourceAccount is 1 or 2, no longer only if aws:SourceAccount is 1"]
        );
        assert_eq!(trusts(&only(&["1", "2"]), &only(&["2"])), [""; 0]);
        assert_eq!(trusts(&trust(json!({})), &only(&["1"])), [""; 0]);
        let not = |values: &[&str]| trust(json!({ "StringNotEquals": { "aws:SourceAccount": values } }));
        assert_eq!(trusts(&not(&["1"]), &not(&["1", "2"])), [""; 0]);
        assert_eq!(trusts(&not(&["1", "2"]), &not(&["1"])).len(), 1);
    }

    /// A permission to query a table under a condition.
    fn query_if(condition: &Json) -> Json {
        json!([{ "Effect": "Allow", "Action": "dynamodb:Query", "Resource": { "Fn::GetAtt": ["Table", "Arn"] }, "Condition": condition }])
    }

    /// A condition on the keys of items, which have to be given.
    fn keys(operator: &str, patterns: &[&str]) -> Json {
        json!({ operator: { "dynamodb:LeadingKeys": patterns }, "Null": { "dynamodb:LeadingKeys": "false" } })
    }

    const ALL_LIKE: &str = "ForAllValues:StringLike";

    #[test]
    fn a_condition_on_the_keys_of_items_that_goes_or_gives_is_wider() {
        let carts = keys(ALL_LIKE, &["cart#*"]);
        let (only, like) =
            (", no longer only if every dynamodb:LeadingKeys is cart#* and dynamodb:LeadingKeys is given", "dynamodb:LeadingKeys");
        for (condition, said) in [
            (json!({}), String::new()),
            (keys(ALL_LIKE, &["cart#*", "user#*"]), format!(" if every {like} is cart#* or user#* and {like} is given")),
            (keys(ALL_LIKE, &["c*"]), format!(" if every {like} is c* and {like} is given")),
            (keys(ALL_LIKE, &["*"]), format!(" if every {like} is * and {like} is given")),
            (keys("ForAnyValue:StringLike", &["cart#*"]), format!(" if any {like} is cart#* and {like} is given")),
            (keys("StringLike", &["cart#*"]), format!(" if {like} is cart#* and {like} is given")),
            (keys("ForAllValues:StringNotLike", &["cart#*"]), format!(" if every {like} is not cart#* and {like} is given")),
            (
                keys("ForAllValues:StringEqualsIgnoreCase", &["cart#1"]),
                format!(" if {like} (ForAllValues:StringEqualsIgnoreCase) cart#1 and {like} is given"),
            ),
            (json!({ ALL_LIKE: { like: ["cart#*"] } }), format!(" if every {like} is cart#*")),
            (json!({ "Null": { like: "false" } }), format!(" if {like} is given")),
            (
                json!({ ALL_LIKE: { like: ["cart#*"] }, "Null": { like: "true" } }),
                format!(" if every {like} is cart#* and {like} is not given"),
            ),
        ] {
            assert_eq!(may(&query_if(&carts), &query_if(&condition)), [format!("may dynamodb:Query on Table{said}{only}")]);
        }
        for narrower in [
            keys(ALL_LIKE, &["cart#1*"]),
            keys(ALL_LIKE, &["cart#*", "cart#1"]),
            keys("ForAllValues:StringEquals", &["cart#1", "cart#2"]),
            keys("ForAllValues:StringLikeIfExists", &["cart#*"]),
            json!({ ALL_LIKE: { "dynamodb:leadingkeys": "cart#*" }, "Null": { "DynamoDB:LeadingKeys": false } }),
            json!({ ALL_LIKE: { like: "cart#*" }, "StringEquals": { like: "cart#1" } }),
            json!({ ALL_LIKE: { like: "cart#*" }, "Null": { like: "false" }, "Bool": { "aws:SecureTransport": "true" } }),
        ] {
            assert_eq!(may(&query_if(&carts), &query_if(&narrower)), [""; 0], "{narrower}");
        }
        assert_eq!(may(&query_if(&json!({})), &query_if(&carts)), [""; 0]);
        let both = keys(ALL_LIKE, &["user#*", "cart#*"]);
        assert_eq!(may(&query_if(&both), &query_if(&carts)), [""; 0]);
        assert_eq!(may(&query_if(&keys(ALL_LIKE, &["cart#*", "user#*"])), &query_if(&both)), [""; 0]);
    }

    #[test]
    fn a_condition_that_only_the_template_knows_covers_itself_alone() {
        let carts = keys(ALL_LIKE, &["cart#*"]);
        let chosen = |wide: &Json| json!({ "Fn::If": ["Wide", wide, carts] });
        let mut values = carts.clone();
        values[ALL_LIKE]["dynamodb:LeadingKeys"] = json!({ "Fn::If": ["Wide", "*", "cart#*"] });
        for unknown in
            [chosen(&json!({})), chosen(&json!({ "Ref": "AWS::NoValue" })), json!({ ALL_LIKE: chosen(&json!({})) }), values]
        {
            assert_eq!(may(&query_if(&unknown), &query_if(&unknown)), [""; 0], "{unknown}");
            assert_eq!(may(&query_if(&unknown), &query_if(&carts)).len(), 1, "{unknown}");
            assert_eq!(may(&query_if(&carts), &query_if(&unknown)).len(), 1, "{unknown}");
            assert_eq!(may(&query_if(&json!({})), &query_if(&unknown)), [""; 0], "{unknown}");
        }
    }

    #[test]
    fn a_placeholder_is_one_text_that_is_not_known() {
        let like = |pattern: &str| query_if(&keys(ALL_LIKE, &[pattern]));
        assert_eq!(may(&like("cart#${Id}*"), &like("cart#${Id}")), [""; 0]);
        assert_eq!(may(&like("cart#*"), &like("cart#${Id}")), [""; 0]);
        for narrow in ["cart#?????", "cart#${Other}", "cart#$*", "cart#${*"] {
            assert_eq!(may(&like(narrow), &like("cart#${Id}")).len(), 1, "{narrow}");
        }
        let arn = |arn: &str| query_if(&json!({ "ArnLike": { "aws:SourceArn": arn } }));
        let rule = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/a";
        assert_eq!(may(&arn("arn:*:events:*:*:rule/*"), &arn(rule)), [""; 0]);
        assert_eq!(may(&arn("arn:*:rule/*"), &arn(rule)).len(), 1, "parts are compared one by one");
    }

    #[test]
    fn whoever_may_take_a_role_is_named() {
        let trust = |principal: Json| json!({ "AssumeRolePolicyDocument": { "Statement": [{ "Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": principal }] } });
        let trusts = |before: &Json, after: &Json| change("AWS::IAM::Role", before, after);
        let lambda = trust(json!({ "Service": "lambda.amazonaws.com" }));
        let accounts = json!({ "AWS": ["123456789012", { "Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root" }] });
        assert_eq!(trusts(&lambda, &trust(accounts)), ["account 123456789012 may assume it", "this account may assume it"]);
        assert_eq!(trusts(&lambda, &trust(json!("*"))), ["anyone may assume it"]);
        assert_eq!(trusts(&trust(json!({ "AWS": "*" })), &lambda), [""; 0]);
        let root = trust(json!({ "AWS": "arn:aws:iam::123456789012:root" }));
        assert_eq!(trusts(&trust(json!({ "AWS": "123456789012" })), &root), [""; 0]);
    }

    #[test]
    fn policies_of_aws_and_their_boundary() {
        let role = |arn: &str| json!({ "ManagedPolicyArns": [{ "Fn::Sub": arn }] });
        let administrator = role("arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess");
        assert_eq!(change("AWS::IAM::Role", &json!({}), &administrator), ["has the managed policy AdministratorAccess"]);
        let bounded = json!({ "PermissionsBoundary": { "Ref": "Boundary" } });
        assert_eq!(change("AWS::IAM::Role", &bounded, &json!({})), ["is no longer limited by the permissions boundary Boundary"]);
    }

    #[test]
    fn what_is_no_longer_refused_is_allowed() {
        let policy = |statements: Json| json!({ "Queues": [{ "Ref": "Queue" }], "PolicyDocument": { "Statement": statements } });
        let tls = json!({ "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": { "Fn::GetAtt": ["Queue", "Arn"] },
            "Condition": { "Bool": { "aws:SecureTransport": "false" } } });
        let any = json!({ "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": "*", "Resource": "*" });
        let queue_policy = |before: &Json, after: &Json| change("AWS::SQS::QueuePolicy", before, after);
        assert_eq!(
            queue_policy(&policy(json!([tls])), &policy(json!([]))),
            ["anyone is no longer refused sqs:* on Queue without TLS"]
        );
        assert_eq!(queue_policy(&policy(json!([tls])), &policy(json!([any]))), [""; 0]);

        let resources = json!({ "Queue": { "Type": "AWS::SQS::Queue" },
            "Policy": { "Type": "AWS::SQS::QueuePolicy", "Properties": policy(json!([tls])) } });
        assert_eq!(allows(&resources, &json!({})), [""; 0], "there is no queue any more");
        let kept = json!({ "Queue": { "Type": "AWS::SQS::Queue" } });
        assert_eq!(allows(&resources, &kept), ["Policy: anyone is no longer refused sqs:* on Queue without TLS"]);
    }

    #[test]
    fn a_policy_for_everything_is_about_the_queues_it_belongs_to() {
        let policy = |queues: Json| {
            json!({ "Queues": queues, "PolicyDocument": { "Statement": [{ "Effect": "Allow", "Action": "sqs:SendMessage",
                "Principal": { "Service": "sns.amazonaws.com" }, "Condition": { "ArnEquals": { "aws:SourceArn": { "Ref": "Topic" } } } }] } })
        };
        assert_eq!(
            change(
                "AWS::SQS::QueuePolicy",
                &policy(json!([{ "Ref": "Queue" }])),
                &policy(json!([{ "Ref": "Queue" }, { "Ref": "Other" }]))
            ),
            ["sns.amazonaws.com may sqs:SendMessage on Other on behalf of Topic"]
        );
    }

    #[test]
    fn permissions_to_invoke() {
        let permission = |source: Json| {
            json!({ "Action": "lambda:InvokeFunction", "FunctionName": { "Ref": "Live" }, "Principal": "events.amazonaws.com",
                "SourceArn": source })
        };
        let one = permission(json!("arn:aws:events:eu-west-1:1:rule/a"));
        let permissions = |before: &Json, after: &Json| change("AWS::Lambda::Permission", before, after);
        assert_eq!(
            permissions(&json!({}), &permission(json!({ "Fn::GetAtt": ["Rule", "Arn"] }))),
            ["events.amazonaws.com may invoke Live on behalf of Rule"]
        );
        assert_eq!(
            permissions(&one, &permission(Json::Null)),
            ["events.amazonaws.com may invoke Live, no longer only on behalf of arn:aws:events:eu-west-1:1:rule/a"]
        );
        assert_eq!(permissions(&permission(json!("arn:aws:events:eu-west-1:1:rule/*")), &one), [""; 0]);
        let renamed = |id: &str| json!({ id: { "Type": "AWS::Lambda::Permission", "Properties": one } });
        assert_eq!(allows(&renamed("Before"), &renamed("After")), [""; 0]);
    }

    #[test]
    fn methods_that_ask_for_nothing() {
        let api = |method: &Json| {
            json!({
                "Cart": { "Type": "AWS::ApiGateway::Resource", "Properties": {
                    "ParentId": { "Fn::GetAtt": ["Api", "RootResourceId"] }, "PathPart": "cart" } },
                "Checkout": { "Type": "AWS::ApiGateway::Resource", "Properties": {
                    "ParentId": { "Ref": "Cart" }, "PathPart": "checkout" } },
                "Method": { "Type": "AWS::ApiGateway::Method", "Properties": method },
            })
        };
        let method = |verb: &str, authorization: &str| {
            json!({ "HttpMethod": verb, "AuthorizationType": authorization, "ResourceId": { "Ref": "Checkout" },
                "RestApiId": { "Ref": "Api" } })
        };
        let (open, closed) = (api(&method("POST", "NONE")), api(&method("POST", "COGNITO_USER_POOLS")));
        assert_eq!(allows(&closed, &open), ["Method: anyone may POST /cart/checkout"]);
        assert_eq!(allows(&json!({}), &open), ["Method: anyone may POST /cart/checkout"]);
        assert_eq!(allows(&open, &closed), [""; 0]);
        assert_eq!(allows(&json!({}), &api(&method("OPTIONS", "NONE"))), [""; 0]);
        let mut keyed = method("POST", "NONE");
        keyed["ApiKeyRequired"] = json!(true);
        assert_eq!(allows(&closed, &api(&keyed)), ["Method: anyone with an API key may POST /cart/checkout"]);
        assert_eq!(allows(&api(&keyed), &open), ["Method: anyone may POST /cart/checkout"]);
        let any = api(&method("ANY", "NONE"));
        assert_eq!(allows(&open, &any), ["Method: anyone may do anything on /cart/checkout"]);
        assert_eq!(allows(&any, &open), [""; 0]);
    }

    #[test]
    fn pages_that_may_call() {
        let answer = |headers: Json| {
            json!({ "Api": { "Type": "AWS::ApiGateway::RestApi" }, "Default4xx": { "Type": "AWS::ApiGateway::GatewayResponse",
                "Properties": { "RestApiId": { "Ref": "Api" }, "ResponseParameters": headers } } })
        };
        let header = "gatewayresponse.header.Access-Control-Allow-Origin";
        let (one, all) = (answer(json!({ header: "'https://a.example'" })), answer(json!({ header: "'*'" })));
        assert_eq!(allows(&one, &all), ["Api: pages of any site may read the answers"]);
        assert_eq!(allows(&all, &one), [""; 0]);
        let cookies = "gatewayresponse.header.Access-Control-Allow-Credentials";
        let both = answer(json!({ header: "'https://a.example'", cookies: "'true'" }));
        assert_eq!(allows(&one, &both), ["Api: pages of https://a.example may send cookies"]);
    }

    #[test]
    fn settings_that_let_people_in_or_keep_them_out() {
        let block = |on: bool| json!({ "PublicAccessBlockConfiguration": { "BlockPublicAcls": on, "BlockPublicPolicy": on } });
        assert_eq!(
            change("AWS::S3::Bucket", &block(true), &block(false)),
            ["is no longer kept private by BlockPublicAcls and BlockPublicPolicy"]
        );
        assert_eq!(change("AWS::S3::Bucket", &block(false), &block(true)), [""; 0]);
        let client = |flows: &[&str], secret: bool| json!({ "ExplicitAuthFlows": flows, "GenerateSecret": secret });
        assert_eq!(
            change("AWS::Cognito::UserPoolClient", &client(&["A"], true), &client(&["A", "ALLOW_USER_PASSWORD_AUTH"], false)),
            ["lets people sign in by ALLOW_USER_PASSWORD_AUTH", "no longer has a secret to show"]
        );
        let session = |revocation: bool, rotation: &str| json!({ "EnableTokenRevocation": revocation, "RefreshTokenRotation": { "Feature": rotation } });
        assert_eq!(
            change("AWS::Cognito::UserPoolClient", &session(true, "ENABLED"), &session(false, "DISABLED")),
            ["no longer ends sessions by revoking their tokens", "accepts a refresh token again and again"]
        );
        assert_eq!(change("AWS::Cognito::UserPoolClient", &json!({}), &session(true, "ENABLED")), [""; 0]);
        let confirming = json!({ "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] } });
        assert_eq!(
            change("AWS::Cognito::UserPool", &confirming, &json!({})),
            ["no longer waits for the confirmation of a new email"]
        );
        assert_eq!(change("AWS::Cognito::UserPool", &json!({}), &confirming), [""; 0]);
        let pool = |closed: bool| json!({ "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": closed } });
        assert_eq!(change("AWS::Cognito::UserPool", &pool(true), &pool(false)), ["lets anyone sign up"]);
    }

    #[test]
    fn what_a_distribution_reaches_is_public() {
        let config = |origins: Json| json!({ "DistributionConfig": { "Origins": origins } });
        let bucket = json!({ "Id": "page", "DomainName": { "Fn::GetAtt": ["Bucket", "RegionalDomainName"] } });
        let api = json!({ "Id": "api", "DomainName": { "Fn::Sub": "${Api}.execute-api.${AWS::Region}.amazonaws.com" } });
        let reaches = |before: &Json, after: &Json| change("AWS::CloudFront::Distribution", before, after);
        let both = config(json!([bucket, api]));
        assert_eq!(
            reaches(&json!({}), &both),
            ["lets anyone reach Bucket.RegionalDomainName and Api.execute-api.AWS::Region.amazonaws.com"]
        );
        assert_eq!(reaches(&config(json!([bucket])), &both), ["lets anyone reach Api.execute-api.AWS::Region.amazonaws.com"]);
        assert_eq!(reaches(&both, &config(json!([bucket]))), [""; 0]);
    }

    #[test]
    fn templates_of_others_are_read_as_far_as_they_are_understood() {
        for odd in [
            json!(null),
            json!("a text"),
            json!({ "Resources": [] }),
            json!({ "Resources": { "It": null } }),
            json!({ "Resources": { "It": { "Type": "AWS::IAM::Role", "Properties": { "Policies": { "Fn::If": ["A"] } } } } }),
            json!({ "Resources": { "It": { "Type": "AWS::IAM::Role", "Properties": { "Policies": [{ "PolicyDocument": "{}" }] } } } }),
            json!({ "Resources": { "It": { "Type": "AWS::ApiGateway::Resource", "Properties": { "ParentId": { "Ref": "It" } } },
                "Method": { "Type": "AWS::ApiGateway::Method", "Properties": { "ResourceId": { "Ref": "It" } } } } }),
        ] {
            assert_eq!(widened(Some(&odd), Some(&odd)), [], "{odd}");
            assert_eq!(widened(Some(&odd), None), [], "{odd}");
        }
    }
}
