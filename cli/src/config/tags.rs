//! The tags of every stack. CloudFormation puts them on each resource, so that every service has to take them.

use std::collections::BTreeMap;

use unicode_general_category::{GeneralCategory, get_general_category};

/// How many tags [a stack](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-add-tags.html) has at most.
pub(super) const MOST: usize = 50;

cfn::parsed! {
    /// The [key of a tag](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Tag.html).
    TagKey is "a tag's key": "1 to 128 letters, digits, spaces and `_ . : / = + - @`, not beginning with `aws:`",
        |text| is_taken(text, 128);

    /// The value of a tag, which CloudFormation requires not to be empty.
    TagValue is "a tag's value": "1 to 256 letters, digits, spaces and `_ . : / = + - @`, not beginning with `aws:`",
        |text| is_taken(text, 256);
}

/// Whether every service takes the text. [IAM](https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html) is the strictest:
/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, and `aws:` is reserved [in any case, for keys and
/// values](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html).
fn is_taken(text: &str, most: usize) -> bool {
    // AWS counts as Java does.
    (1..=most).contains(&text.encode_utf16().count())
        && !text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        && text.chars().all(|c| "_.:/=+-@".contains(c) || is_letter_space_or_number(c))
}

fn is_letter_space_or_number(c: char) -> bool {
    use GeneralCategory as Is;
    matches!(
        get_general_category(c),
        Is::UppercaseLetter
            | Is::LowercaseLetter
            | Is::TitlecaseLetter
            | Is::ModifierLetter
            | Is::OtherLetter
            | Is::SpaceSeparator
            | Is::LineSeparator
            | Is::ParagraphSeparator
            | Is::DecimalNumber
            | Is::LetterNumber
            | Is::OtherNumber
    )
}

/// Why these tags cannot be on one resource together.
pub(super) fn conflict(tags: &BTreeMap<String, String>) -> Option<String> {
    if tags.len() > MOST {
        return Some(format!("a stack has at most {MOST} tags, and these are {} with those of `[defaults]`", tags.len()));
    }
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    let mut keys = BTreeMap::new();
    tags.keys().find_map(|key| {
        let other = keys.insert(key.to_lowercase(), key)?;
        Some(format!("IAM takes `{other}` and `{key}` for one key; leave one of them out"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_that_every_service_takes() {
        for text in [
            "a",
            "Cost Center",
            "team/shop:eu-west-1",
            "a_b.c=d+e-f",
            "me@shop.example",
            "Größe",
            "Кириллица",
            "東京",
            "½ Ⅷ",
            "x aws:",
        ] {
            assert!(text.parse::<TagKey>().is_ok() && text.parse::<TagValue>().is_ok(), "{text}");
        }
        for text in [
            "",
            "aws:",
            "aws:cloudformation:stack-name",
            "AWS:x",
            "aWs:x",
            "a,b",
            "a;b",
            "a\"b",
            "a'b",
            "a\\b",
            "a&b",
            "a<b",
            "a#b",
        ] {
            assert!(text.parse::<TagKey>().is_err() && text.parse::<TagValue>().is_err(), "{text}");
        }
        for text in [
            "a\tb",
            "a\nb",
            "a\u{0}b",
            "\u{1f6d2}",
            "naïve\u{301}",
            "(a)",
            "100%",
            "a*",
            "$A",
            "[a]",
            "a?",
            "a!",
            "a|b",
            "~a",
            "€5",
            "–",
        ] {
            assert!(text.parse::<TagKey>().is_err() && text.parse::<TagValue>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_tag_is_as_long_as_every_service_takes_it() {
        assert!("k".repeat(128).parse::<TagKey>().is_ok() && "k".repeat(129).parse::<TagKey>().is_err());
        assert!("v".repeat(256).parse::<TagValue>().is_ok() && "v".repeat(257).parse::<TagValue>().is_err());
        assert!("ß".repeat(128).parse::<TagKey>().is_ok(), "characters are counted, not bytes");
        assert!("\u{20000}".repeat(65).parse::<TagKey>().is_err(), "those beyond 65 535 count twice");
    }

    #[test]
    fn tags_fit_on_one_resource() {
        let tags = |keys: &[String]| keys.iter().map(|key| (key.clone(), "v".to_owned())).collect::<BTreeMap<_, _>>();
        let many: Vec<_> = (0..=MOST).map(|number| format!("k{number}")).collect();
        assert_eq!(conflict(&tags(&many[1..])), None);
        assert!(conflict(&tags(&many)).unwrap().contains("at most 50"));
        let spelt = conflict(&tags(&["Team".to_owned(), "team".to_owned()])).unwrap();
        assert!(spelt.contains("`Team` and `team`"), "{spelt}");
    }
}
