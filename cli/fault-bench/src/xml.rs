//! XML as AWS's query protocol has it, made from JSON: a list is `<member>` elements, what is null is left out.

use serde_json::Value as Json;

/// The element of this name.
pub(crate) fn element(name: &str, content: &Json) -> String {
    match content {
        Json::Null => String::new(),
        Json::String(text) => format!("<{name}>{}</{name}>", escape(text)),
        Json::Bool(_) | Json::Number(_) => format!("<{name}>{content}</{name}>"),
        Json::Array(items) => {
            format!("<{name}>{}</{name}>", items.iter().map(|item| element("member", item)).collect::<String>())
        }
        Json::Object(fields) => {
            format!("<{name}>{}</{name}>", fields.iter().map(|(name, value)| element(name, value)).collect::<String>())
        }
    }
}

/// Characters that XML cannot hold as they are become references.
fn escape(text: &str) -> String {
    let escape = |character: char| match character {
        '&' | '<' | '>' | '"' => format!("&#{};", u32::from(character)),
        character if character.is_control() && character != '\n' => format!("&#{};", u32::from(character)),
        character => character.to_string(),
    };
    text.chars().map(escape).collect()
}
