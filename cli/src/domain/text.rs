//! Data as text. The one place that says why that cannot fail.

use serde::Serialize;

/// A value as JSON on one line.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect(PLAIN)
}

/// A value as JSON, indented, with a newline at its end.
pub(crate) fn json_pretty<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect(PLAIN) + "\n"
}

/// A value as YAML.
pub(crate) fn yaml<T: Serialize + ?Sized>(value: &T) -> String {
    serde_yaml::to_string(value).expect(PLAIN)
}

/// A text as one word of a POSIX shell.
pub(crate) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// All types that are serialized here are structs, lists and maps with text as keys, and none of them has an implementation of its own
/// that may refuse.
const PLAIN: &str = "data with text as keys has a text";
