//! Data as text. The one place that says why that cannot fail.

use serde::Serialize;

use super::tame::{is_unruly, tame_json};

/// A value as JSON on one line.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    tame_json(&serde_json::to_string(value).expect(PLAIN))
}

/// A value as a JSON value.
pub(crate) fn value<T: Serialize + ?Sized>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect(PLAIN)
}

/// A value as JSON, indented, with a newline at its end.
pub(crate) fn json_pretty<T: Serialize + ?Sized>(value: &T) -> String {
    tame_json(&serde_json::to_string_pretty(value).expect(PLAIN)) + "\n"
}

/// A value as YAML.
pub(crate) fn yaml<T: Serialize + ?Sized>(value: &T) -> String {
    serde_yaml::to_string(value).expect(PLAIN)
}

/// The first of more than `most` texts: `a, b and 4 more`. None if there are no more.
pub(crate) fn first_of(texts: &[String], most: usize) -> Option<String> {
    let more = texts.len().checked_sub(most).filter(|more| *more > 0)?;
    Some(format!("{} and {more} more", texts[..most].join(", ")))
}

/// A text as one word of a POSIX shell.
pub(crate) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as one word of a shell, as short as possible. Characters that would end the word on a screen, or the command in a message, are
/// written as `$'…'` writes them.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@=,+".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else if text.contains(|character: char| character == '`' || is_unruly(character)) {
        let escaped = text.chars().map(|character| match character {
            '\\' | '\'' => format!("\\{character}"),
            '`' => r"\x60".to_owned(),
            character if is_unruly(character) => format!("\\u{:04x}", u32::from(character)),
            character => character.to_string(),
        });
        format!("$'{}'", escaped.collect::<String>())
    } else {
        shell_quoted(text)
    }
}

/// All types that are serialized here are structs, lists and maps with text as keys, and none of them has an implementation of its own
/// that may refuse.
const PLAIN: &str = "data with text as keys has a text";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_many_are_named() {
        let texts = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            [1, 2, 3, 4].map(|most| first_of(&texts, most)),
            [Some("a and 2 more".to_owned()), Some("a, b and 1 more".to_owned()), None, None]
        );
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in [
            "plain-1.toml",
            "",
            "a b",
            "it's",
            "$HOME",
            "a`b",
            "a\nb\\'",
            "ü",
            "*",
            "~",
            "\u{1b}[1m",
            "a\u{202e}b",
            "{a,b}",
            "!x",
            "-",
        ] {
            let echoed =
                std::process::Command::new("bash").args(["-c", &format!("printf %s {}", shell_word(text))]).output().unwrap();
            assert_eq!(String::from_utf8(echoed.stdout).unwrap(), text, "{}", shell_word(text));
            assert!(!shell_word(text).contains(|c| c == '`' || is_unruly(c)), "{text:?}");
        }
    }
}
