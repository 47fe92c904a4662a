//! What AWS's reasons mean, as far as they are known, and what to do about them. Knows neither what was attempted nor how it is told.
//!
//! The texts are not part of AWS's contract, and differ in what surrounds them: `Resource handler returned message: "…" (RequestToken:
//! …, HandlerErrorCode: …)`. So a reason is recognized by fragments that have stayed the same for years, whatever their case.

use std::collections::BTreeMap;

use cfn::StackId;

use super::command::Command;

/// What made a resource, a change set or a call fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody may not do something.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    Denied(Denial),
    /// The same, in a form that only AWS can read.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>
    EncodedDenial {
        /// What `DecodeAuthorizationMessage` takes.
        encoded: String,
    },
    /// The name of something new belongs to something that is there.
    NameTaken(Taken),
    /// The account may not have more of it.
    Quota {
        /// Of which service, if that is said.
        service: Option<String>,
    },
    /// The region has as many stacks as it may have.
    StackQuota,
    /// Too little concurrency would be left for functions without a reservation.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
    ReservedConcurrency,
    /// API Gateway has no role to write logs with.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>
    NoGatewayLoggingRole,
    /// Too many calls in a short time.
    Throttled {
        /// Of API Gateway, which takes few.
        by_api_gateway: bool,
    },
    /// A role is so new that not all of AWS has heard of it.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
    RoleNotReady,
    /// The functions' code is not where the template says.
    CodeMissing,
    /// The functions' code is in a bucket of another region, where Lambda does not look.
    BucketElsewhere {
        /// That region, if it is said.
        region: Option<String>,
    },
    /// A queue would show a message again while a function still works on it.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
    ShortVisibility,
    /// The functions' code is not what lies in the bucket.
    ForeignCode,
    /// The template is not what lies in the bucket.
    ForeignTemplate,
    /// A version of a function would be equal to the last one.
    VersionExists,
    /// A table or a user pool must not be deleted.
    DeletionProtected(Protected),
    /// A user pool has a domain, without which it would have to be deleted first.
    PoolHasDomain,
    /// A bucket still holds objects.
    BucketNotEmpty,
    /// Another stack imports what this one exports.
    ExportInUse {
        /// That stack, if it is said.
        by: Option<String>,
    },
    /// The region does not have a service or a type of resource.
    NotInRegion,
    /// The account has not enabled the region or the service.
    NotEnabled,
    /// CloudFront does not know the account well enough yet.
    Unverified,
    /// The credentials are not, or no longer, valid.
    Credentials {
        /// They were.
        expired: bool,
    },
    /// Parameter Store does not have what a stack reads.
    ParameterMissing {
        /// The parameters' names, in brackets as they are told.
        names: Option<String>,
    },
    /// A change replaces something whose name cannot belong to two things.
    NamedReplacement {
        /// That name, if it is said.
        name: Option<String>,
    },
    /// CloudFormation does not understand the template.
    Template,
    /// The stack must not be deleted.
    TerminationProtected {
        /// Its name, if it is said.
        stack: Option<String>,
    },
}

/// What somebody may not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Denial {
    /// Who: an ARN.
    pub principal: Option<String>,
    /// What, for example `dynamodb:CreateTable`.
    pub action: Option<String>,
    /// On what: mostly an ARN.
    pub resource: Option<String>,
    /// Which kind of policy does not allow it, for example `service control policy`.
    pub policy: Option<String>,
    /// Whether that policy refuses it, rather than being silent.
    pub explicit: bool,
}

/// A name that is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The name.
    pub name: Option<String>,
    /// The type of what has it.
    pub resource_type: Option<String>,
    /// The name of the stack that what has it belongs to.
    pub stack: Option<String>,
}

/// What can be protected against its deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protected {
    /// A table.
    Table,
    /// A user pool.
    UserPool,
}

impl Cause {
    /// The cause, if it is a known one.
    pub(crate) fn of(reason: &str) -> Option<Self> {
        let lower = reason.to_ascii_lowercase();
        let (_, cause) = KNOWN.iter().find(|(fragments, _)| fragments.iter().any(|fragment| lower.contains(fragment)))?;
        Some(cause(reason))
    }

    /// What to do about it, for somebody who works on this stack, and on the resource of this name in AWS, if it is known.
    pub(crate) fn hint(&self, stack: StackId, resource: Option<&str>) -> String {
        let delete = Command::cartctl("delete").with(stack);
        match self {
            Self::Denied(denial) => denial.hint(),
            Self::EncodedDenial { encoded } => format!(
                "read what is missing with {}, then ask for it, or use credentials that have it (`--profile`)",
                Command::aws("sts decode-authorization-message --encoded-message").with(encoded)
            ),
            Self::NameTaken(taken) => taken.hint(),
            Self::Quota { service } => {
                let more = service.as_ref().map_or_else(|| "more".to_owned(), |service| format!("more of {service}"));
                format!("ask for {more} in the console's Service Quotas, or delete what is no longer needed, then run the same command again")
            }
            Self::StackQuota => {
                "delete stacks that are no longer needed, or ask for more in the console's Service Quotas (AWS CloudFormation, Stack count)".to_owned()
            }
            Self::ReservedConcurrency => {
                "lower `reserved-concurrency` in cartctl.toml or leave it out, or ask for more concurrent executions of Lambda in the console's Service Quotas".to_owned()
            }
            Self::NoGatewayLoggingRole => {
                let deploy = Command::cartctl("deploy");
                format!("run {deploy} again: its bootstrap stack sets that role where an account has none")
            }
            // https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
            Self::Throttled { by_api_gateway } => {
                let why = " API Gateway deletes one API in 30 seconds, for all that work in an account.";
                let wait = "wait a minute, then run the same command again";
                if *by_api_gateway { format!("{wait}.{why}") } else { wait.to_owned() }
            }
            Self::RoleNotReady => {
                "run the same command again: it takes some seconds until all of AWS has heard of a new role".to_owned()
            }
            Self::CodeMissing => {
                let deploy = Command::cartctl("deploy").with(stack);
                format!("run {deploy} again, which uploads what is not in the bucket")
            }
            Self::ForeignCode => foreign_code(stack),
            Self::ForeignTemplate => foreign_template(stack),
            Self::BucketElsewhere { region: Some(region) } => format!(
                "deploy to {region}, where the bucket is, with `--region`; or name another bucket with `--bucket`, or leave it out to \
                 have one made"
            ),
            Self::BucketElsewhere { region: None } => {
                "name a bucket of this region with `--bucket`, or leave it out to have one made".to_owned()
            }
            Self::ShortVisibility => {
                format!("make the queue hide messages for six times the function's time-out, in infra/src/stacks/{stack}.rs")
            }
            Self::VersionExists => format!(
                "change something of the function, if only its description in infra/src/stacks/{stack}.rs: Lambda publishes no version \
                 that equals the last"
            ),
            Self::DeletionProtected(protected) => protected.hint(&delete, resource),
            Self::PoolHasDomain => {
                format!("delete its domain in the Cognito console (Branding, Domain), then {delete} again")
            }
            Self::BucketNotEmpty => {
                "if its objects may go, empty the bucket in the S3 console, which also takes old versions, then run the same command again"
                    .to_owned()
            }
            Self::ExportInUse { by } => {
                let by = by.as_ref().map_or_else(|| "the stack that imports it".to_owned(), |by| format!("the stack `{by}`"));
                format!("first change or delete {by}, so that it no longer imports the value")
            }
            Self::NotInRegion => {
                "deploy to a region that has all that is needed, with `--region` or `region` in cartctl.toml".to_owned()
            }
            Self::NotEnabled => "enable the region for this account in the console (Account, AWS Regions), wait until a new account is \
                                 activated, or deploy elsewhere with `--region`"
                .to_owned(),
            Self::Unverified => format!(
                "ask AWS Support to verify the account for CloudFront, as the message says, which takes a day or so; until then {} \
                 deploys the rest",
                Command::cartctl("deploy auth products cart")
            ),
            Self::Credentials { expired: true } => {
                let login = Command::aws("sso login");
                format!("sign in again, for example with {login}, then run the same command again")
            }
            Self::Credentials { expired: false } => {
                let identity = Command::aws("sts get-caller-identity");
                format!("look whose credentials these are with {identity}, or choose others with `--profile`")
            }
            Self::ParameterMissing { names } => {
                let names = names.as_ref().map_or_else(|| "the parameters".to_owned(), |names| format!("`{names}`"));
                let deploy = Command::cartctl("deploy");
                format!("deploy the stack that publishes {names} first: {deploy} deploys all of them in order")
            }
            Self::NamedReplacement { name } => {
                let name = name.as_ref().map_or_else(|| "it".to_owned(), |name| format!("`{name}`"));
                format!("undo the change that replaces {name}, or rename it; if what it holds may go, {delete} and deploy again")
            }
            Self::Template => {
                let synth = Command::cartctl("synth").with(stack).with_all(["--out", "-"]);
                format!("look at the template with {synth}; it is defined in infra/src/stacks/{stack}.rs")
            }
            Self::TerminationProtected { .. } => {
                format!("if it may go, {} switches the protection off first", delete.with("--protected-ok"))
            }
        }
    }
}

impl Protected {
    /// What to do before the stack is deleted with this command.
    fn hint(self, delete: &Command, resource: Option<&str>) -> String {
        match self {
            Self::Table => {
                let table = resource.unwrap_or("TABLE");
                let unprotect = Command::aws("dynamodb update-table --no-deletion-protection-enabled --table-name").with(table);
                format!("if its data may go, {unprotect}, then {delete} again")
            }
            Self::UserPool => {
                format!("if its accounts may go, deactivate its deletion protection in the Cognito console, then {delete} again")
            }
        }
    }
}

fn foreign_code(stack: StackId) -> String {
    let deploy = Command::cartctl("deploy").with(stack);
    format!(
        "somebody replaced the code in the artifact bucket after it was uploaded, and none of it ran; find out who may write to the \
         bucket, then run {deploy} again, which uploads the code again"
    )
}

fn foreign_template(stack: StackId) -> String {
    let deploy = Command::cartctl("deploy").with(stack);
    format!("find out who may write to the bucket, and switch its versioning on, then run {deploy} again")
}

impl Denial {
    /// What a text says about it.
    pub(crate) fn of(reason: &str) -> Self {
        // https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
        if let Some(object) = between(reason, "permission to GetObject for ", &[". S3 Error"]) {
            return Self { action: Some("s3:GetObject".to_owned()), resource: Some(object), ..Self::default() };
        }
        let ends = [" because ", " with an explicit deny", "\"", " (Service", " (RequestToken", ". Encoded", "\n"];
        let explicit = between(reason, "explicit deny in a", &["\"", ":", ".", " (", ",", "\n"]);
        let silent = between(reason, "because no ", &[" allows"]);
        let policy = explicit.as_ref().map(|policy| policy.strip_prefix("n ").unwrap_or(policy).trim().to_owned()).or(silent);
        Self {
            principal: between(reason, "User: ", &[" is not authorized"]),
            action: between(reason, "to perform: ", &[" ", "\"", ",", "\n"]),
            resource: between(reason, "on resource: ", &ends).or_else(|| between(reason, "on resource: \"", &["\""])),
            policy,
            explicit: explicit.is_some(),
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        let Some(action) = &self.action else {
            return "ask for the permission, or use credentials that have it (`--profile`)".to_owned();
        };
        let who = self.principal.as_deref().map_or_else(|| "whoever deploys".to_owned(), principal);
        let on = self.resource.as_ref().map(|resource| format!(" on `{resource}`")).unwrap_or_default();
        let policy = self.policy.as_deref().unwrap_or("policy");
        if policy.starts_with("service control") || policy.starts_with("resource control") {
            return format!(
                "a {policy} of the organization forbids `{action}`: ask who administers it, or deploy to another account or region"
            );
        }
        if self.explicit {
            return format!(
                "change the `Deny` for `{action}`{on} in the {policy} of {who}, or use other credentials (`--profile`)"
            );
        }
        if policy == "permissions boundary" {
            return format!("allow `{action}`{on} in the permissions boundary of {who}, or use other credentials (`--profile`)");
        }
        format!("allow {who} `{action}`{on}, or use credentials that may (`--profile`)")
    }
}

/// `the role Deployer` for `arn:aws:sts::123456789012:assumed-role/Deployer/ci`.
fn principal(arn: &str) -> String {
    let path: Vec<_> = arn.rsplit(':').next().unwrap_or(arn).split('/').collect();
    match path.as_slice() {
        ["assumed-role", role, ..] => format!("the role {role}"),
        [kind @ ("role" | "user"), .., name] => format!("the {kind} {name}"),
        _ => arn.to_owned(),
    }
}

impl Taken {
    fn of(reason: &str) -> Self {
        if let Some(resource_type) = between(reason, "Resource of type '", &["'"]) {
            let name = between(reason, "with identifier '", &["'"]).map(identifier);
            return Self { name, resource_type: Some(resource_type), stack: None };
        }
        if reason.contains("BucketAlready") {
            return Self { resource_type: Some("AWS::S3::Bucket".to_owned()), ..Self::default() };
        }
        if let Some(name) = between(reason, "Stack [", &["] already exists"]) {
            return Self { name: Some(name), resource_type: Some("AWS::CloudFormation::Stack".to_owned()), stack: None };
        }
        if let Some(stack) = between(reason, "already exported by stack ", &[" ", ".", "\"", "\n"]) {
            return Self { name: between(reason, "Export with name ", &[" is already"]), resource_type: None, stack: Some(stack) };
        }
        let arn = between(reason, "already exists in stack arn:", &[" ", "\"", "\n"]);
        let (before, after) = reason.split_once(" already exist").unwrap_or_default();
        // Sometimes the name comes last, sometimes in the middle, and sometimes first.
        let last = after.strip_prefix("s: ").and_then(|rest| rest.split([' ', '"']).next());
        let before = before.rsplit_once('"').map_or(before, |(_, before)| before);
        let first = before.rsplit(' ').next().filter(|_| !before.contains(' ') || before.contains("name "));
        let name = last.or(first).map(|name| name.trim_matches(['\'', '.'])).filter(|name| !name.is_empty());
        Self {
            name: name.map(str::to_owned),
            resource_type: None,
            stack: arn.and_then(|arn| arn.split('/').nth(1).map(str::to_owned)),
        }
    }

    fn hint(&self) -> String {
        let Self { name, resource_type, stack } = self;
        match (stack, resource_type.as_deref(), name) {
            (Some(stack), _, _) => {
                let it = name.as_ref().map_or_else(|| "the name".to_owned(), |name| format!("`{name}`"));
                format!(
                    "delete the stack `{stack}`, to which {it} belongs, or use other names: `prefix` and `parameter-root` in \
                     cartctl.toml, or another `--stage`"
                )
            }
            (None, Some("AWS::Logs::LogGroup"), Some(name)) => {
                let delete = Command::aws("logs delete-log-group --log-group-name").with(name);
                format!("if its logs may go, {delete}, then run the same command again")
            }
            (None, Some("AWS::SSM::Parameter"), Some(name)) => format!(
                "if nobody else reads it, {}, or choose another `parameter-root` in cartctl.toml, then run the same command again",
                Command::aws("ssm delete-parameter --name").with(name)
            ),
            (None, Some("AWS::S3::Bucket"), _) => "name a bucket of yours with `--bucket`".to_owned(),
            (None, Some("AWS::CloudFormation::Stack"), _) => {
                "run the same command again: somebody else has made the stack in the meantime".to_owned()
            }
            (None, _, Some(name)) => {
                format!("delete or rename `{name}`, which does not belong to this stack, then run the same command again")
            }
            (None, _, None) => {
                "find what already has the name, and delete or rename it, then run the same command again".to_owned()
            }
        }
    }
}

/// An identifier is a name, or an object that holds it: `{"/properties/LogGroupName":"logs"}`.
fn identifier(text: String) -> String {
    let object = serde_json::from_str::<BTreeMap<String, String>>(&text.replace('\\', ""));
    object.ok().and_then(|object| object.into_values().next()).unwrap_or(text)
}

/// What is found out about a change set whose template was replaced before CloudFormation read it.
pub(crate) const FOREIGN_TEMPLATE: &str =
    "CloudFormation read another template in the artifact bucket than the one that was uploaded";

/// Fragments in lower case, any of which will do, and what they mean. The first that fits is taken, so what is vague comes last.
type Known = (&'static [&'static str], fn(&str) -> Cause);

const KNOWN: &[Known] = &[
    // It calls itself a denied access.
    (&["must be verified before you can add new cloudfront resources"], |_| Cause::Unverified),
    // What is denied names actions and resources, in which any other fragment could appear.
    (&["is not authorized to perform", "permission to getobject for"], |reason| Cause::Denied(Denial::of(reason))),
    (&["encoded authorization failure message: "], |reason| {
        let encoded = between(reason, "failure message: ", &[" ", "\"", "'", "\n"]);
        Cause::EncodedDenial { encoded: encoded.unwrap_or_default() }
    }),
    (&["is different from current codesha256"], |_| Cause::ForeignCode),
    (&["read another template in the artifact bucket"], |_| Cause::ForeignTemplate),
    (&["a version for this lambda function exists"], |_| Cause::VersionExists),
    (&["unreservedconcurrentexecution below its minimum"], |_| Cause::ReservedConcurrency),
    (&["cloudwatch logs role arn must be set in account settings"], |_| Cause::NoGatewayLoggingRole),
    (
        &[
            "cannot be assumed by lambda",
            "the role arn does not have required permissions configured",
            "the provided execution role does not have permissions",
        ],
        |_| Cause::RoleNotReady,
    ),
    (&["permanentredirect", "must be addressed using the specified endpoint"], |reason| Cause::BucketElsewhere {
        region: between(reason, "The bucket is in this region: ", &[".", " ", "\""]).filter(|region| region != "null"),
    }),
    (&["nosuchkey", "s3 error code: nosuchbucket", "the specified key does not exist"], |_| Cause::CodeMissing),
    (&["is less than function timeout"], |_| Cause::ShortVisibility),
    (&["currently protected against deletion"], |_| Cause::DeletionProtected(Protected::Table)),
    (&["deletion protection is activated"], |_| Cause::DeletionProtected(Protected::UserPool)),
    (&["has a domain configured"], |_| Cause::PoolHasDomain),
    (&["bucketnotempty", "bucket you tried to delete is not empty"], |_| Cause::BucketNotEmpty),
    (&["as it is in use by "], |reason| Cause::ExportInUse {
        by: between(reason, "as it is in use by ", &[" ", ".", ",", "\"", "\n"]),
    }),
    (&["unable to fetch parameters"], |reason| Cause::ParameterMissing { names: between(reason, "[", &["]"]) }),
    (&["parameters: [ssm:"], |reason| Cause::ParameterMissing { names: between(reason, "[ssm:", &["]", ":"]) }),
    (&["custom-named resource requires replacing"], |reason| Cause::NamedReplacement {
        name: between(reason, "Rename ", &[" and update", " "]),
    }),
    (&["terminationprotection is enabled"], |reason| Cause::TerminationProtected { stack: between(reason, "Stack [", &["]"]) }),
    (&["limit for stack has been exceeded"], |_| Cause::StackQuota),
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
    (
        &[
            "optinrequired",
            "needs a subscription for the service",
            "is not enabled in this region",
            "is not activated in this region",
        ],
        |_| Cause::NotEnabled,
    ),
    (
        &["unrecognized resource types", "not available in this region", "not supported in this region", "not supported in region"],
        |_| Cause::NotInRegion,
    ),
    (&["template format error", "template validation error", "template error:"], |_| Cause::Template),
    (&["expiredtoken", "token included in the request is expired", "token has expired"], |_| Cause::Credentials { expired: true }),
    (&["token included in the request is invalid", "invalidclienttokenid", "unrecognizedclient"], |_| Cause::Credentials {
        expired: false,
    }),
    (&["already exist", "alreadyexist", "alreadyowned", "already exported by stack", "resourceexistencecheck"], |reason| {
        Cause::NameTaken(Taken::of(reason))
    }),
    // Before quotas, since there is a `RequestLimitExceeded`.
    (
        &[
            "rate exceeded",
            "too many requests",
            "toomanyrequests",
            "requestlimitexceeded",
            "throttlingexception",
            "errorcode: throttling",
            "deleted simultaneously",
        ],
        |reason| Cause::Throttled { by_api_gateway: reason.to_ascii_lowercase().contains("apigateway") },
    ),
    (
        &["limitexceeded", "limit exceeded", "maximum number of", "servicequotaexceeded", "exceed quota", "quota exceeded"],
        |reason| Cause::Quota { service: between(reason, "Service: ", &[",", ";", ")"]) },
    ),
    (&["accessdenied", "access denied", "not authorized"], |reason| Cause::Denied(Denial::of(reason))),
];

/// What stands between a text and the first of some others, or the end.
fn between(reason: &str, start: &str, ends: &[&str]) -> Option<String> {
    let (_, rest) = reason.split_once(start)?;
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    let found = rest[..end].trim();
    (!found.is_empty()).then(|| found.to_owned())
}

#[cfg(test)]
mod tests {
    use cart_infra::stacks;

    use super::*;

    /// A variant, and a reason for it as AWS words it.
    const REASONS: &[(&str, &str)] = &[
        (
            "Denied",
            "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: cloudformation:CreateChangeSet on resource: arn:aws:cloudformation:eu-west-1:123456789012:stack/aws-serverless-shopping-cart-auth/* because no identity-based policy allows the cloudformation:CreateChangeSet action",
        ),
        (
            "Denied",
            "Resource handler returned message: \"User: arn:aws:sts::123456789012:assumed-role/Deployer/ci is not authorized to perform: dynamodb:CreateTable on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/carts because no identity-based policy allows the dynamodb:CreateTable action (Service: DynamoDb, Status Code: 400, Request ID: 9c2b)\" (RequestToken: 1f0c, HandlerErrorCode: AccessDenied)",
        ),
        (
            "Denied",
            "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/x with an explicit deny in an identity-based policy",
        ),
        (
            "Denied",
            "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/x because no permissions boundary allows the iam:CreateRole action",
        ),
        (
            "Denied",
            "User: arn:aws:sts::123456789012:assumed-role/Deployer/ci is not authorized to perform: cognito-idp:CreateUserPool on resource: * with an explicit deny in a service control policy: arn:aws:organizations::210987654321:policy/o-a1/service_control_policy/p-b2",
        ),
        (
            "Denied",
            "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::artifacts/cart/0a.zip\" because no resource-based policy allows the s3:PutObject action",
        ),
        (
            "Denied",
            "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for artifacts/cart/0a.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied (Service: Lambda, Status Code: 403, Request ID: 9c2b)",
        ),
        ("Denied", "Access denied for operation 'AWS::SQS::Queue'."),
        (
            "EncodedDenial",
            "API: ec2:RunInstances You are not authorized to perform this operation. Encoded authorization failure message: KzCTdjlfnw3k-FPfPz_DmpF530 (Service: Ec2, Status Code: 403)",
        ),
        (
            "NameTaken",
            "Resource handler returned message: \"Resource of type 'AWS::Logs::LogGroup' with identifier '{\"/properties/LogGroupName\":\"API-Gateway-Execution-Logs_a1/Prod\"}' already exists.\" (RequestToken: 1f0c, HandlerErrorCode: AlreadyExists)",
        ),
        (
            "NameTaken",
            "Resource of type 'AWS::Logs::LogGroup' with identifier 'API-Gateway-Execution-Logs_a1/Prod' already exists.",
        ),
        (
            "NameTaken",
            "/serverless-shopping-cart-demo/auth/user-pool-id already exists in stack arn:aws:cloudformation:eu-west-1:123456789012:stack/shop-auth/9c2b-11ee",
        ),
        ("NameTaken", "/serverless-shopping-cart-demo/auth/user-pool-id already exists"),
        (
            "NameTaken",
            "Resource of type 'AWS::SSM::Parameter' with identifier '/serverless-shopping-cart-demo/auth/user-pool-id' already exists.",
        ),
        ("NameTaken", "Table already exists: carts (Service: AmazonDynamoDBv2; Status Code: 400)"),
        ("NameTaken", "Role with name Deployer already exists. (Service: Iam, Status Code: 409)"),
        ("NameTaken", "Stack [aws-serverless-shopping-cart-cart] already exists"),
        ("NameTaken", "Export with name CartApi is already exported by stack shop-cart."),
        (
            "NameTaken",
            "Your previous request to create the named bucket succeeded and you already own it. (Service: S3, Status Code: 409, BucketAlreadyOwnedByYou)",
        ),
        ("NameTaken", "Resource of type 'AWS::S3::Bucket' with identifier 'artifacts' already exists."),
        (
            "NameTaken",
            "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.",
        ),
        (
            "Quota",
            "Resource handler returned message: \"Code storage limit exceeded. (Service: Lambda, Status Code: 400, Request ID: 9c2b)\" (RequestToken: 1f0c, HandlerErrorCode: ServiceLimitExceeded)",
        ),
        ("Quota", "Maximum number of APIs for this account has been reached. Please contact AWS if you need additional APIs."),
        ("Quota", "ServiceQuotaExceededException"),
        ("StackQuota", "Limit for stack has been exceeded"),
        (
            "ReservedConcurrency",
            "Resource handler returned message: \"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10]. (Service: Lambda, Status Code: 400, Request ID: 9c2b)\" (RequestToken: 1f0c, HandlerErrorCode: InvalidRequest)",
        ),
        (
            "NoGatewayLoggingRole",
            "CloudWatch Logs role ARN must be set in account settings to enable logging (Service: ApiGateway, Status Code: 400, Request ID: 9c2b)",
        ),
        ("Throttled", "Rate exceeded (Service: Lambda, Status Code: 429, Request ID: 9c2b)"),
        ("Throttled", "Too Many Requests (Service: ApiGateway, Status Code: 429, Request ID: 9c2b)"),
        (
            "RoleNotReady",
            "Resource handler returned message: \"The role defined for the function cannot be assumed by Lambda. (Service: Lambda, Status Code: 400, Request ID: 9c2b)\" (RequestToken: 1f0c, HandlerErrorCode: InvalidRequest)",
        ),
        (
            "RoleNotReady",
            "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add the required role policy.",
        ),
        (
            "CodeMissing",
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist. (Service: Lambda, Status Code: 400, Request ID: 9c2b)",
        ),
        (
            "BucketElsewhere",
            "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this region: us-east-1. Please use this region to retry the request (Service: Lambda, Status Code: 400)",
        ),
        (
            "BucketElsewhere",
            "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
        ),
        (
            "ShortVisibility",
            "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds (Service: Lambda, Status Code: 400)",
        ),
        (
            "ForeignCode",
            "Resource handler returned message: \"CodeSHA256 (47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=) is different from current CodeSHA256 in $LATEST (CYFRk/+PE9UJqVlJMbTXIal842HlqNXMUFPLj+aA680=). Please try again with the CodeSHA256 in $LATEST. (Service: Lambda, Status Code: 400, Request ID: 6e67f672-a41a-4ad1-971e-e02541daa4d4)\" (RequestToken: 1b2c, HandlerErrorCode: InvalidRequest)",
        ),
        ("ForeignTemplate", FOREIGN_TEMPLATE),
        ("VersionExists", "A version for this Lambda function exists ( 3 ). Modify the function to create a new version."),
        (
            "DeletionProtected",
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first. (Service: DynamoDb, Status Code: 400)",
        ),
        (
            "DeletionProtected",
            "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.",
        ),
        ("PoolHasDomain", "User pool cannot be deleted. It has a domain configured that should be deleted first."),
        (
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket. (Service: S3, Status Code: 409)",
        ),
        ("ExportInUse", "Export shop-table cannot be deleted as it is in use by shop-reports"),
        ("NotInRegion", "Template format error: Unrecognized resource types: [AWS::Cognito::UserPool]"),
        ("NotInRegion", "Cognito is not available in this region"),
        ("NotEnabled", "OptInRequired: The AWS Access Key Id needs a subscription for the service"),
        (
            "Unverified",
            "Access denied for operation 'AWS::CloudFront::Distribution: Your account must be verified before you can add new CloudFront \
             resources. To verify your account, please contact AWS Support (https://console.aws.amazon.com/support/home#/) and include this \
             error message. (Service: CloudFront, Status Code: 403)'",
        ),
        ("Credentials", "The security token included in the request is expired"),
        ("Credentials", "The security token included in the request is invalid."),
        ("Credentials", "ExpiredToken: The provided token has expired."),
        (
            "ParameterMissing",
            "Unable to fetch parameters [/serverless-shopping-cart-demo/auth/user-pool-id] from parameter store for this account.",
        ),
        ("ParameterMissing", "Parameters: [ssm:/serverless-shopping-cart-demo/auth/user-pool-id:1] cannot be found."),
        (
            "NamedReplacement",
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename carts and update the stack again.",
        ),
        ("Template", "Template format error: Unresolved resource dependencies [Table] in the Resources block of the template"),
        (
            "TerminationProtected",
            "Stack [aws-serverless-shopping-cart-cart] cannot be deleted while TerminationProtection is enabled",
        ),
    ];

    #[test]
    fn every_known_reason_has_a_cause() {
        for (variant, reason) in REASONS {
            let cause = Cause::of(reason).unwrap_or_else(|| panic!("not known: {reason}"));
            let debug = format!("{cause:?}");
            assert_eq!(debug.split([' ', '(']).next(), Some(*variant), "{reason}");
        }
    }

    #[test]
    fn every_known_cause_has_a_hint() {
        let hints = REASONS.iter().map(|(_, reason)| {
            let hint = Cause::of(reason).map(|cause| cause.hint(stacks::CART, None)).unwrap_or_default();
            format!("{reason}\n  → {hint}\n\n")
        });
        insta::assert_snapshot!(hints.collect::<String>().trim_end());
    }

    #[test]
    fn a_hint_is_one_line_and_ends_without_a_period_unless_it_is_several_sentences() {
        for (_, reason) in REASONS {
            let hint = Cause::of(reason).unwrap().hint(stacks::CART, None);
            assert!(!hint.contains('\n') && !hint.contains("  "), "{hint}");
            assert_eq!(hint.ends_with('.'), hint.contains(". "), "{hint}");
        }
    }

    #[test]
    fn what_is_denied_is_kept() {
        let reason = "Resource handler returned message: \"User: arn:aws:sts::123456789012:assumed-role/Deployer/ci is not authorized to \
                      perform: logs:CreateLogGroup on resource: arn:aws:logs:eu-west-1:123456789012:log-group:a:log-stream: with an \
                      explicit deny in a permissions boundary: arn:aws:iam::123456789012:policy/Boundary (Service: Logs)\"";
        let denial = Denial {
            principal: Some("arn:aws:sts::123456789012:assumed-role/Deployer/ci".to_owned()),
            action: Some("logs:CreateLogGroup".to_owned()),
            resource: Some("arn:aws:logs:eu-west-1:123456789012:log-group:a:log-stream:".to_owned()),
            policy: Some("permissions boundary".to_owned()),
            explicit: true,
        };
        assert_eq!(Cause::of(reason), Some(Cause::Denied(denial)));

        let encoded = "You are not authorized to perform this operation. Encoded authorization failure message: aB-c_9";
        assert_eq!(Cause::of(encoded), Some(Cause::EncodedDenial { encoded: "aB-c_9".to_owned() }));
    }

    #[test]
    fn what_has_a_name_is_kept() {
        let taken = |reason: &str| match Cause::of(reason) {
            Some(Cause::NameTaken(Taken { name, stack, .. })) => (name.unwrap_or_default(), stack.unwrap_or_default()),
            other => panic!("{other:?}"),
        };
        let pair = |name: &str, stack: &str| (name.to_owned(), stack.to_owned());
        let arn = "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/9c2b-11ee";
        assert_eq!(taken(&format!("carts already exists in stack {arn}")), pair("carts", "shop"));
        let handler = format!("Resource handler returned message: \"carts already exists in stack {arn}\" (RequestToken: 1f0c)");
        assert_eq!(taken(&handler), pair("carts", "shop"));
        assert_eq!(taken("Table already exists: carts"), pair("carts", ""));
        assert_eq!(taken("The specified log group already exists (Service: Logs)"), pair("", ""));
        assert_eq!(taken("Export with name Url is already exported by stack shop."), pair("Url", "shop"));
        let log_group =
            r#""Resource of type 'AWS::Logs::LogGroup' with identifier '{\"/properties/LogGroupName\":\"logs\"}' already exists.""#;
        assert_eq!(taken(log_group), pair("logs", ""));
        assert_eq!(taken("An alarm with name 'carts' already exists"), pair("carts", ""));
    }

    #[test]
    fn what_is_not_known_has_no_cause() {
        let property = "#/MethodSettings/0/ThrottlingRateLimit: expected type: Number, found: String";
        for reason in
            ["", property, "Internal Failure", "Resource handler returned message: \"null\"", "Resource creation cancelled"]
        {
            assert_eq!(Cause::of(reason), None, "{reason}");
        }
    }
}
