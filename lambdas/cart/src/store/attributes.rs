//! Our types as attributes of DynamoDB, and back. Pure, and the only place that takes stored attributes apart.

use std::{collections::BTreeMap, fmt::Display};

use cart_contract::table::{
    self, Generations, Key,
    attribute::{COUNTED, COUNTED_UP_TO, EXPIRATION_TIME, GENERATION, MIGRATION, PK, PRODUCT_DETAIL, QUANTITY, REBUILDING, SK},
};
use cart_shared::ProductId;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    item::{Item, MigrationId},
    ledger::Note,
    owner::Owner,
};

/// The attributes of an item, or the values of an expression.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// A value under the name of its type
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>). We never write sets and binary values, but the
/// table may have some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// A string.
    S(String),
    /// A number, as a decimal string.
    N(String),
    /// A boolean.
    #[serde(rename = "BOOL")]
    Bool(bool),
    /// Null. The value is `true`.
    #[serde(rename = "NULL")]
    Null(bool),
    /// A list.
    L(Vec<Self>),
    /// A map.
    M(Attributes),
    /// Binary, as base64.
    B(String),
    /// A set of strings.
    #[serde(rename = "SS")]
    Ss(Vec<String>),
    /// A set of numbers.
    #[serde(rename = "NS")]
    Ns(Vec<String>),
    /// A set of binary values.
    #[serde(rename = "BS")]
    Bs(Vec<String>),
}

impl AttributeValue {
    /// The string, if it is one.
    #[must_use]
    pub fn as_s(&self) -> Option<&str> {
        if let Self::S(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_n(&self) -> Option<&str> {
        if let Self::N(number) = self { Some(number) } else { None }
    }
}

/// An attribute is missing, or of another type than we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the attribute `{0}` cannot be understood")]
pub struct Damaged(pub &'static str);

/// The key of an item in a cart.
#[must_use]
pub fn item_key(owner: &Owner, product: &ProductId) -> Attributes {
    key(Key::item(&owner.to_string(), product.as_str()))
}

/// The key of a product's total.
#[must_use]
pub fn total_key(product: &ProductId) -> Attributes {
    key(Key::total(product.as_str()))
}

/// The key of the note about an item. It is not the key of a cart, so that the note is not counted itself.
#[must_use]
pub fn note_key(owner: &str, product: &ProductId) -> Attributes {
    key(Key::note(owner, product.as_str()))
}

/// The key of the control item, which counts the recounts.
#[must_use]
pub fn control_key() -> Attributes {
    key(Key::control())
}

fn key(Key { pk, sk }: Key) -> Attributes {
    Attributes::from([(PK.to_owned(), AttributeValue::S(pk)), (SK.to_owned(), AttributeValue::S(sk))])
}

/// An item in a cart, from its attributes.
///
/// # Errors
/// [`Damaged`].
pub fn item(mut attributes: Attributes) -> Result<Item, Damaged> {
    let detail = attributes.remove(PRODUCT_DETAIL).map_or(Ok(Value::Null), from_attribute)?;
    let product = text(&attributes, SK).and_then(|sk| sk.strip_prefix(table::PRODUCT)).and_then(|id| id.parse().ok());
    let emptied_by = match text(&attributes, MIGRATION) {
        Some(id) => Some(MigrationId(Uuid::try_parse(id).map_err(|_| Damaged(MIGRATION))?)),
        None => None,
    };
    Ok(Item {
        product: product.ok_or(Damaged(SK))?,
        stored: number(&attributes, QUANTITY)?,
        expires: Timestamp(number(&attributes, EXPIRATION_TIME)?.try_into().map_err(|_| Damaged(EXPIRATION_TIME))?),
        detail,
        emptied_by,
    })
}

/// An attribute that has to be a number.
///
/// # Errors
/// [`Damaged`], if it is missing or not a whole number.
pub fn number(attributes: &Attributes, name: &'static str) -> Result<i64, Damaged> {
    let number = attributes.get(name).and_then(AttributeValue::as_n).and_then(|number| number.parse().ok());
    number.ok_or(Damaged(name))
}

/// An attribute that has to be a number, if it exists.
fn optional<T: TryFrom<i64>>(attributes: &Attributes, name: &'static str) -> Result<Option<T>, Damaged> {
    if !attributes.contains_key(name) {
        return Ok(None);
    }
    number(attributes, name)?.try_into().map(Some).map_err(|_| Damaged(name))
}

/// A note about an item, from its attributes.
///
/// # Errors
/// [`Damaged`].
pub fn note(attributes: &Attributes) -> Result<Note, Damaged> {
    let up_to = text(attributes, COUNTED_UP_TO).and_then(|number| number.parse().ok());
    Ok(Note {
        up_to: up_to.ok_or(Damaged(COUNTED_UP_TO))?,
        counted: optional(attributes, COUNTED)?,
        generation: optional(attributes, GENERATION)?.unwrap_or(0),
    })
}

/// The generations of a total, from its attributes.
///
/// # Errors
/// [`Damaged`].
pub fn generations(attributes: &Attributes) -> Result<Generations, Damaged> {
    let of = optional(attributes, GENERATION)?.unwrap_or(0);
    Ok(Generations { of, rebuilding: optional(attributes, REBUILDING)? })
}

/// The newest generation that was begun, from the attributes of the control item.
///
/// # Errors
/// [`Damaged`].
pub fn begun(attributes: &Attributes) -> Result<u64, Damaged> {
    Ok(optional(attributes, GENERATION)?.unwrap_or(0))
}

/// The partition key and the sort key.
///
/// # Errors
/// [`Damaged`].
pub fn keys(attributes: &Attributes) -> Result<(&str, &str), Damaged> {
    let part = |name| text(attributes, name).ok_or(Damaged(name));
    Ok((part(PK)?, part(SK)?))
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(AttributeValue::as_s)
}

/// A number as an attribute.
#[must_use]
pub fn to_number(number: impl Display + Copy) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// JSON as an attribute.
#[must_use]
pub fn to_attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(values) => AttributeValue::L(values.iter().map(to_attribute).collect()),
        Value::Object(fields) => {
            AttributeValue::M(fields.iter().map(|(name, value)| (name.clone(), to_attribute(value))).collect())
        }
    }
}

/// JSON from an attribute. The members of objects are in the order of their names.
fn from_attribute(attribute: AttributeValue) -> Result<Value, Damaged> {
    let damaged = Damaged(PRODUCT_DETAIL);
    Ok(match attribute {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::N(number) => Value::Number(number.parse::<Number>().map_err(|_| damaged)?),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => Value::Array(values.into_iter().map(from_attribute).collect::<Result<_, _>>()?),
        AttributeValue::M(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name, from_attribute(value)?)));
            Value::Object(fields.collect::<Result<_, Damaged>>()?)
        }
        _ => return Err(damaged),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored() -> Attributes {
        let owner: Owner = "user#a".parse().unwrap();
        let mut attributes = item_key(&owner, &"mug".parse().unwrap());
        attributes.insert("quantity".to_owned(), to_number(2));
        attributes.insert("expirationTime".to_owned(), to_number(100));
        attributes
            .insert("productDetail".to_owned(), to_attribute(&json!({ "price": 1290, "tags": ["mug", null, true], "w": 0.5 })));
        attributes
    }

    #[test]
    fn what_was_written_is_read_back() {
        let item = item(stored()).unwrap();
        assert_eq!((item.product.as_str(), item.stored, item.expires, item.emptied_by), ("mug", 2, Timestamp(100), None));
        assert_eq!(item.detail, json!({ "price": 1290, "tags": ["mug", null, true], "w": 0.5 }));
        assert_eq!(item.detail.to_string(), r#"{"price":1290,"tags":["mug",null,true],"w":0.5}"#, "always in the same order");
    }

    #[test]
    fn an_item_of_an_unknown_product_is_read_as_well() {
        let mut attributes = stored();
        attributes.insert("productDetail".to_owned(), AttributeValue::Null(true));
        assert_eq!(item(attributes).unwrap().detail, Value::Null);
    }

    #[test]
    fn what_was_noted_before_there_were_numbers_and_generations_is_read_as_well() {
        let seven = AttributeValue::S(format!("{:040}", 7));
        let old = Attributes::from([("countedUpTo".to_owned(), seven)]);
        let up_to: crate::ledger::Sequence = "7".parse().unwrap();
        assert_eq!(note(&old), Ok(Note { up_to: up_to.clone(), counted: None, generation: 0 }));
        let mut new = old.clone();
        new.extend([("counted".to_owned(), to_number(-2)), ("generation".to_owned(), to_number(3))]);
        assert_eq!(note(&new), Ok(Note { up_to, counted: Some(-2), generation: 3 }));
        assert_eq!(generations(&Attributes::new()), Ok(Generations::default()));
        new.insert("rebuilding".to_owned(), to_number(4));
        assert_eq!(generations(&new), Ok(Generations { of: 3, rebuilding: Some(4) }));
    }

    #[test]
    fn what_is_not_noted_as_we_do_is_not_guessed() {
        let note_with = |name: &str, value: AttributeValue| {
            let mut attributes = Attributes::from([("countedUpTo".to_owned(), AttributeValue::S("7".to_owned()))]);
            attributes.insert(name.to_owned(), value);
            note(&attributes)
        };
        assert_eq!(note_with("countedUpTo", to_number(7)), Err(Damaged("countedUpTo")));
        assert_eq!(note_with("counted", AttributeValue::S("2".to_owned())), Err(Damaged("counted")));
        assert_eq!(note_with("generation", to_number(-1)), Err(Damaged("generation")));
    }

    #[test]
    fn damage_is_named() {
        for (name, value) in [
            ("quantity", AttributeValue::S("2".to_owned())),
            ("quantity", AttributeValue::N("2.5".to_owned())),
            ("expirationTime", to_number(-1)),
            ("sk", AttributeValue::S("total".to_owned())),
            ("migration", AttributeValue::S("today".to_owned())),
            ("productDetail", AttributeValue::Ss(Vec::new())),
        ] {
            let mut attributes = stored();
            attributes.insert(name.to_owned(), value);
            assert_eq!(item(attributes), Err(Damaged(name)));
        }
    }
}
