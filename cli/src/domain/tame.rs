//! Text of others, tamed: what AWS, logs and programs say is only text to terminals, pipelines and pages. Knows nothing of where it is shown.
//!
//! A control character could move the cursor, hide a line or change its colour; a character that changes the direction of reading could let a
//! name look like another one; `##[` is a command to the runners of GitHub Actions and Azure Pipelines, wherever it is in a line.

use std::fmt::Write;

/// The beginnings of the runners' commands.
/// <https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>,
/// <https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Sdk/CommandPlugin.cs>
const COMMANDS: [&str; 2] = ["##[", "##vso["];

/// Whether a character does something else than being seen: a control character or one that changes the direction of reading. Line ends and
/// tabs as well.
pub(crate) fn is_unruly(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The same text, with every unruly character written as `\u{1b}`. Line ends stay, whichever they are, as newlines; so do tabs.
pub(crate) fn tame(text: &str) -> String {
    tamed(text, |_| None)
}

/// The same on one line: line ends and tabs are written as `\n` and `\t`.
pub(crate) fn tame_line(text: &str) -> String {
    let mut tame = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unruly(character) {
            tame.extend(character.escape_default());
        } else {
            tame.push(character);
        }
    }
    without_commands(tame, "# ")
}

/// The same as [`tame`] for a text that may be coloured: sequences that only choose a style stay.
/// <https://www.ecma-international.org/publications-and-standards/standards/ecma-48/>, 8.3.117
pub(crate) fn tame_but_styles(text: &str) -> String {
    tamed(text, |rest| {
        let sequence = rest.strip_prefix("\u{1b}[")?;
        let parameters = sequence.find(|character: char| !character.is_ascii_digit() && character != ';')?;
        sequence[parameters..].starts_with('m').then_some("\u{1b}[".len() + parameters + 1)
    })
}

/// Tames a text except for what begins with a part of this length.
fn tamed(text: &str, kept: impl Fn(&str) -> Option<usize>) -> String {
    let mut tame = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = kept(rest).unwrap_or(character.len_utf8());
        let (first, after) = rest.split_at(length);
        rest = after;
        match character {
            '\r' if rest.starts_with('\n') => {}
            '\r' | '\u{2028}' | '\u{2029}' => tame.push('\n'),
            '\n' | '\t' => tame.push(character),
            character if is_unruly(character) && length == character.len_utf8() => tame.extend(character.escape_default()),
            _ => tame.push_str(first),
        }
    }
    without_commands(tame, "# ")
}

/// The same text, with something else for the first character of each command.
fn without_commands(text: String, first: &str) -> String {
    COMMANDS.into_iter().fold(text, |text, command| {
        if text.contains(command) { text.replace(command, &format!("{first}{}", &command[1..])) } else { text }
    })
}

/// JSON with every unruly character and every command escaped, as JSON escapes. The value stays the same, because such characters are in
/// strings only.
pub(crate) fn tame_json(json: &str) -> String {
    let mut tame = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unruly(character) && character != '\n' {
            // All of them have at most four digits.
            write!(tame, "\\u{:04x}", u32::from(character)).ok();
        } else {
            tame.push(character);
        }
    }
    without_commands(tame, "\\u0023")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text that is likely to be unruly.
    fn any_text() -> impl Strategy<Value = String> {
        let parts = [
            "\u{1b}[31m",
            "\u{1b}]0;title\u{7}",
            "\u{9b}2J",
            "\r\n",
            "\r",
            "\n",
            "\t",
            "\u{202e}",
            "\u{2066}",
            "\u{61c}",
            "\u{2028}",
            "\u{85}",
            "\u{7f}",
            "##[error]",
            "###[",
            "##vso[task.complete]",
            "##",
            "[",
            "::error::",
            "ü",
            "\\",
            "\"",
            "\u{1b}[",
            "\u{1b}[1;",
            "m",
        ];
        let part = prop_oneof![proptest::sample::select(parts.to_vec()).prop_map(str::to_owned), any::<String>()];
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    fn has_command(text: &str) -> bool {
        COMMANDS.into_iter().any(|command| text.contains(command))
    }

    #[test]
    fn what_is_unruly_is_shown() {
        assert_eq!(tame("a\u{1b}[31mb\u{9b}c\u{202e}d\u{7}"), r"a\u{1b}[31mb\u{9b}c\u{202e}d\u{7}");
        assert_eq!(tame("one\r\ntwo\rthree\tfour\u{2028}five"), "one\ntwo\nthree\tfour\nfive");
        assert_eq!(tame_line("one\r\ntwo\t\u{85}"), r"one\r\ntwo\t\u{85}");
        assert_eq!(tame("##[error]a ##vso[task] ###[x ##"), "# #[error]a # #vso[task] ## #[x ##");
        assert_eq!(
            tame_but_styles("\u{1b}[1;31mred\u{1b}[0m\u{1b}[m\u{1b}[2J\u{1b}]8;;x"),
            "\u{1b}[1;31mred\u{1b}[0m\u{1b}[m\\u{1b}[2J\\u{1b}]8;;x"
        );
    }

    proptest! {
        #[test]
        fn nothing_unruly_is_left(text in any_text()) {
            let tamed = tame(&text);
            prop_assert!(!tamed.chars().any(|c| is_unruly(c) && !"\n\t".contains(c)) && !has_command(&tamed), "{tamed:?}");
            let line = tame_line(&text);
            prop_assert!(!line.chars().any(is_unruly) && !has_command(&line), "{line:?}");
            prop_assert_eq!(tame(&tamed), tamed, "once is enough");
            prop_assert_eq!(tame_line(&line), line);
            let styled = tame_but_styles(&text);
            prop_assert!(!styled.chars().any(|c| is_unruly(c) && !"\n\t\u{1b}".contains(c)) && !has_command(&styled), "{styled:?}");
        }

        #[test]
        fn json_is_tame_and_says_the_same(text in any_text()) {
            let value = serde_json::json!({ "a": [text], "b": 1 });
            let json = tame_json(&format!("{value:#}"));
            prop_assert!(!json.chars().any(|c| is_unruly(c) && c != '\n') && !has_command(&json), "{json:?}");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
        }
    }
}
