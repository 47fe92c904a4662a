//! Values of a template as plain text, with placeholders `${Name}` and `${Name.Attribute}` for references. Knows nothing of what
//! the values mean.

use serde_json::Value as Json;

/// All items that a value may have: of a list, of a single item in place of a list, and of both branches of a condition.
pub(super) fn items(json: &Json) -> Vec<&Json> {
    match json {
        Json::Null => Vec::new(),
        Json::Array(list) => list.iter().flat_map(items).collect(),
        json if json["Ref"] == "AWS::NoValue" => Vec::new(),
        json => match json["Fn::If"].as_array() {
            Some(branches) => branches.iter().skip(1).flat_map(items).collect(),
            None => vec![json],
        },
    }
}

/// The same as texts.
pub(super) fn texts(json: &Json) -> Vec<String> {
    items(json).into_iter().map(text).collect()
}

/// A value as text; a function that is not resolved here stays as JSON.
pub(super) fn text(json: &Json) -> String {
    if let Some(text) = json.as_str() {
        return text.to_owned();
    }
    let reference = json["Ref"].as_str().map(|name| format!("${{{name}}}"));
    reference
        .or_else(|| attribute(&json["Fn::GetAtt"]))
        .or_else(|| sub(&json["Fn::Sub"]))
        .or_else(|| join(&json["Fn::Join"]))
        .unwrap_or_else(|| json.to_string())
}

fn attribute(argument: &Json) -> Option<String> {
    match argument {
        Json::String(path) => Some(format!("${{{path}}}")),
        Json::Array(path) => Some(format!("${{{}}}", path.iter().map(text).collect::<Vec<_>>().join("."))),
        _ => None,
    }
}

fn sub(argument: &Json) -> Option<String> {
    let variables = argument[1].as_object().into_iter().flatten();
    let template = argument.as_str().or_else(|| argument[0].as_str())?;
    Some(variables.fold(template.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), &self::text(value))))
}

fn join(argument: &Json) -> Option<String> {
    Some(texts(argument.get(1)?).join(argument[0].as_str()?))
}

/// Text for people: references by name, and ARNs without partition, region and account where those are the stack's own.
pub(super) fn readable(text: &str) -> String {
    let here = text.replace("${AWS::Partition}", "aws").replace("${AWS::Region}", "").replace("${AWS::AccountId}", "");
    let text = match *here.splitn(6, ':').collect::<Vec<_>>() {
        ["arn", _, _, "", "", resource] => resource,
        _ => text,
    };
    let mut pieces = text.split("${");
    let start = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(start, |text, piece| match piece.split_once('}') {
        Some((name, rest)) => text + name.strip_suffix(".Arn").unwrap_or(name) + rest,
        None => text + "${" + piece,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn however_a_value_is_written_it_is_one_text() {
        for same in [
            json!({ "Fn::Sub": "${Table.Arn}/index/*" }),
            json!({ "Fn::Sub": ["${It}/index/*", { "It": { "Fn::GetAtt": ["Table", "Arn"] } }] }),
            json!({ "Fn::Join": ["/", [{ "Fn::GetAtt": "Table.Arn" }, "index", "*"]] }),
        ] {
            assert_eq!(text(&same), "${Table.Arn}/index/*");
        }
        assert_eq!(text(&json!({ "Fn::ImportValue": "a" })), r#"{"Fn::ImportValue":"a"}"#);
        assert_eq!(texts(&json!({ "Fn::If": ["Wide", "*", { "Ref": "AWS::NoValue" }] })), ["*"]);
    }

    #[test]
    fn people_read_names() {
        let arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/GET/cart";
        assert_eq!(readable(arn), "Api/*/GET/cart");
        assert_eq!(readable("arn:aws:s3:::photos/*"), "photos/*");
        assert_eq!(readable("${Table.Arn}/stream/*"), "Table/stream/*");
        assert_eq!(readable("${Table.StreamArn}"), "Table.StreamArn");
        assert_eq!(readable("arn:aws:sqs:eu-west-1:123456789012:q"), "arn:aws:sqs:eu-west-1:123456789012:q", "not of this account");
    }
}
