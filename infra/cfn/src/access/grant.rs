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

/// Whether all texts like `other` are like `pattern`. In doubt they are not: only `*` is like a placeholder, whose text is not known.
fn like(pattern: &str, other: &str) -> bool {
    if pattern == "*" || !pattern.contains(['*', '?']) {
        return pattern == "*" || pattern == other;
    }
    let (pattern, other) = (tokens(pattern), tokens(other));
    // Whether the first so many tokens of `other` are like the pattern so far.
    let mut reached = vec![false; other.len() + 1];
    reached[0] = true;
    for token in pattern {
        if token == "*" {
            let first = reached.iter().position(|reached| *reached).unwrap_or(reached.len());
            reached[first..].fill(true);
        } else {
            let is_one = |it: &str| it == token || token == "?" && it != "*" && !it.starts_with("${");
            let shifted = other.iter().zip(&reached).map(|(it, reached)| *reached && is_one(it));
            reached = std::iter::once(false).chain(shifted).collect();
        }
    }
    reached[other.len()]
}

/// The characters of a text, where a placeholder `${…}` counts as one.
fn tokens(mut text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    while let Some(first) = text.chars().next() {
        let placeholder = text.strip_prefix("${").and_then(|rest| rest.find('}')).map(|end| end + 3);
        let (token, rest) = text.split_at(placeholder.unwrap_or(first.len_utf8()));
        tokens.push(token);
        text = rest;
    }
    tokens
}

/// The same for ARNs, whose [six parts are compared one by
/// one](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN).
fn like_arn(pattern: &str, other: &str) -> bool {
    fn parts(arn: &str) -> Option<Vec<String>> {
        let mut parts = vec![String::new()];
        for token in tokens(arn) {
            if token == ":" && parts.len() < 6 {
                parts.push(String::new());
            } else if let Some(part) = parts.last_mut() {
                part.push_str(token);
            }
        }
        (parts.len() == 6).then_some(parts)
    }
    let both = parts(pattern).zip(parts(other));
    both.is_some_and(|(pattern, other)| pattern.iter().zip(&other).all(|(pattern, other)| like(pattern, other)))
}

/// Tests that all have to pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition(Vec<Test>);

/// A comparison of a key of the request with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// The comparison, for example `ForAllValues:StringLikeIfExists`.
    operator: String,
    /// The key, for example `aws:SourceArn`.
    key: String,
    /// Values, any of which has to match, or none if the operator is negative.
    values: BTreeSet<String>,
    /// Whether only CloudFormation knows what is tested: the values depend on a condition of the template.
    unknown: bool,
}

impl Condition {
    /// The condition of a statement.
    pub(super) fn of(json: &Json) -> Self {
        let operators = json.as_object().into_iter().flatten();
        let tests = operators.flat_map(|(operator, keys)| match keys.as_object() {
            Some(keys) if !operator.starts_with("Fn::") && !keys.keys().any(|key| key.starts_with("Fn::")) => {
                keys.iter().map(|(key, values)| Test::new(operator, key, values)).collect()
            }
            // A function of the template instead of operators or keys.
            _ => vec![Test { unknown: true, ..Test::new(operator, &keys.to_string(), &Json::Null) }],
        });
        tests.collect()
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

/// How [an operator](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html) compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Comparison<'a> {
    /// What several values of the request mean: `ForAllValues` or `ForAnyValue`.
    qualifier: Option<&'a str>,
    /// The comparison of one value, for example `StringLike`.
    base: &'a str,
    /// Whether it passes without the key: `IfExists`.
    if_exists: bool,
}

impl Comparison<'_> {
    fn is_negative(self) -> bool {
        self.base.contains("Not")
    }

    /// Whether it passes if the request lacks the key. `ForAllValues` does, because [no value fails
    /// it](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html).
    fn passes_without_key(self) -> bool {
        self.if_exists
            || match self.qualifier {
                Some(qualifier) => qualifier == "ForAllValues",
                None => self.is_negative(),
            }
    }

    /// Whether values are patterns. `ArnEquals` takes them as well.
    fn takes_patterns(self) -> bool {
        self.base.ends_with("Like") || self.base.starts_with("Arn")
    }

    /// Whether a value, which is one of another comparison's, means nothing that `wide` does not mean to this one.
    fn spans(self, wide: &str, other: Self, narrow: &str) -> bool {
        match self.takes_patterns() {
            true if self.base.starts_with("Arn") => wide == narrow || like_arn(wide, narrow),
            true => like(wide, narrow),
            false => wide == narrow && (!other.takes_patterns() || !narrow.contains(['*', '?'])),
        }
    }

    /// Whether both compare texts alike, but for patterns: `StringLike` and `StringEquals`.
    fn is_of_kind(self, other: Self) -> bool {
        let pairs = ["String", "StringNot", "Arn", "ArnNot"];
        let is_in = |pair: &str, base: &str| base.strip_prefix(pair).is_some_and(|rest| ["Equals", "Like"].contains(&rest));
        self.base == other.base || pairs.iter().any(|pair| is_in(pair, self.base) && is_in(pair, other.base))
    }
}

impl Test {
    pub(super) fn new(operator: &str, key: &str, values: &Json) -> Self {
        Self {
            operator: operator.to_owned(),
            key: key.to_owned(),
            values: texts(values).into_iter().collect(),
            unknown: values.to_string().contains("\"Fn::If\""),
        }
    }

    fn comparison(&self) -> Comparison<'_> {
        let (qualifier, base) = match self.operator.split_once(':') {
            Some((qualifier, base)) => (Some(qualifier), base),
            None => (None, self.operator.as_str()),
        };
        let without = base.strip_suffix("IfExists");
        Comparison { qualifier, base: without.unwrap_or(base), if_exists: without.is_some() }
    }

    /// Whether it passes whenever the other passes. In doubt it does not, so that a permission is rather shown once too often.
    fn covers(&self, other: &Self) -> bool {
        let (this, that) = (self.comparison(), other.comparison());
        if self == other {
            return true;
        }
        if self.unknown || other.unknown || !self.key.eq_ignore_ascii_case(&other.key) {
            return false;
        }
        // Whatever compares a value has one.
        if this.base == "Null" && that.base != "Null" {
            return self.values.contains("false") && !that.passes_without_key();
        }
        let comparable = this.is_of_kind(that) && this.qualifier == that.qualifier;
        if !comparable || that.passes_without_key() && !this.passes_without_key() {
            return false;
        }
        if this.is_negative() {
            self.values.iter().all(|narrow| other.values.iter().any(|wide| that.spans(wide, this, narrow)))
        } else {
            other.values.iter().all(|narrow| self.values.iter().any(|wide| this.spans(wide, that, narrow)))
        }
    }
}

/// As the end of a sentence.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(place, test)| {
            let test = test.to_string();
            match test.strip_prefix(" if ") {
                Some(test) if place > 0 => write!(f, " and {test}"),
                _ => f.write_str(&test),
            }
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, key, values, .. } = self;
        let comparison @ Comparison { qualifier, base, if_exists } = self.comparison();
        let values = values.iter().map(|value| readable(value)).collect::<Vec<_>>().join(" or ");
        match (key.to_ascii_lowercase().as_str(), values.as_str()) {
            ("aws:securetransport", "false") => return f.write_str(" without TLS"),
            ("aws:sourcearn", _) if !comparison.is_negative() => return write!(f, " on behalf of {values}"),
            (_, "false") if base == "Null" => return write!(f, " if {key} is given"),
            (_, "true") if base == "Null" => return write!(f, " if {key} is not given"),
            _ => {}
        }
        let verb = match base {
            "Bool" => "is",
            base if base.ends_with("NotEquals") || base.ends_with("NotLike") => "is not",
            base if base.ends_with("Equals") || base.ends_with("Like") => "is",
            _ => return write!(f, " if {key} ({operator}) {values}"),
        };
        let each = match qualifier {
            Some("ForAllValues") => "every ",
            Some(_) => "any ",
            None => "",
        };
        let given = if if_exists { ", where given," } else { "" };
        write!(f, " if {each}{key}{given} {verb} {values}")
    }
}
