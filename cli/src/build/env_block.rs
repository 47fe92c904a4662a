//! The lines of cartctl in the frontend's `.env`, a file that belongs to somebody else. Knows nothing of files and variables' meanings.
//!
//! The lines stand between two marks, the first of which says what they are for. Everything outside of the marks stays as it is, byte
//! for byte.

use std::{fmt, ops::Range};

use camino::Utf8Path;

use crate::domain::notice::Notice;

/// What the first line begins with. The rest of the line is the [`Place`].
const BEGIN: &str = "# >>> cartctl: ";
/// The last line.
const END: &str = "# <<< cartctl";
/// What an earlier cartctl wrote before its variables, without marks.
const UNMARKED: &str = "# Written by `cartctl`";

/// The deployment that variables are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub stage: String,
    /// Its number.
    pub account: String,
    pub region: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stage {}, account {}, region {}", self.stage, self.account, self.region)
    }
}

/// A file with the new lines in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    pub text: Vec<u8>,
    /// What its owner should know.
    pub notices: Vec<Notice>,
}

/// Puts the `variables`, lines that end in a line break, into the file with the content `existing`: in the place of those that are there,
/// else at its end, because the last line about a variable wins.
pub(crate) fn merge(path: &Utf8Path, existing: &[u8], variables: &str, place: &Place) -> Merged {
    let lines: Vec<&[u8]> = existing.split_inclusive(|byte| *byte == b'\n').collect();
    let line_break = if lines.first().is_some_and(|line| line.ends_with(b"\r\n")) { "\r\n" } else { "\n" };
    let names: Vec<&str> = variables.lines().filter_map(|line| name(line.as_bytes())).collect();
    let former = ours(&lines, &names);

    let block = format!("{BEGIN}{place}\n{variables}{END}\n").replace('\n', line_break);
    let mut text = Vec::new();
    let at = former.first().map_or(lines.len(), |block| block.start);
    let mut position = 0;
    for (number, line) in lines.iter().enumerate() {
        if number == at {
            text.extend(block.bytes());
            position = number;
        }
        if !former.iter().any(|block| block.contains(&number)) {
            text.extend(*line);
        }
    }
    if at == lines.len() {
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.extend(line_break.bytes());
        }
        text.extend(block.bytes());
        position = at;
    }

    let mut notices = Vec::new();
    let differs = |was: &String| *was != place.to_string();
    if let Some(was) = former.iter().find_map(|block| described(&lines, block, variables)).filter(differs) {
        notices.push(Notice::EnvFileRepurposed { path: path.to_owned(), was, now: place.to_string() });
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (number, name) in assignments(&lines) {
        let is_foreign = !former.iter().any(|block| block.contains(&number));
        if is_foreign && names.contains(&name) {
            if number < position { before.push(name.to_owned()) } else { after.push(name.to_owned()) }
        }
    }
    for (variables, deployed) in [(before, true), (after, false)] {
        if !variables.is_empty() {
            notices.push(Notice::EnvFileSetsTwice { path: path.to_owned(), variables, deployed });
        }
    }
    Merged { text, notices }
}

/// The lines that cartctl wrote. Where the second mark is gone, only those that can be nobody else's.
fn ours(lines: &[&[u8]], names: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut next = 0;
    while next < lines.len() {
        let first = next;
        next += 1;
        let is_marked = lines[first].starts_with(BEGIN.as_bytes());
        if !is_marked && !lines[first].starts_with(UNMARKED.as_bytes()) {
            continue;
        }
        let rest = &lines[next..];
        let closing = || rest.iter().position(|line| content(line) == END.as_bytes());
        let opening = || rest.iter().position(|line| line.starts_with(BEGIN.as_bytes()));
        next = match closing().filter(|_| is_marked) {
            Some(closing) if opening().is_none_or(|opening| closing < opening) => next + closing + 1,
            _ => {
                let is_ours =
                    |line: &&[u8]| line.starts_with(UNMARKED.as_bytes()) || name(line).is_some_and(|name| names.contains(&name));
                next + rest.iter().take_while(|line| is_ours(line)).count()
            }
        };
        found.push(first..next);
    }
    found
}

/// What a block says that it is for. One without marks says nothing: its variables may be those of any stage, unless they are the new ones.
fn described(lines: &[&[u8]], block: &Range<usize>, variables: &str) -> Option<String> {
    let lines = &lines[block.clone()];
    let first = String::from_utf8_lossy(content(lines.first()?)).into_owned();
    if let Some(place) = first.strip_prefix(BEGIN) {
        return Some(place.to_owned());
    }
    let is_new = |line: &&[u8]| variables.lines().any(|new| new.as_bytes() == content(line));
    let assigned: Vec<_> = lines.iter().filter(|line| name(line).is_some()).collect();
    (!assigned.into_iter().all(is_new)).then(|| "an unknown stage".to_owned())
}

/// A line without its line break.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The variable that a line sets, as [dotenv] and Node read it.
///
/// [dotenv]: https://github.com/motdotla/dotenv/blob/master/lib/main.js
fn name(line: &[u8]) -> Option<&str> {
    let (name, _) = assigned(line)?;
    Some(name)
}

/// The variable that a line sets, and the beginning of its value.
fn assigned(line: &[u8]) -> Option<(&str, &[u8])> {
    let line = line.trim_ascii();
    let line = match line.strip_prefix(b"export") {
        Some(rest) if rest.first().is_some_and(u8::is_ascii_whitespace) => rest.trim_ascii_start(),
        _ => line,
    };
    let ends = line.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"_.-".contains(byte))?;
    let (name, rest) = line.split_at(ends);
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    let rest = rest.trim_ascii_start();
    let value = rest.strip_prefix(b"=").or_else(|| rest.strip_prefix(b":"))?;
    Some((name, value.trim_ascii_start()))
}

/// Every line that sets a variable, by number. A value in quotation marks may go on for several lines, none of which sets anything.
fn assignments<'a>(lines: &[&'a [u8]]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let mut next = 0;
    while next < lines.len() {
        let first = next;
        next += 1;
        let Some((name, value)) = assigned(lines[first]) else { continue };
        found.push((first, name));
        if let Some((mark, rest)) = value.split_first()
            && b"'\"`".contains(mark)
            && !rest.contains(mark)
        {
            // Without an end, the mark is a part of the value.
            let ends = lines[next..].iter().position(|line| line.contains(mark));
            next += ends.map_or(0, |ends| ends + 1);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NEW: &str = "# Written by `cartctl`: instead of editing.\nVUE_APP_POOL=new\nVUE_APP_REGION=eu-west-1\n";

    fn place(stage: &str) -> Place {
        Place { stage: stage.to_owned(), account: "123456789012".to_owned(), region: "eu-west-1".to_owned() }
    }

    fn block(stage: &str) -> String {
        format!("# >>> cartctl: stage {stage}, account 123456789012, region eu-west-1\n{NEW}# <<< cartctl\n")
    }

    fn merged(existing: &str) -> (String, Vec<Notice>) {
        let Merged { text, notices } = merge("frontend/.env".into(), existing.as_bytes(), NEW, &place("staging"));
        (String::from_utf8(text).unwrap(), notices)
    }

    fn repurposed(was: &str) -> Notice {
        let now = place("staging").to_string();
        Notice::EnvFileRepurposed { path: "frontend/.env".into(), was: was.to_owned(), now }
    }

    fn sets_twice(variables: &[&str], deployed: bool) -> Notice {
        let variables = variables.iter().map(|name| (*name).to_owned()).collect();
        Notice::EnvFileSetsTwice { path: "frontend/.env".into(), variables, deployed }
    }

    #[test]
    fn a_new_file_is_the_block() {
        assert_eq!(merged(""), (block("staging"), vec![]));
    }

    #[test]
    fn lines_of_the_owner_stay_where_they_are() {
        let mine = "# mine\nVITE_FLAG='on'\r\n\n";
        let other = "PORT = 8080 # note\nlast line without an end";
        assert_eq!(merged(&format!("{mine}{other}")), (format!("{mine}{other}\n{}", block("staging")), vec![]));
        let stale = block("staging").replace("=new", "=old");
        assert_eq!(merged(&format!("{mine}{stale}{other}")), (format!("{mine}{}{other}", block("staging")), vec![]));
    }

    #[test]
    fn bytes_that_are_no_text_stay_too() {
        let existing = b"# caf\xe9\nA=\xff\n";
        let Merged { text, .. } = merge("frontend/.env".into(), existing, NEW, &place("staging"));
        assert_eq!(text, [existing, block("staging").as_bytes()].concat());
    }

    #[test]
    fn lines_end_as_in_the_rest_of_the_file() {
        let (text, _) = merged("A=1\r\n");
        assert_eq!(text, format!("A=1\r\n{}", block("staging").replace('\n', "\r\n")));
        assert_eq!(merged(&text), (text, vec![]), "it is found again");
    }

    #[test]
    fn a_block_of_another_place_is_replaced_with_a_notice() {
        for other in ["stage production, account 123456789012", "stage staging, account 210987654321", "stage staging"] {
            let was = format!("{other}, region eu-west-1");
            let existing = format!("A=1\n# >>> cartctl: {was}\nVUE_APP_POOL=old\n# <<< cartctl\n");
            assert_eq!(merged(&existing), (format!("A=1\n{}", block("staging")), vec![repurposed(&was)]));
        }
    }

    #[test]
    fn a_block_without_its_end_ends_where_others_lines_begin() {
        let cut = block("staging").replace("# <<< cartctl\n", "");
        assert_eq!(merged(&format!("{cut}MINE=1\n")).0, format!("{}MINE=1\n", block("staging")));
        // A conflict of two branches.
        let twice = format!("{cut}{}MINE=1\n{}", block("staging"), block("production"));
        let (text, notices) = merged(&twice);
        assert_eq!(text, format!("{}MINE=1\n", block("staging")));
        assert_eq!(notices, [], "the first one is of this stage");
    }

    #[test]
    fn lines_of_an_earlier_cartctl_are_taken_over() {
        let unmarked = "# Written by `cartctl`: deploy again, instead of editing.\nVUE_APP_POOL=new\nVUE_APP_REGION=eu-west-1\n";
        let mine = "VITE_MINE=1\n# more\n";
        assert_eq!(merged(&format!("{unmarked}{mine}")), (format!("{}{mine}", block("staging")), vec![]));
        let other = unmarked.replace("=new", "=old");
        let expected = (format!("{mine}{}", block("staging")), vec![repurposed("an unknown stage")]);
        assert_eq!(merged(&format!("{mine}{other}")), expected);
    }

    #[test]
    fn variables_that_the_owner_sets_as_well_are_named() {
        let (text, notices) = merged("export VUE_APP_POOL=mine\nVUE_APP_REGION: mine\nVUE_APP_OTHER=1\n");
        assert!(text.ends_with(&block("staging")), "the last line wins: {text}");
        assert_eq!(notices, [sets_twice(&["VUE_APP_POOL", "VUE_APP_REGION"], true)]);

        let existing = format!("VUE_APP_POOL=a\n{}VUE_APP_POOL=mine\n", block("staging"));
        let (text, notices) = merged(&existing);
        assert_eq!(text, existing);
        assert_eq!(notices, [sets_twice(&["VUE_APP_POOL"], true), sets_twice(&["VUE_APP_POOL"], false)]);
    }

    #[test]
    fn what_only_looks_like_a_variable_is_none() {
        for existing in ["#VUE_APP_POOL=1\n", "MINE=\"a\nVUE_APP_POOL=1\n\"\n", "VUE_APP_POOL\n", "exportVUE_APP_POOL=1\n", "=1\n"]
        {
            assert_eq!(merged(existing).1, [], "{existing}");
        }
        let unclosed = "MINE='a\nVUE_APP_POOL=1\n";
        assert_eq!(merged(unclosed).1, [sets_twice(&["VUE_APP_POOL"], true)]);
    }

    proptest! {
        /// Written twice, it is the same; and nothing of the owner's is lost.
        #[test]
        fn nothing_is_lost_and_nothing_added_twice(
            before in "([A-Z]{1,4}=[a-z\"'` #\u{e9}]{0,6}\r?\n|# [a-z]{0,5}\n|\n){0,6}",
            after in "([A-Z]{1,4}=[a-z\"'` #\u{e9}]{0,6}\r?\n|# [a-z]{0,5}\n|\n){0,6}[a-z]{0,3}",
            marked in any::<bool>(),
        ) {
            let existing = if marked { format!("{before}{}{after}", block("production")) } else { format!("{before}{after}") };
            let (once, _) = merged(&existing);
            let rest = once.replace("\r\n", "\n").replace(&block("staging"), "");
            let expected = format!("{before}{after}").replace("\r\n", "\n");
            prop_assert_eq!(rest.trim_end_matches('\n'), expected.trim_end_matches('\n'));
            let (twice, notices) = merged(&once);
            prop_assert_eq!(&twice, &once);
            let is_said_again = notices.iter().any(|notice| matches!(notice, Notice::EnvFileRepurposed { .. }));
            prop_assert!(!is_said_again);
        }
    }
}
