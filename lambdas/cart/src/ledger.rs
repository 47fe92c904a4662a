//! What a change of the table means for the totals: which product's total changes, by how much, and how to recognize the change when
//! it is delivered again. Pure: reads records of a DynamoDB stream, and knows nothing of who delivers them or where totals are kept.
//!
//! Records are read one at a time, in the form DynamoDB gives them
//! (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>), so that one that makes no sense does not hide the others.

use std::{fmt, str::FromStr};

use cart_shared::ProductId;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// A change of what all carts together hold of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The partition key of the cart item that changed.
    pub owner: String,
    /// The product.
    pub product: ProductId,
    /// By how much its total changes. Never zero.
    pub change: i64,
    /// Which change of the item this is.
    pub sequence: Sequence,
}

/// The place of a change in the history of its item: a later change has a greater one, also by the order of text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence(String);

impl Sequence {
    /// The longest sequence number, by
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html>.
    const DIGITS: usize = 40;
}

impl FromStr for Sequence {
    type Err = Malformed;

    fn from_str(number: &str) -> Result<Self, Malformed> {
        let fits = (1..=Self::DIGITS).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(Self(format!("{number:0>width$}", width = Self::DIGITS))) } else { Err(Malformed) }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record that no table of carts produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stream record is malformed")]
pub struct Malformed;

/// The number by which the stream knows a record, where it can be read at all.
#[must_use]
pub fn sequence_number(record: &Value) -> Option<&str> {
    record.get("dynamodb")?.get("SequenceNumber")?.as_str()
}

/// What a record means for the totals: nothing, if it is not of a cart item or changes no quantity.
///
/// # Errors
/// [`Malformed`].
pub fn entry(record: &Value) -> Result<Option<Entry>, Malformed> {
    let Record { dynamodb: Change { keys, new_image, old_image, sequence_number } } =
        Record::deserialize(record).map_err(|_| Malformed)?;
    let in_a_cart = ["cart#", "user#"].iter().any(|prefix| keys.pk.text.starts_with(prefix));
    let Some(product) = keys.sk.text.strip_prefix("product#").filter(|_| in_a_cart) else { return Ok(None) };
    let product = product.parse().map_err(|_| Malformed)?;
    let change = quantity(new_image)?.checked_sub(quantity(old_image)?).ok_or(Malformed)?;
    if change == 0 {
        return Ok(None);
    }
    Ok(Some(Entry { owner: keys.pk.text, product, change, sequence: sequence_number.parse()? }))
}

#[derive(Deserialize)]
struct Record {
    dynamodb: Change,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: Keys,
    new_image: Option<Image>,
    old_image: Option<Image>,
    sequence_number: String,
}

#[derive(Deserialize)]
struct Keys {
    pk: Text,
    sk: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

#[derive(Deserialize)]
struct Image {
    quantity: Option<Number>,
}

#[derive(Deserialize)]
struct Number {
    #[serde(rename = "N")]
    number: String,
}

/// The quantity in an image. An item that is not there holds none.
fn quantity(image: Option<Image>) -> Result<i64, Malformed> {
    let Some(image) = image else { return Ok(0) };
    image.quantity.and_then(|quantity| quantity.number.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record(sequence: u64, pk: &str, sk: &str, old: Option<i64>, new: Option<i64>) -> Value {
        let image = |quantity: Option<i64>| quantity.map(|quantity| json!({ "quantity": { "N": quantity.to_string() } }));
        json!({
            "eventName": "MODIFY",
            "dynamodb": {
                "Keys": { "pk": { "S": pk }, "sk": { "S": sk } },
                "SequenceNumber": sequence.to_string(),
                "OldImage": image(old),
                "NewImage": image(new),
            }
        })
    }

    fn change(old: Option<i64>, new: Option<i64>) -> Option<i64> {
        entry(&record(1, "cart#1", "product#mug", old, new)).unwrap().map(|entry| entry.change)
    }

    #[test]
    fn a_change_is_the_difference_of_its_images() {
        assert_eq!(change(None, Some(3)), Some(3), "put in");
        assert_eq!(change(Some(3), Some(1)), Some(-2), "partly taken out");
        assert_eq!(change(Some(3), None), Some(-3), "removed, by somebody or by its expiry");
        assert_eq!(change(Some(3), Some(3)), None, "something else changed");
        assert_eq!(change(Some(0), None), None, "an emptied item is deleted");
    }

    #[test]
    fn only_cart_items_count() {
        for (pk, sk) in [("product#mug", "totalquantity"), ("counted#cart#1", "product#mug"), ("cart#1", "note"), ("", "")] {
            assert_eq!(entry(&record(1, pk, sk, None, Some(1))), Ok(None), "{pk} {sk}");
        }
        let marker = json!({ "dynamodb": {
            "Keys": { "pk": { "S": "counted#cart#1" }, "sk": { "S": "product#mug" } },
            "SequenceNumber": "1", "NewImage": { "countedUpTo": { "S": "0" } },
        } });
        assert_eq!(entry(&marker), Ok(None), "it need not have a quantity");
    }

    #[test]
    fn a_record_that_makes_no_sense_is_not_counted_as_nothing() {
        let whole = record(1, "cart#1", "product#mug", None, Some(1));
        let mut broken = vec![json!(null), json!({}), record(1, "cart#1", "product#../mug", None, Some(1))];
        for (pointer, instead) in [
            ("/dynamodb/Keys/pk", json!({ "N": "1" })),
            ("/dynamodb/SequenceNumber", json!("-1")),
            ("/dynamodb/SequenceNumber", json!("1".repeat(41))),
            ("/dynamodb/NewImage", json!({})),
            ("/dynamodb/NewImage/quantity", json!({ "S": "1" })),
            ("/dynamodb/NewImage/quantity/N", json!("one")),
        ] {
            let mut record = whole.clone();
            *record.pointer_mut(pointer).unwrap() = instead;
            broken.push(record);
        }
        for record in broken {
            assert_eq!(entry(&record), Err(Malformed), "{record}");
        }
    }

    /// What the store does with entries: per item it remembers the last one counted, and counts only later ones.
    #[derive(Default)]
    struct Totals {
        counted_up_to: BTreeMap<(String, ProductId), Sequence>,
        totals: BTreeMap<ProductId, i64>,
    }

    impl Totals {
        fn count_all(&mut self, records: &[Value]) {
            for record in records {
                self.count(record);
            }
        }

        fn count(&mut self, record: &Value) {
            let Some(entry) = entry(record).unwrap() else { return };
            let item = (entry.owner, entry.product.clone());
            if self.counted_up_to.get(&item).is_none_or(|last| *last < entry.sequence) {
                self.counted_up_to.insert(item, entry.sequence);
                *self.totals.entry(entry.product).or_default() += entry.change;
            }
        }
    }

    /// Two carts and three products, each written several times: the records, and what is in the carts at the end.
    fn history() -> impl Strategy<Value = (Vec<Value>, BTreeMap<ProductId, i64>)> {
        let write = (0..2_usize, 0..3_usize, prop::option::of(0..100_i64));
        prop::collection::vec(write, 1..40).prop_map(|writes| {
            let mut carts = BTreeMap::<(usize, usize), Option<i64>>::new();
            let mut records = Vec::new();
            for (index, (cart, product, new)) in writes.into_iter().enumerate() {
                let old = carts.insert((cart, product), new).flatten();
                // From 95 on, so that the numbers become longer on the way.
                records.push(record(95 + index as u64, &format!("cart#{cart}"), &format!("product#p{product}"), old, new));
            }
            let mut totals = BTreeMap::new();
            for ((_, product), quantity) in carts {
                *totals.entry(format!("p{product}").parse().unwrap()).or_default() += quantity.unwrap_or(0);
            }
            (records, totals)
        })
    }

    proptest! {
        #[test]
        fn totals_are_what_the_carts_hold_however_often_records_are_delivered(
            (records, held) in history(),
            retries in prop::collection::vec((0..40_usize, 0..40_usize), 0..10),
        ) {
            let mut totals = Totals::default();
            let mut done = 0;
            // Each delivery begins at or before the first record not yet counted, as Lambda's do, and ends anywhere.
            for (back, ahead) in retries {
                let end = (done + ahead).min(records.len());
                totals.count_all(&records[done.saturating_sub(back)..end]);
                done = end.max(done);
            }
            totals.count_all(&records[done..]);
            totals.count_all(&records);
            for (product, quantity) in held {
                prop_assert_eq!(totals.totals.get(&product).copied().unwrap_or(0), quantity);
            }
        }
    }
}
