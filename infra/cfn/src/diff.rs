//! The differences between two templates, and the resources that CloudFormation has to replace for them. The template before may be
//! somebody else's. Which properties replace a resource is declared beside its type. Knows nothing of accounts: the caller finds
//! out what is deployed.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::resource::{Replacing, declared};

/// The differences between two templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Changed resources: those that stay or are added in the order of the template after, then the removed ones.
    pub resources: Vec<ResourceChange>,
    /// Parameters, by name.
    pub parameters: Vec<ValueChange>,
    /// Outputs, by name.
    pub outputs: Vec<ValueChange>,
    /// Other sections of the template, each as a whole.
    pub other: Vec<ValueChange>,
}

impl Changes {
    /// Whether the templates are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.parameters.is_empty() && self.outputs.is_empty() && self.other.is_empty()
    }
}

/// The change of one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceChange {
    /// The resource's name in both templates.
    pub logical_id: String,
    /// The type after the change, or before a removal.
    pub resource_type: String,
    /// The kind of change.
    #[serde(flatten)]
    pub action: Action,
}

/// The change of one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The resource is created.
    Add,
    /// The resource leaves the template.
    Remove {
        /// Whether it stays in the account, because of its `DeletionPolicy`.
        retained: bool,
    },
    /// The resource is updated or replaced.
    Modify {
        /// The differing properties and attributes.
        properties: Vec<PropertyChange>,
        /// Whether any of them takes a new resource.
        replacement: Replacement,
    },
}

/// Whether a change takes a new resource in the place of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// The resource is updated.
    Never,
    /// CloudFormation decides by more than the template.
    Conditional,
    /// The resource is replaced.
    Always,
}

/// A difference within a resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertyChange {
    /// The path from the resource on, for example `Properties.Environment.Variables.TABLE_NAME` or `DeletionPolicy`.
    pub path: String,
    /// The value before; none if it is added.
    pub before: Option<Json>,
    /// The value after; none if it is removed.
    pub after: Option<Json>,
}

/// A difference in a named part of a template.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueChange {
    /// The name of the part.
    pub name: String,
    /// The value before; none if it is added.
    pub before: Option<Json>,
    /// The value after; none if it is removed.
    pub after: Option<Json>,
}

/// Compares two templates, either of which may not exist. Replacements are known for the types of this crate;
/// [`Template::changes_from`] knows them for types that an app declares, too.
///
/// [`Template::changes_from`]: crate::template::Template::changes_from
#[must_use]
pub fn diff(before: Option<&Json>, after: Option<&Json>) -> Changes {
    let replacing =
        |_: &str, kind: &str| declared().find(|declared| declared.name == kind).map_or(&[][..], |found| found.replacing);
    compared(before, after, replacing)
}

/// Compares two templates. `replacing` takes a logical id and a type.
pub(crate) fn compared(before: Option<&Json>, after: Option<&Json>, replacing: impl Fn(&str, &str) -> Replacing) -> Changes {
    let resources = union(section(before, "Resources"), section(after, "Resources"))
        .filter_map(|(id, before, after)| resource(id, before, after, &replacing))
        .collect();
    let others = |template: Option<&Json>| -> Map<String, Json> {
        let sections = template.and_then(Json::as_object).into_iter().flatten();
        sections.filter(|(name, _)| !["Resources", "Parameters", "Outputs"].contains(&name.as_str())).map(owned).collect()
    };
    Changes {
        resources,
        parameters: values(section(before, "Parameters"), section(after, "Parameters")),
        outputs: values(section(before, "Outputs"), section(after, "Outputs")),
        other: values(Some(&others(before)), Some(&others(after))),
    }
}

fn owned((name, value): (&String, &Json)) -> (String, Json) {
    (name.clone(), value.clone())
}

fn section<'a>(template: Option<&'a Json>, name: &str) -> Option<&'a Map<String, Json>> {
    template?.get(name)?.as_object()
}

/// Every key of both, with its values: the keys of `after` in order, then those that only `before` has.
fn union<'a>(
    before: Option<&'a Map<String, Json>>,
    after: Option<&'a Map<String, Json>>,
) -> impl Iterator<Item = (&'a str, Option<&'a Json>, Option<&'a Json>)> {
    let get = |map: Option<&'a Map<String, Json>>, key: &str| map.and_then(|map| map.get(key));
    let kept = after.into_iter().flatten().map(move |(key, value)| (key.as_str(), get(before, key), Some(value)));
    let gone = before.into_iter().flatten().filter(move |(key, _)| get(after, key).is_none());
    kept.chain(gone.map(|(key, value)| (key.as_str(), Some(value), None)))
}

fn values(before: Option<&Map<String, Json>>, after: Option<&Map<String, Json>>) -> Vec<ValueChange> {
    union(before, after)
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| ValueChange { name: name.to_owned(), before: before.cloned(), after: after.cloned() })
        .collect()
}

fn resource(
    id: &str,
    before: Option<&Json>,
    after: Option<&Json>,
    replacing: &impl Fn(&str, &str) -> Replacing,
) -> Option<ResourceChange> {
    let kind = |resource: &Json| resource["Type"].as_str().unwrap_or_default().to_owned();
    let (resource_type, action) = match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => (kind(after), Action::Add),
        (Some(before), None) => (kind(before), Action::Remove { retained: is_retained(before) }),
        (Some(before), Some(after)) if before == after => return None,
        (Some(before), Some(after)) => {
            let kind = kind(after);
            let mut properties = Vec::new();
            compare("", Some(before), Some(after), &mut properties);
            let replacing = replacing(id, &kind);
            let replacement = properties.iter().map(|change| replacement(replacing, &change.path)).max();
            let replacement = replacement.unwrap_or(Replacement::Never);
            (kind, Action::Modify { properties, replacement })
        }
    };
    Some(ResourceChange { logical_id: id.to_owned(), resource_type, action })
}

/// Both values keep an existing resource. They differ only when a creation fails.
fn is_retained(resource: &Json) -> bool {
    matches!(resource["DeletionPolicy"].as_str(), Some("Retain" | "RetainExceptOnCreate"))
}

/// Descends into objects to the differing values. Lists are compared as a whole, because their items have no names.
fn compare(path: &str, before: Option<&Json>, after: Option<&Json>, changes: &mut Vec<PropertyChange>) {
    match (before, after) {
        (Some(Json::Object(before)), Some(Json::Object(after))) => {
            for (key, before, after) in union(Some(before), Some(after)) {
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                compare(&path, before, after, changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => {
            changes.push(PropertyChange { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

fn replacement(replacing: Replacing, path: &str) -> Replacement {
    if path == "Type" {
        return Replacement::Always;
    }
    let property = path.strip_prefix("Properties.").map(|path| path.split('.').next().unwrap_or(path));
    let found = replacing.iter().find(|(name, _)| Some(*name) == property);
    found.map_or(Replacement::Never, |(_, replacement)| *replacement)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(resources: &Json) -> Json {
        json!({ "Resources": resources })
    }

    /// The only change of a resource between two templates.
    fn action(before: &Json, after: &Json) -> Action {
        let changes = diff(Some(&template(before)), Some(&template(after)));
        let [change] = changes.resources.as_slice() else { panic!("not one change: {changes:?}") };
        change.action.clone()
    }

    #[test]
    fn a_template_does_not_differ_from_itself() {
        let template = template(&json!({ "Table": { "Type": "AWS::DynamoDB::Table" } }));
        assert!(diff(Some(&template), Some(&template)).is_empty());
        assert!(diff(None, None).is_empty());
    }

    #[test]
    fn resources_come_and_go() {
        let queue = json!({ "Queue": { "Type": "AWS::SQS::Queue" } });
        assert_eq!(action(&json!({}), &queue), Action::Add);
        assert_eq!(action(&queue, &json!({})), Action::Remove { retained: false });
        let kept = json!({ "Queue": { "Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain" } });
        assert_eq!(action(&kept, &json!({})), Action::Remove { retained: true });
        assert_eq!(diff(None, Some(&template(&queue))).resources.len(), 1, "a stack that does not exist yet");
        assert_eq!(diff(Some(&template(&queue)), None).resources.len(), 1, "a stack that is deleted");
    }

    #[test]
    fn a_change_is_followed_to_the_property() {
        let function = |memory: u32, table: &str| {
            let variables = json!({ "TABLE_NAME": table });
            json!({ "List": { "Type": "AWS::Lambda::Function",
                "Properties": { "MemorySize": memory, "Environment": { "Variables": variables } } } })
        };
        let change = |path: &str, before: Json, after: Json| PropertyChange {
            path: path.to_owned(),
            before: Some(before),
            after: Some(after),
        };
        assert_eq!(
            action(&function(256, "a"), &function(512, "b")),
            Action::Modify {
                properties: vec![
                    change("Properties.MemorySize", json!(256), json!(512)),
                    change("Properties.Environment.Variables.TABLE_NAME", json!("a"), json!("b")),
                ],
                replacement: Replacement::Never,
            }
        );
    }

    #[test]
    fn some_properties_take_a_new_resource() {
        let replacement = |kind: &str, property: &str| {
            let resource = |value: &str| json!({ "It": { "Type": kind, "Properties": { property: value } } });
            match action(&resource("before"), &resource("after")) {
                Action::Modify { replacement, .. } => replacement,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(replacement("AWS::DynamoDB::Table", "TableName"), Replacement::Always);
        assert_eq!(replacement("AWS::DynamoDB::Table", "KeySchema"), Replacement::Conditional);
        assert_eq!(replacement("AWS::DynamoDB::Table", "BillingMode"), Replacement::Never);
        assert_eq!(replacement("AWS::Cognito::UserPool", "UsernameAttributes"), Replacement::Always);
        assert_eq!(replacement("AWS::Unheard::Of", "TableName"), Replacement::Never);
    }

    #[test]
    fn a_property_deeper_down_of_the_same_name_takes_no_new_resource() {
        let queue = |name: &str| json!({ "It": { "Type": "AWS::SQS::Queue", "Properties": { "Tags": { "QueueName": name } } } });
        assert!(matches!(action(&queue("a"), &queue("b")), Action::Modify { replacement: Replacement::Never, .. }));
    }

    #[test]
    fn another_type_under_the_same_name_is_another_resource() {
        let it = |kind: &str| json!({ "It": { "Type": kind } });
        assert!(matches!(
            action(&it("AWS::SQS::Queue"), &it("AWS::SNS::Topic")),
            Action::Modify { replacement: Replacement::Always, .. }
        ));
    }

    #[test]
    fn outputs_parameters_and_the_rest_count_too() {
        let before = json!({ "Outputs": { "Url": { "Value": "a" } }, "Description": "a" });
        let after = json!({ "Outputs": { "Url": { "Value": "b" } }, "Parameters": { "Bucket": {} }, "Description": "b" });
        let changes = diff(Some(&before), Some(&after));
        assert!(!changes.is_empty());
        assert_eq!(changes.outputs[0].after, Some(json!({ "Value": "b" })));
        assert_eq!((changes.parameters[0].name.as_str(), &changes.parameters[0].before), ("Bucket", &None));
        assert_eq!(changes.other[0].name, "Description");
    }
}
