//! Reads a deployed template, in JSON or in YAML with CloudFormation's own tags, into JSON. Knows nothing of what templates mean.

use serde_json::{Map, Value as Json, json};
use serde_yaml::Value as Yaml;

use crate::domain::tame::tame;

/// The template as JSON, tamed, with the functions in their long form. `null` if it is neither JSON nor YAML.
pub(super) fn read(body: &str) -> Json {
    let yaml = || serde_yaml::from_str::<Yaml>(body).map(json_of);
    tamed(serde_json::from_str(body).or_else(|_| yaml()).unwrap_or(Json::Null))
}

/// Anybody may have written the template.
fn tamed(json: Json) -> Json {
    match json {
        Json::String(text) => tame(&text).into(),
        Json::Array(items) => items.into_iter().map(tamed).collect(),
        Json::Object(fields) => Json::Object(fields.into_iter().map(|(name, value)| (tame(&name), tamed(value))).collect()),
        other => other,
    }
}

fn json_of(yaml: Yaml) -> Json {
    match yaml {
        Yaml::Null => Json::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => serde_json::to_value(number).unwrap_or(Json::Null),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(json_of).collect(),
        Yaml::Mapping(entries) => {
            let key = |key: Yaml| if let Yaml::String(key) = key { key } else { text_of(json_of(key)) };
            Json::Object(entries.into_iter().map(|(name, value)| (key(name), json_of(value))).collect::<Map<_, _>>())
        }
        Yaml::Tagged(tagged) => function(tagged.tag.to_string().trim_start_matches('!'), json_of(tagged.value)),
    }
}

fn text_of(json: Json) -> String {
    if let Json::String(text) = json { text } else { json.to_string() }
}

/// The long form of a function.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>
fn function(name: &str, argument: Json) -> Json {
    match (name, argument) {
        ("Ref" | "Condition", argument) => json!({ name: argument }),
        ("GetAtt", Json::String(path)) => {
            let (id, attribute) = path.split_once('.').unwrap_or((&path, ""));
            json!({ "Fn::GetAtt": [id, attribute] })
        }
        (name, argument) => json!({ format!("Fn::{name}"): argument }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_in_either_language() {
        let yaml = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Condition: IsWanted
    Properties:
      TopicName: !Sub "${AWS::StackName}-news"
      Tags: [{ Key: 1, Value: !GetAtt Queue.Arn }, { Key: yes, Value: !Join ["-", [!Ref Queue, 2.5]] }]
      Other: !If [!Condition IsWanted, null, !GetAtt [Queue, Arn]]
"#;
        let json = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": { "Topic": {
                "Type": "AWS::SNS::Topic",
                "Condition": "IsWanted",
                "Properties": {
                    "TopicName": { "Fn::Sub": "${AWS::StackName}-news" },
                    "Tags": [
                        { "Key": 1, "Value": { "Fn::GetAtt": ["Queue", "Arn"] } },
                        { "Key": "yes", "Value": { "Fn::Join": ["-", [{ "Ref": "Queue" }, 2.5]] } },
                    ],
                    "Other": { "Fn::If": [{ "Condition": "IsWanted" }, null, { "Fn::GetAtt": ["Queue", "Arn"] }] },
                },
            } },
        });
        assert_eq!(read(yaml), json);
        assert_eq!(read(&json.to_string()), json);
    }

    #[test]
    fn what_is_no_template_is_nothing() {
        assert_eq!(read("Resources: [unclosed"), Json::Null);
        assert_eq!(read(""), Json::Null);
        assert_eq!(read("{}"), json!({}));
    }

    #[test]
    fn anybodys_text_is_tame() {
        assert_eq!(read(r#"{"a\u001b": ["\u202e##[x", {"b": 1}]}"#), json!({ r"a\u{1b}": [r"\u{202e}# #[x", { "b": 1 }] }));
    }
}
