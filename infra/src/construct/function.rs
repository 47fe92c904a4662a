//! A function with the resources that belong to it: log group, role, version and the alias `live`. Knows nothing of who calls it.
//!
//! Every caller calls the alias, so that a deployment moves all traffic at once, and only when the new version is ready.

use std::collections::BTreeSet;

use cart_contract::{CommonEnv, Env, Function as Contract};
use cfn::{
    Mebibytes, ParameterSource, Seconds, Stack,
    policy::{Statement, Trusted},
    resource::{
        iam::{InlinePolicy, Role, RoleTerms},
        lambda::{Alias, Environment, Function, LogFormat, LoggingConfig, Runtime, TracingConfig, Version},
        logs::LogGroup,
    },
    template::{Attributes, Parameter, ParameterKind},
    value::{Handle, Part, Pseudo, Value, When, text},
};

use super::fingerprint;
use crate::{packages, settings::Settings};

/// A function of the contract, with the settings that the contract does not have.
pub struct Definition<F: Contract> {
    /// The function.
    pub function: F,
    /// Its logical id. Those of the other resources begin with it.
    pub id: &'static str,
    /// Shown in the console.
    pub description: &'static str,
    /// The variables that it reads, besides those that every function reads.
    pub environment: F::Env<Value<String>>,
    /// Its permissions, besides logging and tracing.
    pub permissions: Vec<Statement>,
    /// Memory, with which the share of a processor grows.
    pub memory: Mebibytes,
    /// The limit of the time of one call.
    pub timeout: Seconds,
    /// The limit of calls at once, from [`reserved_concurrency`]; none for no limit.
    pub reserved_concurrency: Option<When<u32>>,
}

/// The limit of how many of a function may run at once, as a parameter of the template: an account's capacity is none of the template's
/// business.
pub fn reserved_concurrency(stack: &mut Stack, limit: Option<u32>) -> When<u32> {
    let off = "0";
    let value = stack.parameter(
        "ReservedConcurrency",
        ParameterSource::Value(limit.map_or_else(|| off.to_owned(), |limit| limit.to_string())),
        Parameter {
            kind: ParameterKind::Number,
            description: "How many of each function behind the API may run at once; 0 for no limit",
            default: Some(off.to_owned()),
        },
    );
    When { condition: stack.unless("HasReservedConcurrency", &value, off), value }
}

/// Adds a function to a stack and returns the alias, which callers call.
#[track_caller]
pub fn add<F: Contract>(stack: &mut Stack, settings: &Settings, definition: Definition<F>) -> Handle<Alias> {
    let Definition { function: _, id, description, environment, permissions, memory, timeout, reserved_concurrency } = definition;
    // Without it, Lambda creates a group that is kept forever.
    let logs = stack.add_with(
        format!("{id}Logs"),
        settings.records(),
        &LogGroup { log_group_name: None, retention_in_days: settings.log_retention },
    );
    let role = role(stack, id, &logs, permissions, settings.roles.clone());
    let code = stack.code(packages::of(F::SERVICE), &settings.code);
    let common = CommonEnv { stack_name: text![Pseudo::StackName] };
    let function = Function {
        // People see which code runs. And Lambda publishes no version of a function that is what it was, as one of an earlier cartctl is
        // that gets the same code from another key.
        description: format!("{description}. Code {}", code.hash.abbreviated()),
        code,
        runtime: Runtime::ProvidedAl2023,
        handler: F::HANDLER,
        architectures: [settings.architecture],
        memory_size: memory,
        timeout,
        role: role.arn(),
        environment: Environment { variables: common.pairs().into_iter().chain(environment.pairs()).collect() },
        logging_config: LoggingConfig { log_group: logs.name(), log_format: LogFormat::Json },
        tracing_config: TracingConfig::Active,
        reserved_concurrent_executions: reserved_concurrency,
    };
    let handle = stack.add(id, &function);
    let version = version(stack, id, &handle, function);
    let alias = Alias { function_name: handle.name(), function_version: version.number(), name: "live" };
    stack.add(format!("{id}Live"), &alias)
}

#[track_caller]
fn role(stack: &mut Stack, id: &str, logs: &Handle<LogGroup>, permissions: Vec<Statement>, terms: RoleTerms) -> Handle<Role> {
    let mut statements = vec![
        Statement::allow("WriteLogs", &["logs:CreateLogStream", "logs:PutLogEvents"], logs.arn()),
        Statement::allow_wildcard(
            "WriteTraces",
            &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            "*".into(),
            "X-Ray has no resource that these actions could be limited to",
        ),
    ];
    statements.extend(permissions);
    stack.add_with(
        format!("{id}Role"),
        Attributes::explaining(&statements),
        &Role {
            assume_role_policy_document: Trusted::Lambda,
            description: format!("What the function {id} may do"),
            managed_policy_arns: Vec::new(),
            policies: vec![InlinePolicy { policy_name: "Permissions", policy_document: statements.into() }],
            terms,
        },
    )
}

/// Publishes a version of the function.
///
/// A version never changes, and Lambda refuses to publish one that equals the last. So the logical id differs exactly where Lambda
/// sees a difference: in code and configuration, but not in the reserved concurrency, which versions do not have. The values of
/// parameters are not in the template, so the description contains them, and [a change of it replaces the
/// version](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html). Without it,
/// `live` would keep a URL that another stack has changed.
///
/// The function takes whatever lies in the bucket under its key; a version is published of the expected code only, and nothing calls a
/// function but by its alias.
#[track_caller]
fn version(stack: &mut Stack, id: &str, handle: &Handle<Function>, function: Function) -> Handle<Version> {
    let parts = function.environment.variables.values().flat_map(Value::parts);
    let references = parts.filter_map(|part| if let Part::Ref(id) = part { Some(id) } else { None });
    let parameters: BTreeSet<_> = references.filter(|id| stack.template().has_parameter(id)).cloned().collect();
    let description =
        (!parameters.is_empty()).then(|| parameters.into_iter().flat_map(|id| [Part::from(" "), Part::Ref(id)]).skip(1).collect());
    let code_sha256 = function.code.hash;
    let hash = fingerprint(&Function { reserved_concurrent_executions: None, ..function });
    stack.add(format!("{id}Version{hash}"), &Version { function_name: handle.name(), code_sha256, description })
}
