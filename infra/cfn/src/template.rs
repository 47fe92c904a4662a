//! A template: parameters, conditions, resources and outputs, and how they are written. The same template gives the same bytes.
//!
//! Knows nothing of stacks or services. See
//! [template anatomy](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html).

use std::{fmt, panic::Location};

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::{
    diff::{Changes, compared},
    exemption::{self, Exemption},
    policy::Statement,
    resource::{Replacing, Resource},
    value::{Handle, LogicalId, Value},
};

/// A template, to which parts can be added.
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

/// A value that the deployer passes in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parameter {
    /// The type of the passed value.
    #[serde(rename = "Type")]
    pub kind: ParameterKind,
    /// Shown in the console.
    pub description: &'static str,
    /// The value where none is passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// The types of parameters in use.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ParameterKind {
    /// An integer or a float.
    Number,
    /// A text.
    String,
    /// The name of a parameter in Parameter Store. The template sees the value, which CloudFormation looks up.
    #[serde(rename = "AWS::SSM::Parameter::Value<String>")]
    StoredString,
}

/// How CloudFormation treats a resource that leaves the template or is replaced.
///
/// See
/// [`DeletionPolicy`](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Removal {
    /// The resource is deleted.
    Delete,
    /// The resource stays in the account, without a stack.
    Retain,
    /// The same, unless the operation that created it is rolled back. Not for replacements.
    RetainExceptOnCreate,
}

/// Attributes of a resource besides its properties.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The condition on which the stack has the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<LogicalId>,
    /// Resources that must exist first, where no property refers to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<LogicalId>,
    /// For a resource that leaves the template, or whose stack is deleted. Without it, the resource is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<Removal>,
    /// For the old resource, when an update replaces it. Without it, the old resource is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_replace_policy: Option<Removal>,
    /// Notes for people and tools, which CloudFormation ignores.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub metadata: IndexMap<&'static str, Json>,
}

impl Attributes {
    /// For a resource that is created after others to which no property refers.
    #[must_use]
    pub fn after(dependencies: impl IntoIterator<Item = LogicalId>) -> Self {
        Self { depends_on: dependencies.into_iter().collect(), ..Self::default() }
    }

    /// For a resource that the stack has only where the condition holds.
    #[must_use]
    pub fn only_if(condition: LogicalId) -> Self {
        Self { condition: Some(condition), ..Self::default() }
    }

    /// For a role with these statements: its metadata says why they have wildcards, which
    /// [`check`](crate::check::UNEXPLAINED_WILDCARD) asks for.
    #[must_use]
    pub fn explaining(statements: &[Statement]) -> Self {
        let wildcards: Map<_, _> =
            statements.iter().filter_map(Statement::wildcard).map(|(sid, reason)| (sid.to_owned(), json!(reason))).collect();
        Self { metadata: [("Wildcards", wildcards.into())].into(), ..Self::default() }
    }

    /// For a resource that holds people's data: `removal` decides whether a deletion keeps it, and a replacement always does.
    #[must_use]
    pub fn stateful(removal: Removal) -> Self {
        Self { deletion_policy: Some(removal), update_replace_policy: Some(Removal::Retain), ..Self::default() }
    }

    /// For a resource that records what happened, such as a log group: a deletion and a replacement keep it, but a failed creation
    /// leaves no empty one behind.
    #[must_use]
    pub fn record() -> Self {
        Self {
            deletion_policy: Some(Removal::RetainExceptOnCreate),
            update_replace_policy: Some(Removal::Retain),
            ..Self::default()
        }
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

/// The line of our source that defines a resource, written as `infra/src/stacks/cart.rs:97`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLine(&'static Location<'static>);

/// The path of this file in the workspace.
const HERE: &str = "infra/cfn/src/template.rs";

impl SourceLine {
    /// The file, as a path from the workspace's root with forward slashes.
    ///
    /// Cargo names the files of a workspace by paths from its root, and those of a dependency by whole paths. Whatever precedes the
    /// name of this file is removed from all of them.
    #[must_use]
    pub fn file(self) -> String {
        let [file, here] = [self.0.file(), file!()].map(|path| path.replace('\\', "/"));
        let root = here.strip_suffix(HERE).unwrap_or_default();
        file.strip_prefix(root).unwrap_or(&file).to_owned()
    }

    /// The line, from 1.
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

    /// Adds a resource and returns the only way to refer to it. The template remembers the line of the caller.
    ///
    /// # Panics
    /// If another resource has the same name.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, id: impl Into<LogicalId>, attributes: Attributes, resource: &R) -> Handle<R> {
        let id = id.into();
        let defined_at = SourceLine(Location::caller());
        let entry = Entry { kind: R::TYPE, attributes, properties: properties(resource), replacing: R::REPLACING, defined_at };
        let earlier = self.resources.insert(id.clone(), entry);
        assert!(earlier.is_none(), "two resources are named {id}");
        Handle::new(id)
    }

    /// Declares a parameter, unless it is declared already, and refers to it.
    pub fn parameter<T>(&mut self, name: &'static str, parameter: Parameter) -> Value<T> {
        self.parameters.entry(name.into()).or_insert(parameter);
        Value::reference(name.into())
    }

    /// Declares a condition, unless it is declared already: it holds unless `value` is `literal`.
    pub fn unless<T>(&mut self, name: &'static str, value: &Value<T>, literal: &str) -> LogicalId {
        let id = LogicalId::from(name);
        self.conditions.insert(id.clone(), json!({ "Fn::Not": [{ "Fn::Equals": [value, literal] }] }));
        id
    }

    /// Declares a condition, unless it is declared already: it holds if `value` is one of `literals`.
    pub fn if_any<T>(&mut self, name: &'static str, value: &Value<T>, literals: &[&str]) -> LogicalId {
        // `Fn::Or` takes two to ten conditions:
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
        let or = |conditions: Vec<Json>| match <[Json; 1]>::try_from(conditions) {
            Ok([only]) => only,
            Err(several) => json!({ "Fn::Or": several }),
        };
        let equals: Vec<_> = literals.iter().map(|literal| json!({ "Fn::Equals": [value, literal] })).collect();
        let groups = equals.chunks(10).map(|group| or(group.to_vec())).collect();
        let id = LogicalId::from(name);
        self.conditions.insert(id.clone(), or(groups));
        id
    }

    /// Adds an output, which the deployer shows once the stack is deployed.
    pub fn output<T>(&mut self, name: &'static str, description: &'static str, value: Value<T>) {
        self.outputs.insert(name.into(), Output { description, value: value.text() });
    }

    /// Whether it has no resource. CloudFormation refuses such a template.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Whether it has a parameter of this name.
    #[must_use]
    pub fn has_parameter(&self, id: &LogicalId) -> bool {
        self.parameters.contains_key(id)
    }

    /// The names of the outputs, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.keys().map(LogicalId::as_str)
    }

    /// The line of our source that defines the resource with this logical id.
    #[must_use]
    pub fn defined_at(&self, logical_id: &str) -> Option<SourceLine> {
        self.resources.get(&LogicalId::from(logical_id)).map(|entry| entry.defined_at)
    }

    /// The resources of a type, in the order in which they were added.
    #[must_use]
    pub fn all<R: Resource>(&self) -> Vec<Handle<R>> {
        self.resources.iter().filter(|(_, entry)| entry.kind == R::TYPE).map(|(id, _)| Handle::new(id.clone())).collect()
    }

    /// The same template, with another value of one property.
    #[must_use]
    pub(crate) fn with(mut self, id: &LogicalId, property: &str, value: Json) -> Self {
        if let Some(entry) = self.resources.get_mut(id) {
            entry.properties[property] = value;
        }
        self
    }

    /// The properties of a resource as they are written. Constructs make a logical id of those that must not change under it.
    #[must_use]
    pub fn properties(&self, id: &LogicalId) -> Option<&Json> {
        self.resources.get(id).map(|entry| &entry.properties)
    }

    /// The changes that this template makes to a stack that has the template `before`, or to none.
    #[must_use]
    pub fn changes_from(&self, before: Option<&Json>) -> Changes {
        compared(before, Some(&self.as_json()), |id, _| {
            self.resources.get(&LogicalId::from(id)).map_or(&[][..], |entry| entry.replacing)
        })
    }

    /// Explains findings of checkers in the metadata of the resources that it has so far.
    pub fn explain(&mut self, exemptions: &[Exemption]) {
        for entry in self.resources.values_mut() {
            entry.attributes.metadata.extend(exemption::metadata(exemptions, entry.kind, &entry.properties));
        }
    }

    /// The template as JSON.
    ///
    /// # Panics
    /// Never: a template is plain data.
    #[must_use]
    pub fn as_json(&self) -> Json {
        serde_json::to_value(self).expect("a template is plain data")
    }

    /// The template as it is sent: JSON without white space, because CloudFormation limits the number of bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.as_json().to_string()
    }

    /// The template as indented JSON, for people.
    #[must_use]
    pub fn to_json_pretty(&self) -> String {
        format!("{:#}", self.as_json())
    }
}

/// The properties without those that are `None`: CloudFormation knows no `null`.
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

    /// A type that an app declares and this crate does not know.
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
    fn any_number_of_literals_is_a_condition() {
        let region: Value<String> = Value::from("eu-west-1");
        let condition = |literals: &[&str]| {
            let mut template = Template::new("Conditions");
            template.if_any("Any", &region, literals);
            template.as_json()["Conditions"]["Any"].take()
        };
        let equals = |literal: &str| json!({ "Fn::Equals": ["eu-west-1", literal] });
        assert_eq!(condition(&["a"]), equals("a"));
        assert_eq!(condition(&["a", "b"]), json!({ "Fn::Or": [equals("a"), equals("b")] }));
        let or = condition(&["x"; 17]);
        let groups = or["Fn::Or"].as_array().unwrap();
        assert_eq!(groups.iter().map(|group| group["Fn::Or"].as_array().unwrap().len()).collect::<Vec<_>>(), [10, 7]);
        assert_eq!(condition(&["x"; 11])["Fn::Or"][1], equals("x"), "one alone needs no `Fn::Or`, which takes two at least");
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
