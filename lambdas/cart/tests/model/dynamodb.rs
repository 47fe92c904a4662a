//! A table with its stream, as DynamoDB keeps it: each call is carried out as a whole or not at all. Knows nothing of who calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use cart_contract::table::Kept;
use serde_json::{Value, json};

use crate::expression::{Attributes, holds, updated};

/// `pk` and `sk` of an item.
type Key = (String, String);

/// A table. Items that have expired stay until [`Table::expire`] deletes them.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    items: Arc<BTreeMap<Key, Arc<Stored>>>,
    /// The transactions that were carried out, by caller and token.
    done: Arc<BTreeMap<(usize, String), Value>>,
    /// The records that pass the filter of the event source mapping, each with its hash.
    stream: Arc<Vec<(Value, u64)>>,
    /// How many records there ever were.
    told: usize,
    /// The most items of one answer.
    pub(crate) batch: usize,
    /// Whether a caller of the scenario reads the stream, so that the future depends on it.
    pub(crate) streamed: bool,
}

/// An item, and the hash of its attributes, which the state of a table consists of.
#[derive(Debug, PartialEq)]
struct Stored {
    attributes: Attributes,
    hash: u64,
}

impl Stored {
    fn new(attributes: Attributes) -> Self {
        let mut hash = DefaultHasher::new();
        attributes.hash(&mut hash);
        Self { attributes, hash: hash.finish() }
    }
}

/// A status, and a body.
pub(crate) type Answer = (u16, Value);

impl Table {
    pub(crate) fn new() -> Self {
        Self { items: Arc::default(), done: Arc::default(), stream: Arc::default(), told: 0, batch: 100, streamed: false }
    }

    /// Hashes of the items, and of the stream's records if the future depends on them.
    pub(crate) fn state(&self) -> (Vec<u64>, Vec<u64>) {
        let told = self.stream.iter().filter(|_| self.streamed).map(|(_, hash)| *hash).collect();
        (self.items.values().map(|item| item.hash).collect(), told)
    }

    /// The tokens under which a caller's transactions were carried out. Its repeated calls depend on them.
    pub(crate) fn done(&self, caller: usize) -> impl Iterator<Item = &str> {
        self.done.keys().filter(move |(owner, _)| *owner == caller).map(|(_, token)| token.as_str())
    }

    pub(crate) fn call(&mut self, caller: usize, operation: &str, request: &Value) -> Answer {
        match operation {
            "GetItem" => (200, self.items.get(&key(&request["Key"])).map_or(json!({}), |item| json!({ "Item": item.attributes }))),
            "Query" => (200, self.query(request)),
            "Scan" => (200, self.scan(request)),
            "BatchGetItem" => (200, self.batch_get(request)),
            "UpdateItem" => self.update(request),
            "TransactWriteItems" => self.transact(caller, request),
            operation => panic!("{operation} is not modelled"),
        }
    }

    /// Whether a request was carried out already.
    pub(crate) fn knows(&self, caller: usize, request: &Value) -> bool {
        request["ClientRequestToken"].as_str().is_some_and(|token| self.done.contains_key(&(caller, token.to_owned())))
    }

    /// Forgets a caller's tokens, as DynamoDB does after ten minutes.
    pub(crate) fn forget(&mut self, caller: usize) {
        if self.done(caller).next().is_some() {
            Arc::make_mut(&mut self.done).retain(|(owner, _), _| *owner != caller);
        }
    }

    /// The quantity of an item. None, if there is no item.
    pub(crate) fn quantity(&self, pk: &str, sk: &str) -> Option<i64> {
        let item = self.items.get(&(pk.to_owned(), sk.to_owned()))?;
        item.attributes["quantity"]["N"].as_str().and_then(|number| number.parse().ok())
    }

    /// The records from this place on, of items whose partition key has this prefix.
    pub(crate) fn records(&self, from: usize, owner: &str) -> Vec<Value> {
        let key = |record: &Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with(owner));
        self.stream.iter().map(|(record, _)| record).filter(|record| key(record)).skip(from).cloned().collect()
    }

    /// Forgets the records of the stream, as DynamoDB does after a day.
    pub(crate) fn forget_stream(&mut self) {
        self.stream = Arc::default();
    }

    /// Whether an attribute of an item is a number of at least this.
    pub(crate) fn reaches(&self, pk: &str, sk: &str, name: &str, least: u64) -> bool {
        let number = |item: &Arc<Stored>| item.attributes.get(name)?["N"].as_str()?.parse::<u64>().ok();
        self.items.get(&(pk.to_owned(), sk.to_owned())).and_then(number).is_some_and(|number| number >= least)
    }

    /// Whether an item has an attribute.
    pub(crate) fn has(&self, pk: &str, sk: &str, name: &str) -> bool {
        self.items.get(&(pk.to_owned(), sk.to_owned())).is_some_and(|item| item.attributes.contains_key(name))
    }

    /// How many items are stored under a partition key.
    pub(crate) fn count(&self, pk: &str) -> usize {
        self.items.keys().filter(|key| key.0 == pk).count()
    }

    /// Puts an item of a cart, or a total, into the table.
    pub(crate) fn put(&mut self, pk: &str, sk: &str, quantity: i64, expires: u64) {
        let item = json!({
            "pk": { "S": pk }, "sk": { "S": sk }, "productDetail": { "NULL": true },
            "quantity": { "N": quantity.to_string() }, "expirationTime": { "N": expires.to_string() },
        });
        self.write(&(pk.to_owned(), sk.to_owned()), serde_json::from_value(item).ok());
    }

    /// Marks an item as emptied by a migration.
    pub(crate) fn mark(&mut self, pk: &str, sk: &str, migration: &str) {
        let key = (pk.to_owned(), sk.to_owned());
        let mut item = self.items[&key].attributes.clone();
        item.insert("migration".to_owned(), json!({ "S": migration }));
        self.write(&key, Some(item));
    }

    /// Replaces a number of an item, as somebody who repairs or damages it by hand.
    pub(crate) fn set(&mut self, pk: &str, sk: &str, name: &str, number: i64) {
        let key = (pk.to_owned(), sk.to_owned());
        let mut item = self.items[&key].attributes.clone();
        item.insert(name.to_owned(), json!({ "N": number.to_string() }));
        self.write(&key, Some(item));
    }

    /// Deletes an item, as DynamoDB does some time after it has expired.
    pub(crate) fn expire(&mut self, pk: &str, sk: &str) {
        self.write(&(pk.to_owned(), sk.to_owned()), None);
    }

    fn query(&self, request: &Value) -> Value {
        let condition = request["KeyConditionExpression"].as_str().expect("a condition");
        self.read(request, |item| holds(condition, Some(item), &request["ExpressionAttributeValues"]))
    }

    fn scan(&self, request: &Value) -> Value {
        assert_eq!(request["ConsistentRead"], true, "an earlier write would not be found");
        self.read(request, |_| true)
    }

    fn read(&self, request: &Value, wanted: impl Fn(&Attributes) -> bool) -> Value {
        let after = (!request["ExclusiveStartKey"].is_null()).then(|| key(&request["ExclusiveStartKey"]));
        let found =
            self.items.iter().filter(|(key, item)| after.as_ref().is_none_or(|after| *key > after) && wanted(&item.attributes));
        let found: Vec<_> = found.map(|(_, item)| &item.attributes).collect();
        let shown = &found[..found.len().min(self.batch)];
        let mut answer = json!({ "Items": shown, "Count": shown.len() });
        if let Some(last) = shown.last().filter(|_| shown.len() < found.len()) {
            answer["LastEvaluatedKey"] = json!({ "pk": last["pk"], "sk": last["sk"] });
        }
        answer
    }

    /// Reads as many as one answer may have, and names the others.
    fn batch_get(&self, request: &Value) -> Value {
        let (table, wanted) = request["RequestItems"].as_object().and_then(|tables| tables.iter().next()).expect("a table");
        assert_eq!(wanted["ConsistentRead"], true, "an earlier write would not be found");
        let keys = wanted["Keys"].as_array().expect("keys");
        assert!((1..=100).contains(&keys.len()));
        assert_eq!(keys.iter().map(key).collect::<BTreeSet<_>>().len(), keys.len(), "each key once");
        let (read, unread) = keys.split_at(keys.len().min(self.batch));
        let found: Vec<_> = read.iter().filter_map(|wanted| self.items.get(&key(wanted)).map(|item| &item.attributes)).collect();
        let unread = if unread.is_empty() { json!({}) } else { json!({ table: { "Keys": unread, "ConsistentRead": true } }) };
        json!({ "Responses": { table: found }, "UnprocessedKeys": unread })
    }

    fn update(&mut self, request: &Value) -> Answer {
        let key = key(&request["Key"]);
        let stored = self.items.get(&key).map(|item| &item.attributes);
        let values = &request["ExpressionAttributeValues"];
        if !request["ConditionExpression"].as_str().is_none_or(|condition| holds(condition, stored, values)) {
            let name = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            return (400, json!({ "__type": name, "message": "the condition is not met" }));
        }
        let new = || serde_json::from_value(request["Key"].clone()).expect("a key");
        let item = stored.cloned().unwrap_or_else(new);
        let written = updated(request["UpdateExpression"].as_str().expect("an update"), &item, values);
        self.write(&key, Some(written));
        (200, json!({}))
    }

    fn transact(&mut self, caller: usize, request: &Value) -> Answer {
        let token = request["ClientRequestToken"].as_str().expect("a token");
        let token = (caller, token.to_owned());
        if let Some(done) = self.done.get(&token) {
            assert_eq!(*done, request["TransactItems"], "a token stands for one request");
            return (200, json!({}));
        }
        let parts = request["TransactItems"].as_array().expect("parts");
        assert!((1..=100).contains(&parts.len()));
        let mut writes = BTreeMap::new();
        let mut reasons = Vec::new();
        for part in parts {
            let (action, part) = part.as_object().and_then(|part| part.iter().next()).expect("an action");
            let key = key(&part["Key"]);
            let stored = self.items.get(&key).map(|item| &item.attributes);
            let values = &part["ExpressionAttributeValues"];
            let met = part["ConditionExpression"].as_str().is_none_or(|condition| holds(condition, stored, values));
            reasons.push(json!({ "Code": if met { "None" } else { "ConditionalCheckFailed" } }));
            let written = match action.as_str() {
                "Delete" => None,
                "Update" => {
                    let new = || serde_json::from_value(part["Key"].clone()).expect("a key");
                    let item = stored.cloned().unwrap_or_else(new);
                    Some(updated(part["UpdateExpression"].as_str().expect("an update"), &item, values))
                }
                action => panic!("{action} is not modelled"),
            };
            assert!(writes.insert(key, written).is_none(), "a transaction writes an item once");
        }
        if reasons.iter().any(|reason| reason["Code"] != "None") {
            return cancelled(&reasons);
        }
        for (key, item) in writes {
            self.write(&key, item);
        }
        Arc::make_mut(&mut self.done).insert(token, request["TransactItems"].clone());
        (200, json!({}))
    }

    fn write(&mut self, key: &Key, item: Option<Attributes>) {
        let item = item.map(|item| Arc::new(Stored::new(item)));
        let old = match &item {
            Some(item) => Arc::make_mut(&mut self.items).insert(key.clone(), Arc::clone(item)),
            None => Arc::make_mut(&mut self.items).remove(key),
        };
        if old != item && matches!(Kept::under(&key.0, &key.1), Kept::Item { .. }) {
            let record = json!({ "dynamodb": {
                "Keys": { "pk": { "S": key.0 }, "sk": { "S": key.1 } },
                "SequenceNumber": (self.told + 8).to_string(),
                "OldImage": old.map(|item| item.attributes.clone()), "NewImage": item.map(|item| item.attributes.clone()),
            } });
            self.told += 1;
            let mut hash = DefaultHasher::new();
            record.hash(&mut hash);
            Arc::make_mut(&mut self.stream).push((record, hash.finish()));
        }
    }

    /// For each product: how many all carts hold, and its total.
    pub(crate) fn held_and_counted(&self) -> Vec<(&str, i64, i64)> {
        let in_carts = || self.items.keys().filter(|key| key.0.starts_with("cart#") || key.0.starts_with("user#"));
        let totals = self.items.keys().filter(|key| key.1 == "totalquantity").map(|key| key.0.as_str());
        let products: BTreeSet<_> = in_carts().map(|key| key.1.as_str()).chain(totals).collect();
        products
            .into_iter()
            .map(|product| {
                let held = in_carts().filter(|key| key.1 == product).filter_map(|key| self.quantity(&key.0, &key.1)).sum();
                (product, held, self.quantity(product, "totalquantity").unwrap_or(0))
            })
            .collect()
    }
}

/// The answer to a transaction that is not carried out.
pub(crate) fn cancelled(reasons: &[Value]) -> Answer {
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({ "__type": name, "message": "cancelled", "CancellationReasons": reasons }))
}

fn key(key: &Value) -> Key {
    let part = |name: &str| key[name]["S"].as_str().expect("a text").to_owned();
    (part("pk"), part("sk"))
}
