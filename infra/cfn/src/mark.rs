//! The mark of a stack: who owns it, as an output of its template. A deployer changes a stack only if the mark is its own.
//!
//! An output is in the template and in `DescribeStacks`, so that no extra call reads it. An update without resources can add it, and an
//! update of somebody's that keeps the template keeps it. Knows nothing of stacks without a mark.

use std::{fmt, str::FromStr};

/// The name of the output that holds the mark.
pub const MARK_OUTPUT: &str = "CartctlMark";

/// The form of the mark. Another form is a later deployer's.
const FORMAT: u32 = 1;

/// The owner of a stack. No part has white space: prefixes, stages and stacks are named by letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The beginning of the names of all stacks that belong together.
    pub prefix: String,
    /// None, if the stack belongs to no stage.
    pub stage: Option<String>,
    /// The name that people type.
    pub stack: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "format={FORMAT} prefix={}", self.prefix)?;
        if let Some(stage) = &self.stage {
            write!(f, " stage={stage}")?;
        }
        write!(f, " stack={}", self.stack)
    }
}

/// A text that is not a mark of this format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAMark {
    /// A mark of another format.
    #[error("format {0} of the mark is not known here")]
    Format(u32),
    /// No mark of any format.
    #[error("`{0}` is not a mark")]
    Unreadable(String),
}

impl FromStr for Mark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unreadable = || NotAMark::Unreadable(text.to_owned());
        let (mut format, mut prefix, mut stage, mut stack) = (None, None, None, None);
        for part in text.split(' ') {
            let (name, value) = part.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or_else(unreadable)?;
            let field = match name {
                "format" => &mut format,
                "prefix" => &mut prefix,
                "stage" => &mut stage,
                "stack" => &mut stack,
                // Another format may have other parts.
                _ => continue,
            };
            if field.replace(value.to_owned()).is_some() {
                return Err(unreadable());
            }
        }
        match format.and_then(|format| format.parse().ok()) {
            Some(FORMAT) => {}
            Some(other) => return Err(NotAMark::Format(other)),
            None => return Err(unreadable()),
        }
        let mark = Self { prefix: prefix.ok_or_else(unreadable)?, stage, stack: stack.ok_or_else(unreadable)? };
        // Nothing but the parts of this format, in their order.
        if mark.to_string() == text { Ok(mark) } else { Err(unreadable()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(stage: Option<&str>) -> Mark {
        Mark { prefix: "my-shop".to_owned(), stage: stage.map(str::to_owned), stack: "auth".to_owned() }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for mark in [mark(None), mark(Some("staging"))] {
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
        assert_eq!(mark(Some("staging")).to_string(), "format=1 prefix=my-shop stage=staging stack=auth");
        assert_eq!(mark(None).to_string(), "format=1 prefix=my-shop stack=auth");
    }

    #[test]
    fn prefix_and_stage_are_told_apart() {
        let of = |prefix: &str, stage: &str| Mark { prefix: prefix.to_owned(), ..mark(Some(stage)) };
        assert_ne!(of("my-shop-staging", "default"), of("my-shop", "staging"));
        assert_ne!(of("my-shop-staging", "default").to_string(), of("my-shop", "staging").to_string());
    }

    #[test]
    fn another_format_says_which() {
        for text in ["format=2 prefix=my-shop stage=staging stack=auth", "format=2 app=shop", "format=2"] {
            assert_eq!(text.parse::<Mark>(), Err(NotAMark::Format(2)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_no_mark() {
        for text in [
            "",
            "auth",
            "format=1",
            "format=1 prefix=my-shop",
            "format=1 stack=auth",
            "format=one prefix=my-shop stack=auth",
            "prefix=my-shop stack=auth",
            "format=1 prefix= stack=auth",
            "format=1 prefix=my-shop stack=auth stack=cart",
            "format=1 stack=auth prefix=my-shop",
            "format=1 prefix=my-shop stack=auth ",
            "format=1  prefix=my-shop stack=auth",
            "format=1 prefix=my-shop stack=auth team=payments",
            "format=01 prefix=my-shop stack=auth",
        ] {
            assert!(matches!(text.parse::<Mark>(), Err(NotAMark::Unreadable(_))), "{text}");
        }
    }
}
