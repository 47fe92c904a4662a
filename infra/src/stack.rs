//! A stack: a template, its name, what the deployer passes to it, and the values it shares with other stacks.
//!
//! A stack publishes a value in Parameter Store and gets a [`Published`] for it; another reads the value by giving that. So what
//! nobody publishes cannot be read, and who reads whom is who deploys after whom. Knows nothing of what the stacks contain.

use std::marker::PhantomData;

use indexmap::IndexMap;

use crate::{
    cfn::{
        resource::{Resource, ssm::StringParameter},
        template::{Attributes, Parameter, ParameterKind, Template},
        value::{BucketName, Handle, LogicalId, Value, When},
    },
    names::{Names, StackId},
};

/// A stack under construction, and when finished.
#[derive(Clone, Debug)]
pub struct Stack {
    id: StackId,
    names: Names,
    name: String,
    template: Template,
    parameters: IndexMap<String, ParameterSource>,
    publishes: Vec<String>,
    reads: Vec<StackId>,
}

/// What templates call the bucket the code is in.
pub const ARTIFACT_BUCKET_PARAMETER: &str = "ArtifactBucket";

/// Where the deployer takes a template parameter's value from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSource {
    /// The name of a parameter in Parameter Store, which is passed as it is: CloudFormation looks up the value.
    Shared(String),
    /// The name of the bucket the code is in.
    ArtifactBucket,
    /// A value that is known now.
    Value(String),
}

/// A value that stacks share through Parameter Store: its kind, its place within the stage, and the readers' name for it.
#[derive(Debug)]
pub struct Shared<T> {
    path: &'static str,
    parameter: &'static str,
    description: &'static str,
    kind: PhantomData<fn() -> T>,
}

impl<T> Shared<T> {
    /// A value at `path`, which the templates that read it call `parameter`.
    #[must_use]
    pub const fn at(path: &'static str, parameter: &'static str, description: &'static str) -> Self {
        Self { path, parameter, description, kind: PhantomData }
    }

    /// The full name of the parameter in one stage.
    #[must_use]
    pub fn name(&self, names: &Names) -> String {
        names.parameter_path(self.path)
    }
}

/// The proof that a stack publishes a value, without which no other can read it.
#[derive(Debug)]
pub struct Published<T> {
    by: StackId,
    name: String,
    parameter: &'static str,
    description: &'static str,
    kind: PhantomData<fn() -> T>,
}

impl Stack {
    /// An empty stack.
    #[must_use]
    pub fn new(id: StackId, names: &Names, description: &'static str) -> Self {
        Self {
            id,
            names: names.clone(),
            name: names.stack_name(id),
            template: Template::new(description),
            parameters: IndexMap::new(),
            publishes: Vec::new(),
            reads: Vec::new(),
        }
    }

    /// Which stack it is.
    #[must_use]
    pub fn id(&self) -> StackId {
        self.id
    }

    /// What it is called in the account.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What CloudFormation makes it from.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// What to pass for each parameter of the template.
    #[must_use]
    pub fn parameters(&self) -> &IndexMap<String, ParameterSource> {
        &self.parameters
    }

    /// The names in Parameter Store of what it publishes.
    #[must_use]
    pub fn publishes(&self) -> &[String] {
        &self.publishes
    }

    /// The stacks it reads from, each once.
    #[must_use]
    pub fn reads(&self) -> &[StackId] {
        &self.reads
    }

    /// The names of its outputs.
    #[must_use]
    pub fn outputs(&self) -> Vec<&str> {
        self.template.outputs().collect()
    }

    /// Adds a resource, and returns the only way to refer to it.
    ///
    /// # Panics
    /// If another resource has that name.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, id: impl Into<LogicalId>, resource: &R) -> Handle<R> {
        self.add_with(id, Attributes::default(), resource)
    }

    /// Adds a resource of which there is more to say than its properties.
    ///
    /// # Panics
    /// If another resource has that name.
    #[track_caller]
    pub fn add_with<R: Resource>(&mut self, id: impl Into<LogicalId>, attributes: Attributes, resource: &R) -> Handle<R> {
        self.template.add(id, attributes, resource)
    }

    /// Tells whoever deploys it a value.
    pub fn output<T>(&mut self, name: &'static str, description: &'static str, value: Value<T>) {
        self.template.output(name, description, value);
    }

    /// Publishes a value for other stacks, by a resource of the given name.
    ///
    /// # Panics
    /// If another resource has that name.
    #[track_caller]
    pub fn publish<T>(&mut self, id: &'static str, shared: &Shared<T>, value: Value<T>) -> Published<T> {
        let name = shared.name(&self.names);
        self.add(id, &StringParameter { name: name.clone(), value: value.text(), description: shared.description.to_owned() });
        self.publishes.push(name.clone());
        Published { by: self.id, name, parameter: shared.parameter, description: shared.description, kind: PhantomData }
    }

    /// Reads what another stack publishes.
    pub fn read<T>(&mut self, published: &Published<T>) -> Value<T> {
        if !self.reads.contains(&published.by) {
            self.reads.push(published.by);
        }
        self.parameter(
            published.parameter,
            ParameterSource::Shared(published.name.clone()),
            Parameter {
                kind: ParameterKind::StoredString,
                description: published.description,
                default: Some(published.name.clone()),
            },
        )
    }

    /// The bucket the code is in.
    pub fn artifact_bucket(&mut self) -> Value<BucketName> {
        self.parameter(
            ARTIFACT_BUCKET_PARAMETER,
            ParameterSource::ArtifactBucket,
            Parameter { kind: ParameterKind::String, description: "The bucket the functions' code is in", default: None },
        )
    }

    /// How many of a function may run at once: a parameter, for what an account can spare is no matter of the template.
    pub fn reserved_concurrency(&mut self, limit: Option<u32>) -> When<u32> {
        let off = "0";
        let value = self.parameter(
            "ReservedConcurrency",
            ParameterSource::Value(limit.map_or_else(|| off.to_owned(), |limit| limit.to_string())),
            Parameter {
                kind: ParameterKind::Number,
                description: "How many of each function behind the API may run at once; 0 for no limit",
                default: Some(off.to_owned()),
            },
        );
        When { condition: self.template.unless("HasReservedConcurrency", &value, off), value }
    }

    fn parameter<T>(&mut self, name: &'static str, source: ParameterSource, parameter: Parameter) -> Value<T> {
        self.parameters.insert(name.to_owned(), source);
        self.template.parameter(name, parameter)
    }
}
