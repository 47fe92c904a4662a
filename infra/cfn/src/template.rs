//! A template: parameters, conditions, resources and outputs, and how they are written. The same template gives the same bytes.
//!
//! Knows nothing of stacks, settings or services.
//! See [template anatomy](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html).

use std::{fmt, panic::Location};

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::{
    diff::{Changes, compared},
    policy::Statement,
    resource::{Replacing, Resource},
    value::{Handle, LogicalId, Value},
};

/// A template under construction.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    version: &'static str,
    description: &'static str,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    parameters: IndexMap<LogicalId, Parameter>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    conditions: IndexMap<LogicalId, Json>,
    resources: IndexMap<LogicalId, Entry>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    outputs: IndexMap<LogicalId, Output>,
}

/// Something the deployer passes in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parameter {
    /// How it is given, and what CloudFormation makes of it.
    #[serde(rename = "Type")]
    pub kind: ParameterKind,
    /// What it is for.
    pub description: &'static str,
    /// What it is when nothing is passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// The kinds of parameter in use.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ParameterKind {
    /// A number.
    Number,
    /// A text.
    String,
    /// The name of a parameter in Systems Manager's Parameter Store, of which CloudFormation looks up the value.
    #[serde(rename = "AWS::SSM::Parameter::Value<String>")]
    StoredString,
}

/// What CloudFormation does with a resource that the template no longer has, or has to replace.
///
/// See [`DeletionPolicy`](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Removal {
    /// Deletes it.
    Delete,
    /// Leaves it in the account.
    Retain,
}

/// What can be said of a resource besides its properties.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// What must exist first, where no property refers to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<LogicalId>,
    /// What happens when it leaves the template, or the stack is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<Removal>,
    /// What happens to the old one when an update replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_replace_policy: Option<Removal>,
    /// What people and tools should know of it.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub metadata: IndexMap<&'static str, Json>,
}

impl Attributes {
    /// Says that `dependencies` must exist first.
    #[must_use]
    pub fn after(dependencies: impl IntoIterator<Item = LogicalId>) -> Self {
        Self { depends_on: dependencies.into_iter().collect(), ..Self::default() }
    }

    /// For a role with these statements: its metadata says why they have wildcards, which
    /// [`check`](crate::check::UNEXPLAINED_WILDCARD) asks for.
    #[must_use]
    pub fn explaining(statements: &[Statement]) -> Self {
        let wildcards: Map<_, _> =
            statements.iter().filter_map(Statement::wildcard).map(|(sid, reason)| (sid.to_owned(), json!(reason))).collect();
        Self { metadata: [("Wildcards", wildcards.into())].into(), ..Self::default() }
    }

    /// For what holds people's data: a replacement never deletes the old one, and the removal is a decision.
    #[must_use]
    pub fn stateful(removal: Removal) -> Self {
        Self { deletion_policy: Some(removal), update_replace_policy: Some(Removal::Retain), ..Self::default() }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(flatten)]
    attributes: Attributes,
    properties: Json,
    #[serde(skip)]
    replacing: Replacing,
    #[serde(skip)]
    defined_at: SourceLine,
}

/// A line of our source, which is written `infra/src/stacks/cart.rs:97`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLine(&'static Location<'static>);

/// Where this file is in the workspace.
const HERE: &str = "infra/cfn/src/template.rs";

impl SourceLine {
    /// The file, from the workspace on and with forward slashes, whatever the compiler was told and wherever it ran.
    ///
    /// Cargo names the files of a workspace from its root, and those of somebody else's dependency by their whole path. What
    /// precedes the name of this file precedes all of them.
    #[must_use]
    pub fn file(self) -> String {
        let [file, here] = [self.0.file(), file!()].map(|path| path.replace('\\', "/"));
        let root = here.strip_suffix(HERE).unwrap_or_default();
        file.strip_prefix(root).unwrap_or(&file).to_owned()
    }

    /// The line, of which the first is 1.
    #[must_use]
    pub fn line(self) -> u32 {
        self.0.line()
    }
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.line())
    }
}

impl Serialize for SourceLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    description: &'static str,
    value: Value<String>,
}

impl Template {
    /// An empty template.
    #[must_use]
    pub fn new(description: &'static str) -> Self {
        Self {
            version: "2010-09-09",
            description,
            parameters: IndexMap::new(),
            conditions: IndexMap::new(),
            resources: IndexMap::new(),
            outputs: IndexMap::new(),
        }
    }

    /// Adds a resource, and returns the only way to refer to it. The template remembers who called.
    ///
    /// # Panics
    /// If another resource has that name.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, id: impl Into<LogicalId>, attributes: Attributes, resource: &R) -> Handle<R> {
        let id = id.into();
        let defined_at = SourceLine(Location::caller());
        let entry = Entry { kind: R::TYPE, attributes, properties: properties(resource), replacing: R::REPLACING, defined_at };
        let earlier = self.resources.insert(id.clone(), entry);
        assert!(earlier.is_none(), "two resources are named {id}");
        Handle::new(id)
    }

    /// Declares a parameter, once, and refers to it.
    pub fn parameter<T>(&mut self, name: &'static str, parameter: Parameter) -> Value<T> {
        self.parameters.entry(name.into()).or_insert(parameter);
        Value::reference(name.into())
    }

    /// Declares, once, a condition that holds unless `value` is `literal`.
    pub fn unless<T>(&mut self, name: &'static str, value: &Value<T>, literal: &str) -> LogicalId {
        let id = LogicalId::from(name);
        self.conditions.insert(id.clone(), json!({ "Fn::Not": [{ "Fn::Equals": [value, literal] }] }));
        id
    }

    /// Tells the deployer a value.
    pub fn output<T>(&mut self, name: &'static str, description: &'static str, value: Value<T>) {
        self.outputs.insert(name.into(), Output { description, value: value.text() });
    }

    /// Whether there is no resource in it, which CloudFormation would not take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Whether there is a parameter of that name.
    #[must_use]
    pub fn has_parameter(&self, id: &LogicalId) -> bool {
        self.parameters.contains_key(id)
    }

    /// The names of the outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.keys().map(LogicalId::as_str)
    }

    /// Which line of our source a resource comes from, if there is one of that name.
    #[must_use]
    pub fn defined_at(&self, logical_id: &str) -> Option<SourceLine> {
        self.resources.get(&LogicalId::from(logical_id)).map(|entry| entry.defined_at)
    }

    /// The resources of a type, in the order in which they were added.
    #[must_use]
    pub fn all<R: Resource>(&self) -> Vec<Handle<R>> {
        self.resources.iter().filter(|(_, entry)| entry.kind == R::TYPE).map(|(id, _)| Handle::new(id.clone())).collect()
    }

    /// The properties of a resource as they are written, for constructs that name a resource by what others contain.
    #[must_use]
    pub fn properties(&self, id: &LogicalId) -> Option<&Json> {
        self.resources.get(id).map(|entry| &entry.properties)
    }

    /// What deploying this template would change in a stack that has the template `before`, or that does not exist.
    #[must_use]
    pub fn changes_from(&self, before: Option<&Json>) -> Changes {
        compared(before, Some(&self.as_json()), |id, _| {
            self.resources.get(&LogicalId::from(id)).map_or(&[][..], |entry| entry.replacing)
        })
    }

    /// The template as data.
    ///
    /// # Panics
    /// Never: a template is plain data.
    #[must_use]
    pub fn as_json(&self) -> Json {
        serde_json::to_value(self).expect("a template is plain data")
    }

    /// The template as CloudFormation takes it: JSON without white space, since its limits count bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.as_json().to_string()
    }

    /// The template as people read it.
    #[must_use]
    pub fn to_json_pretty(&self) -> String {
        format!("{:#}", self.as_json())
    }
}

/// The properties as CloudFormation wants them: what is `None` is not there, for it has no `null`.
fn properties(resource: &impl Serialize) -> Json {
    without_nulls(serde_json::to_value(resource).expect("properties are plain data"))
}

fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key, without_nulls(value))).collect()
        }
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Action, Replacement};

    /// A type that an app declares, and this crate does not know.
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Rule {
        name: &'static str,
    }

    impl Resource for Rule {
        const TYPE: &'static str = "AWS::Events::Rule";
        const REPLACING: Replacing = &[("Name", Replacement::Always)];
    }

    #[test]
    fn a_template_knows_what_replaces_a_resource_of_an_apps_own_type() {
        let template = |name| {
            let mut template = Template::new("Rules");
            template.add("Nightly", Attributes::default(), &Rule { name });
            template
        };
        let changes = template("new").changes_from(Some(&template("old").as_json()));
        assert!(matches!(changes.resources[0].action, Action::Modify { replacement: Replacement::Always, .. }), "{changes:?}");
        assert!(template("old").changes_from(Some(&template("old").as_json())).is_empty());
    }
}
