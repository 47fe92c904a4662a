//! One action on one resource by one principal under one condition, and whether such a grant covers another. Knows nothing of where
//! it is written, nor whether it allows or refuses.

use std::{collections::BTreeSet, fmt};

use serde_json::Value as Json;

use super::text::{readable, texts};

/// One action on one resource by one principal under one condition.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// A principal, or the role that has the policy. `*` is anybody.
    pub who: Pattern,
    /// Whether the principal is the resource that contains the grant, so that sentences leave it out.
    pub own: bool,
    /// The action, such as `s3:GetObject` or `s3:*`.
    pub action: Pattern,
    /// The resource or the pattern of resources.
    pub on: Pattern,
    /// The resource with a preposition, for sentences.
    pub named: String,
    /// The condition, empty if there is none.
    pub condition: Condition,
}

impl Grant {
    /// Whether everything that `other` says follows from it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.covers_but_for_condition(other) && self.condition.covers(&other.condition)
    }

    /// The same, if neither had a condition.
    pub(super) fn covers_but_for_condition(&self, other: &Self) -> bool {
        self.who.covers(&other.who)
            && self.action.in_lower_case().covers(&other.action.in_lower_case())
            && self.on.covers(&other.on)
    }

    /// The principal for sentences; empty where sentences leave it out.
    pub(super) fn who(&self) -> String {
        match &self.who {
            _ if self.own => String::new(),
            Pattern::Like(all) if all == "*" => "anyone".to_owned(),
            Pattern::Like(pages) if pages == "pages of *" => "pages of any site".to_owned(),
            Pattern::Like(who) => who.clone(),
            who @ Pattern::AllBut(_) => format!("anyone {who}"),
        }
    }

    /// The action for sentences.
    pub(super) fn what(&self) -> String {
        match &self.action {
            Pattern::Like(action) => verb(action).to_owned(),
            action @ Pattern::AllBut(_) => format!("anything {action}"),
        }
    }
}

/// The word for an action, or the action itself.
pub(super) fn verb(action: &str) -> &str {
    match action {
        "lambda:InvokeFunction" => "invoke",
        "sts:AssumeRole" => "assume",
        "*" => "do anything",
        action => action,
    }
}

/// A set of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Texts like this, where `*` is any text and `?` any character.
    Like(String),
    /// All texts except those like these.
    AllBut(BTreeSet<String>),
}

impl Pattern {
    /// All texts.
    pub(super) fn any() -> Self {
        Self::Like("*".to_owned())
    }

    /// For [actions](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html), which ignore case.
    fn in_lower_case(&self) -> Self {
        match self {
            Self::Like(text) => Self::Like(text.to_ascii_lowercase()),
            Self::AllBut(texts) => Self::AllBut(texts.iter().map(|text| text.to_ascii_lowercase()).collect()),
        }
    }

    /// Whether it contains the other set. In doubt it does not, so that a permission is rather shown once too often.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Like(one), Self::Like(other)) => like(one, other),
            (Self::Like(one), Self::AllBut(_)) => one == "*",
            (Self::AllBut(one), Self::AllBut(other)) => one.iter().all(|one| other.iter().any(|other| like(other, one))),
            (Self::AllBut(_), Self::Like(_)) => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Like(text) => f.write_str(&readable(text)),
            Self::AllBut(texts) => write!(f, "but {}", texts.iter().map(|text| readable(text)).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Whether all texts like `other` are like `pattern`.
fn like(pattern: &str, other: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => other.is_empty(),
        Some('*') => {
            let rest = chars.as_str();
            like(rest, other) || other.char_indices().any(|(at, c)| like(rest, &other[at + c.len_utf8()..]))
        }
        Some(first) => other
            .chars()
            .next()
            .is_some_and(|c| (first == c || first == '?' && c != '*') && like(chars.as_str(), &other[c.len_utf8()..])),
    }
}

/// Tests that all have to pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition(Vec<Test>);

/// A comparison of a key of the request with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// The comparison, for example `StringEquals`.
    pub operator: String,
    /// The key, for example `aws:SourceArn`.
    pub key: String,
    /// Values, any of which has to match, or none if the operator is negative.
    pub values: BTreeSet<String>,
}

impl Condition {
    /// The condition of a statement.
    pub(super) fn of(json: &Json) -> Self {
        let operators = json.as_object().into_iter().flatten();
        operators
            .flat_map(|(operator, keys)| keys.as_object().into_iter().flatten().map(move |(key, values)| (operator, key, values)))
            .map(|(operator, key, values)| Test {
                operator: operator.clone(),
                key: key.clone(),
                values: texts(values).into_iter().collect(),
            })
            .collect()
    }

    /// Whether it holds whenever the other holds: each of its tests follows from one of the other's.
    fn covers(&self, other: &Self) -> bool {
        self.0.iter().all(|one| other.0.iter().any(|other| one.covers(other)))
    }
}

impl FromIterator<Test> for Condition {
    fn from_iter<I: IntoIterator<Item = Test>>(tests: I) -> Self {
        Self(tests.into_iter().collect())
    }
}

impl Test {
    /// Whether it passes whenever the other passes.
    fn covers(&self, other: &Self) -> bool {
        let same = |one: &str, other: &str| if self.operator.contains("Like") { like(one, other) } else { one == other };
        let within =
            |narrow: &BTreeSet<String>, wide: &BTreeSet<String>| narrow.iter().all(|it| wide.iter().any(|one| same(one, it)));
        let comparable = self.operator == other.operator && self.key.eq_ignore_ascii_case(&other.key);
        comparable && if self.is_negative() { within(&self.values, &other.values) } else { within(&other.values, &self.values) }
    }

    fn is_negative(&self) -> bool {
        self.operator.contains("Not")
    }
}

/// As the end of a sentence.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|test| test.fmt(f))
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, key, values } = self;
        let values = values.iter().map(|value| readable(value)).collect::<Vec<_>>().join(" or ");
        match (key.to_ascii_lowercase().as_str(), values.as_str()) {
            ("aws:securetransport", "false") => f.write_str(" without TLS"),
            ("aws:sourcearn", _) if !self.is_negative() => write!(f, " on behalf of {values}"),
            _ if operator.ends_with("NotEquals") || operator.ends_with("NotLike") => write!(f, " if {key} is not {values}"),
            _ if operator.ends_with("Equals") || operator.ends_with("Like") || operator == "Bool" => {
                write!(f, " if {key} is {values}")
            }
            _ => write!(f, " if {key} ({operator}) {values}"),
        }
    }
}
