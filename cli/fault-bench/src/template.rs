//! What a template means: which resources it defines, what each depends on, and what its functions stand for. Knows only the
//! functions that our templates use.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::{ACCOUNT, REGION};

/// What the functions of a template are resolved against.
pub(crate) struct Scope<'a> {
    /// The template.
    pub(crate) template: &'a Json,
    /// The stack's name.
    pub(crate) stack: &'a str,
    /// The values of its parameters; those of SSM types looked up.
    pub(crate) parameters: BTreeMap<String, String>,
    /// The resources that exist, by logical id: their types and names in the account.
    pub(crate) resources: BTreeMap<String, (String, String)>,
}

impl<'a> Scope<'a> {
    /// The resources to be made: those without a condition, or whose condition holds.
    pub(crate) fn defined(&self) -> Vec<(&'a String, &'a Json)> {
        let resources = self.template["Resources"].as_object().into_iter().flatten();
        resources.filter(|(_, resource)| resource["Condition"].as_str().is_none_or(|name| self.condition(name))).collect()
    }

    /// What this stands for. A resource that does not exist yet stands for itself.
    pub(crate) fn resolve(&self, value: &Json) -> Json {
        match value {
            Json::Array(items) => items.iter().map(|item| self.resolve(item)).filter(|item| !item.is_null()).collect(),
            Json::Object(object) => match object.iter().next().filter(|_| object.len() == 1) {
                Some((function, argument)) if function == "Ref" || function.starts_with("Fn::") => self.call(function, argument),
                _ => {
                    let members = object.iter().map(|(key, value)| (key.clone(), self.resolve(value)));
                    Json::Object(members.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
                }
            },
            scalar => scalar.clone(),
        }
    }

    /// The same, as text.
    pub(crate) fn text(&self, value: &Json) -> String {
        match self.resolve(value) {
            Json::String(text) => text,
            other => other.to_string(),
        }
    }

    fn call(&self, function: &str, argument: &Json) -> Json {
        match function {
            "Ref" => argument.as_str().map_or(Json::Null, |name| self.reference(name)),
            "Fn::GetAtt" => match argument.as_str().and_then(|both| both.split_once('.')) {
                Some((id, attribute)) => self.attribute(id, attribute),
                None => self.attribute(argument[0].as_str().unwrap_or_default(), argument[1].as_str().unwrap_or_default()),
            },
            "Fn::Sub" => Json::String(self.substitute(argument.as_str().or_else(|| argument[0].as_str()).unwrap_or_default())),
            "Fn::Join" => {
                let parts: Vec<_> = argument[1].as_array().into_iter().flatten().map(|part| self.text(part)).collect();
                Json::String(parts.join(argument[0].as_str().unwrap_or_default()))
            }
            "Fn::If" => self.resolve(&argument[if self.condition(argument[0].as_str().unwrap_or_default()) { 1 } else { 2 }]),
            unknown => panic!("the bench does not know {unknown}"),
        }
    }

    fn reference(&self, name: &str) -> Json {
        match name {
            "AWS::NoValue" => Json::Null,
            "AWS::StackName" => json!(self.stack),
            "AWS::Region" => json!(REGION),
            "AWS::AccountId" => json!(ACCOUNT),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            _ => match (self.parameters.get(name), self.resources.get(name)) {
                (Some(value), _) => json!(value),
                (None, Some((_, physical_id))) => json!(physical_id),
                (None, None) => json!(format!("${{{name}}}")),
            },
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Json {
        let Some((kind, physical_id)) = self.resources.get(id) else { return json!(format!("${{{id}.{attribute}}}")) };
        json!(match attribute {
            "Arn" | "TopicArn" => arn(kind, physical_id),
            _ => format!("{physical_id}/{attribute}"),
        })
    }

    fn substitute(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or((part, ""));
            let value = match name.split_once('.') {
                Some((id, attribute)) => self.attribute(id, attribute),
                None => self.reference(name),
            };
            result += value.as_str().unwrap_or_default();
            result += rest;
        }
        result
    }

    fn condition(&self, name: &str) -> bool {
        self.holds(&self.template["Conditions"][name])
    }

    fn holds(&self, condition: &Json) -> bool {
        let both = &condition["Fn::Equals"];
        if let Some(name) = condition["Condition"].as_str() {
            self.condition(name)
        } else if both.is_array() {
            self.text(&both[0]) == self.text(&both[1])
        } else if condition["Fn::Not"].is_array() {
            !self.holds(&condition["Fn::Not"][0])
        } else {
            panic!("the bench does not know the condition {condition}")
        }
    }
}

/// The resources among `names` that this one needs: because it says so, or because it mentions them.
pub(crate) fn needs(resource: &Json, names: &BTreeSet<&String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut note = |name: &str| found.extend(names.get(&name.to_owned()).map(|name| (*name).clone()));
    let mut rest = vec![resource];
    while let Some(value) = rest.pop() {
        match value {
            Json::Array(items) => rest.extend(items),
            Json::Object(object) => {
                for (key, value) in object {
                    match key.as_str() {
                        "Ref" | "DependsOn" if value.is_string() => note(value.as_str().unwrap_or_default()),
                        "DependsOn" => value.as_array().into_iter().flatten().filter_map(Json::as_str).for_each(&mut note),
                        "Fn::GetAtt" => note(value[0].as_str().or_else(|| value.as_str()?.split('.').next()).unwrap_or_default()),
                        "Fn::Sub" => {
                            let text = value.as_str().or_else(|| value[0].as_str()).unwrap_or_default();
                            text.split("${").skip(1).filter_map(|part| part.split(['}', '.']).next()).for_each(&mut note);
                        }
                        _ => rest.push(value),
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// What a thing of this kind and name is called everywhere.
fn arn(kind: &str, physical_id: &str) -> String {
    let service = kind.split("::").nth(1).unwrap_or_default().to_lowercase();
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{physical_id}")
}

/// The name the template chooses for a thing itself.
pub(crate) fn own_name(kind: &str, properties: &Json) -> Option<String> {
    let property = match kind {
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::Lambda::Function" => "FunctionName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::S3::Bucket" => "BucketName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::SSM::Parameter" => "Name",
        _ => return None,
    };
    properties[property].as_str().map(str::to_owned)
}

/// The keys of the objects that a template's functions run.
pub(crate) fn code(template: &Json) -> Vec<String> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    resources.filter_map(|(_, resource)| resource["Properties"]["Code"]["S3Key"].as_str()).map(str::to_owned).collect()
}
