//! A stack: a template, its name, the values that the deployer passes to it, and the values that it shares with other stacks.
//!
//! A stack publishes a value in Parameter Store and gets a [`Published`] for it; another stack reads the value by giving that. So
//! only published values can be read, and the reads decide the order of deployment. A stack also says what the deployer has to do
//! besides sending its template to CloudFormation: see [`Presence`], [`Afterwards`] and [`Stack::empty_before_deletion`]. Knows
//! nothing of what stacks contain.

use std::marker::PhantomData;

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::{
    exemption::Exemption,
    mark::{MARK_OUTPUT, Mark},
    name::{Package, StackId},
    package::{Code, CodeKey},
    resource::{Resource, dynamodb::Table, lambda, s3::Bucket, ssm::StringParameter},
    template::{Attributes, Parameter, ParameterKind, Template},
    value::{BucketName, Handle, LogicalId, Value},
};

/// The place of a stack in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The stack's name, which can be taken once in an account and region.
    pub stack_name: String,
    /// The folder in Parameter Store of everything that the app publishes, with a slash in front and none at the end.
    pub parameters: String,
}

/// Whether every deployment of an app has the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Every deployment has it.
    #[default]
    Always,
    /// A deployment has it once it was asked for, and until it is deleted.
    OnRequest,
}

/// Work for the deployer once a stack is deployed, because CloudFormation does not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// Switches on the expiry of a table's items. Only a local cloud needs it: it ignores the template's `TimeToLiveSpecification`.
    ExpireItems {
        /// The table.
        table: LogicalId,
        /// The attribute that holds the second after which an item has expired.
        attribute: &'static str,
    },
    /// Builds a site and uploads it to a bucket of the stack.
    HostSite(Site),
}

/// The place where a site is hosted, by names of the stack's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The output with the site's address, without a slash at the end: the origin of its pages.
    pub url: &'static str,
    /// The output with the name of the bucket that the files are in.
    pub bucket: &'static str,
    /// The output with the identifier of the distribution that serves the files. Its copies of changed files are invalidated.
    pub distribution: &'static str,
    /// The folder of the bucket that is served, without slashes. This is no output, but the name itself.
    pub folder: &'static str,
}

/// A stack, to which resources can be added.
#[derive(Clone, Debug)]
pub struct Stack {
    id: StackId,
    place: Place,
    mark: Mark,
    predecessor: Vec<LogicalId>,
    template: Template,
    parameters: IndexMap<String, ParameterSource>,
    publishes: Vec<String>,
    reads: Vec<StackId>,
    presence: Presence,
    emptied_first: Vec<LogicalId>,
    packages: Vec<Package>,
    afterwards: Vec<Afterwards>,
    allows_site: bool,
    protected_later: Vec<(LogicalId, &'static str, Json)>,
}

/// The name of the template parameter that takes the bucket of the code.
pub const ARTIFACT_BUCKET_PARAMETER: &str = "ArtifactBucket";

/// The output in which the account's own stack names the bucket that it has for code.
pub const ARTIFACT_BUCKET_OUTPUT: &str = "ArtifactBucketName";

/// The description of the output with the mark, for people who find it in the console.
const MARK_DESCRIPTION: &str = "Who owns this stack. cartctl changes no stack without it";

/// The source of a template parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSource {
    /// The name of a parameter in Parameter Store. The deployer passes the name, and CloudFormation looks up the value.
    Shared(String),
    /// The name of the bucket that holds the code.
    ArtifactBucket,
    /// A value that is known now.
    Value(String),
}

/// A value that stacks share through Parameter Store: its kind, its path, and the name of the readers' template parameter.
#[derive(Debug)]
pub struct Shared<T> {
    path: &'static str,
    parameter: &'static str,
    description: &'static str,
    kind: PhantomData<fn() -> T>,
}

impl<T> Shared<T> {
    /// A value at `path` below the app's folder. Templates that read it call it `parameter`.
    #[must_use]
    pub const fn at(path: &'static str, parameter: &'static str, description: &'static str) -> Self {
        Self { path, parameter, description, kind: PhantomData }
    }

    /// The name of the parameter, below the folder of the app's parameters.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }
}

/// The proof that a stack publishes a value. Without it, no other stack can read the value.
#[derive(Debug)]
pub struct Published<T> {
    by: StackId,
    name: String,
    parameter: &'static str,
    description: &'static str,
    kind: PhantomData<fn() -> T>,
}

impl Stack {
    /// A stack without resources. Its mark names no stage, and as prefix what is in front of the stack's id in its name.
    #[must_use]
    pub fn new(id: StackId, place: Place, description: &'static str) -> Self {
        let name = place.stack_name.as_str();
        let prefix = name.strip_suffix(id.as_str()).and_then(|prefix| prefix.strip_suffix('-')).unwrap_or(name);
        let mark = Mark { prefix: prefix.to_owned(), stage: None, stack: id.to_string() };
        let mut template = Template::new(description);
        template.output(MARK_OUTPUT, MARK_DESCRIPTION, Value::<String>::from(mark.to_string()));
        Self {
            id,
            place,
            mark,
            predecessor: Vec::new(),
            template,
            parameters: IndexMap::new(),
            publishes: Vec::new(),
            reads: Vec::new(),
            presence: Presence::default(),
            emptied_first: Vec::new(),
            packages: Vec::new(),
            afterwards: Vec::new(),
            allows_site: false,
            protected_later: Vec::new(),
        }
    }

    /// The name that people type.
    #[must_use]
    pub fn id(&self) -> StackId {
        self.id
    }

    /// The name in the account.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.place.stack_name
    }

    /// Marks the stack as one of this prefix and stage.
    #[must_use]
    pub fn owned_by(mut self, prefix: impl Into<String>, stage: Option<String>) -> Self {
        self.mark = Mark { prefix: prefix.into(), stage, stack: self.id.to_string() };
        self.template.output(MARK_OUTPUT, MARK_DESCRIPTION, Value::<String>::from(self.mark.to_string()));
        self
    }

    /// Who owns the stack, as its template says.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Declares that stacks of another tool with these resources are taken over: the stack that this one was before.
    ///
    /// # Panics
    /// If the template lacks one of the resources.
    pub fn succeeds<const N: usize>(&mut self, resources: [&'static str; N]) {
        for id in resources {
            let id = LogicalId::from(id);
            assert!(self.template.properties(&id).is_some(), "the {} stack has no resource {id}", self.id);
            self.predecessor.push(id);
        }
    }

    /// The resources that a predecessor's stack has, under the same names and of the same types. Empty if there was none.
    #[must_use]
    pub fn predecessor(&self) -> &[LogicalId] {
        &self.predecessor
    }

    /// The template, as far as it is defined.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The source of the value of each parameter of the template.
    #[must_use]
    pub fn parameters(&self) -> &IndexMap<String, ParameterSource> {
        &self.parameters
    }

    /// The full names in Parameter Store of all published values, in order.
    #[must_use]
    pub fn publishes(&self) -> &[String] {
        &self.publishes
    }

    /// The stacks that it reads from, each once.
    #[must_use]
    pub fn reads(&self) -> &[StackId] {
        &self.reads
    }

    /// The names of the outputs, in order, without the mark.
    #[must_use]
    pub fn outputs(&self) -> Vec<&str> {
        self.template.outputs().filter(|name| *name != MARK_OUTPUT).collect()
    }

    /// Adds a resource and returns the only way to refer to it.
    ///
    /// # Panics
    /// If another resource has the same name.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, id: impl Into<LogicalId>, resource: &R) -> Handle<R> {
        self.add_with(id, Attributes::default(), resource)
    }

    /// Adds a resource with attributes besides its properties.
    ///
    /// # Panics
    /// If another resource has the same name.
    #[track_caller]
    pub fn add_with<R: Resource>(&mut self, id: impl Into<LogicalId>, attributes: Attributes, resource: &R) -> Handle<R> {
        self.template.add(id, attributes, resource)
    }

    /// Adds an output, which the deployer shows once the stack is deployed.
    pub fn output<T>(&mut self, name: &'static str, description: &'static str, value: Value<T>) {
        self.template.output(name, description, value);
    }

    /// Publishes a value for other stacks, by a resource that is named `id`.
    ///
    /// # Panics
    /// If another resource has the same name.
    #[track_caller]
    pub fn publish<T>(&mut self, id: &'static str, shared: &Shared<T>, value: Value<T>) -> Published<T> {
        let name = format!("{}/{}", self.place.parameters, shared.path);
        self.add(id, &StringParameter { name: name.clone(), value: value.text(), description: shared.description.to_owned() });
        self.publishes.push(name.clone());
        Published { by: self.id, name, parameter: shared.parameter, description: shared.description, kind: PhantomData }
    }

    /// Reads a value that another stack publishes. The reader is deployed after that stack.
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

    /// The code of a package. The deployer uploads it before it deploys the stack.
    ///
    /// # Panics
    /// If `code` has none of the package.
    pub fn code(&mut self, package: Package, code: &Code) -> lambda::Code {
        if !self.packages.contains(&package) {
            self.packages.push(package);
        }
        let hash = code.of(package);
        lambda::Code { s3_bucket: self.artifact_bucket(), s3_key: CodeKey::of(package, hash), hash }
    }

    fn artifact_bucket(&mut self) -> Value<BucketName> {
        self.parameter(
            ARTIFACT_BUCKET_PARAMETER,
            ParameterSource::ArtifactBucket,
            Parameter { kind: ParameterKind::String, description: "The bucket the functions' code is in", default: None },
        )
    }

    /// Explains findings of checkers in the metadata of the finished stack's resources.
    #[must_use]
    pub fn explaining(mut self, exemptions: &[Exemption]) -> Self {
        self.template.explain(exemptions);
        self
    }

    /// Leaves the stack out of deployments that did not ask for it.
    pub fn only_on_request(&mut self) {
        self.presence = Presence::OnRequest;
    }

    /// Has the deployer empty a bucket before the stack is deleted. CloudFormation [deletes only empty
    /// buckets](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html).
    pub fn empty_before_deletion(&mut self, bucket: &Handle<Bucket>) {
        self.emptied_first.push(bucket.logical_id().clone());
    }

    /// Has a local cloud expire a table's items, by the attribute that the table's definition names.
    pub fn expire_items(&mut self, table: &Handle<Table>, attribute: &'static str) {
        self.afterwards.push(Afterwards::ExpireItems { table: table.logical_id().clone(), attribute });
    }

    /// Has the deployer build a site and upload it to a bucket of the stack.
    ///
    /// # Panics
    /// If the stack lacks one of the outputs.
    pub fn host_site(&mut self, site: Site) {
        for output in [site.url, site.bucket, site.distribution] {
            assert!(self.template.outputs().any(|name| name == output), "the {} stack has no output {output}", self.id);
        }
        self.afterwards.push(Afterwards::HostSite(site));
    }

    /// Has the deployer update the stack once more when the origin of the app's site becomes known, because its template contains
    /// that origin.
    pub fn allow_site(&mut self) {
        self.allows_site = true;
    }

    /// Has the deployer create a resource with its deletion protection `off`, and switch the protection on by an update right afterwards:
    /// CloudFormation could not roll a failed creation back with it.
    ///
    /// # Panics
    /// If the template does not set the property of the resource.
    pub fn protect_once_created<R>(&mut self, resource: &Handle<R>, property: &'static str, off: impl Into<Json>) {
        let id = resource.logical_id();
        let is_set = self.template.properties(id).is_some_and(|properties| properties.get(property).is_some());
        assert!(is_set, "{id} has no property {property}");
        self.protected_later.push((id.clone(), property, off.into()));
    }

    /// The stack with the deletion protection of its new resources off. None if no new resource is protected.
    #[must_use]
    pub fn without_deletion_protection(&self, is_new: impl Fn(&str) -> bool) -> Option<Self> {
        let new: Vec<_> = self.protected_later.iter().filter(|(id, ..)| is_new(id.as_str())).collect();
        let last = self.template.clone();
        let off = |template: Template, (id, property, off): &&(LogicalId, &str, Json)| template.with(id, property, off.clone());
        (!new.is_empty()).then(|| Self { template: new.iter().fold(last, off), ..self.clone() })
    }

    /// Whether every deployment of the app has the stack.
    #[must_use]
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// The buckets to empty before the stack is deleted.
    #[must_use]
    pub fn emptied_first(&self) -> &[LogicalId] {
        &self.emptied_first
    }

    /// The packages whose code the stack runs, each once.
    #[must_use]
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The work for the deployer once the stack is deployed, in order.
    #[must_use]
    pub fn afterwards(&self) -> &[Afterwards] {
        &self.afterwards
    }

    /// The site that the stack hosts.
    #[must_use]
    pub fn site(&self) -> Option<&Site> {
        self.afterwards.iter().find_map(|after| if let Afterwards::HostSite(site) = after { Some(site) } else { None })
    }

    /// Whether the template contains the origin of the app's site, which another stack hosts.
    #[must_use]
    pub fn allows_site(&self) -> bool {
        self.allows_site
    }

    /// Adds a parameter of the template, and the source of its value.
    pub fn parameter<T>(&mut self, name: &'static str, source: ParameterSource, parameter: Parameter) -> Value<T> {
        self.parameters.insert(name.to_owned(), source);
        self.template.parameter(name, parameter)
    }

    /// Declares a condition, unless it is declared already: it holds unless `value` is `literal`.
    pub fn unless<T>(&mut self, name: &'static str, value: &Value<T>, literal: &str) -> LogicalId {
        self.template.unless(name, value, literal)
    }

    /// Declares a condition, unless it is declared already: it holds if `value` is one of `literals`.
    pub fn if_any<T>(&mut self, name: &'static str, value: &Value<T>, literals: &[&str]) -> LogicalId {
        self.template.if_any(name, value, literals)
    }
}
