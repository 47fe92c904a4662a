//! DynamoDB, as far as `cartctl totals` works with it: one table, and the function that counts it, which is done at once. Knows the
//! updates by the contract's words for them, and no expression besides.

use std::collections::BTreeMap;

use cart_contract::table::{self, Kept};
use cart_fault_bench::{Call, Refusal};
use serde_json::{Map, Value as Json, json};

type Attributes = Map<String, Json>;

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Carts {
    items: BTreeMap<(String, String), Attributes>,
}

impl Carts {
    /// Puts so many of a product into a cart, which no function has counted.
    pub(crate) fn put(&mut self, owner: &str, product: &str, quantity: i64) {
        let sk = format!("{}{product}", table::PRODUCT);
        self.at(owner, &sk).insert("quantity".to_owned(), number(quantity));
    }

    /// Makes a total this.
    pub(crate) fn total_is(&mut self, product: &str, quantity: i64) {
        let pk = format!("{}{product}", table::PRODUCT);
        self.at(&pk, table::TOTAL).insert("quantity".to_owned(), number(quantity));
    }

    /// What a total says.
    pub(crate) fn total(&self, product: &str) -> Option<i64> {
        let total = self.items.get(&(format!("{}{product}", table::PRODUCT), table::TOTAL.to_owned()))?;
        read(total, "quantity")
    }

    fn at(&mut self, pk: &str, sk: &str) -> &mut Attributes {
        let item = self.items.entry((pk.to_owned(), sk.to_owned())).or_default();
        for (name, value) in [("pk", pk), ("sk", sk)] {
            item.insert(name.to_owned(), json!({ "S": value }));
        }
        item
    }

    /// Answers a call.
    pub(crate) fn answer(&mut self, call: &Call) -> Result<Json, Refusal> {
        let input: Json = serde_json::from_slice(&call.body).unwrap();
        match call.operation.as_str() {
            "Scan" => Ok(self.scan(&input)),
            "GetItem" => Ok(self.items.get(&key(&input["Key"])).map_or_else(|| json!({}), |item| json!({ "Item": item }))),
            "BatchGetItem" => {
                let asked = input["RequestItems"].as_object().unwrap().iter();
                let found = asked.map(|(name, asked)| {
                    let keys = asked["Keys"].as_array().unwrap().iter().map(key);
                    (name.clone(), keys.filter_map(|key| self.items.get(&key)).cloned().collect::<Vec<_>>())
                });
                Ok(json!({ "Responses": found.collect::<BTreeMap<_, _>>(), "UnprocessedKeys": {} }))
            }
            "UpdateItem" => self.update(&input),
            operation => Err(Refusal::new(400, "UnknownOperationException", operation)),
        }
    }

    fn scan(&self, input: &Json) -> Json {
        let after = input.get("ExclusiveStartKey").map(key);
        let limit = usize::try_from(input["Limit"].as_u64().unwrap()).unwrap();
        let rest = self.items.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let page: Vec<_> = rest.take(limit).collect();
        let last = page.last().filter(|_| page.len() == limit);
        let mut answer = json!({ "Items": page.iter().map(|(_, item)| item).collect::<Vec<_>>(), "Count": page.len() });
        if let Some(((pk, sk), _)) = last {
            answer["LastEvaluatedKey"] = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        }
        answer
    }

    fn update(&mut self, input: &Json) -> Result<Json, Refusal> {
        let value =
            |name: &str| input["ExpressionAttributeValues"][name]["N"].as_str().and_then(|number| number.parse::<i64>().ok());
        let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
        let (expression, condition) = (text("UpdateExpression"), text("ConditionExpression"));
        let (pk, sk) = key(&input["Key"]);
        let before = self.items.get(&(pk.clone(), sk.clone())).cloned();
        let is = |name: &str| before.as_ref().and_then(|before| read(before, name));
        let generation = value(":generation");
        let older = |name: &str| is(name).is_none_or(|found| Some(found) < generation);
        let update = [table::BEGIN, table::FINISH, table::TOUCH, table::TAKE_OVER, table::START_FROM_NOTHING]
            .into_iter()
            .find(|update| update.expression == expression && update.condition == condition)
            .unwrap_or_else(|| panic!("not an update of the contract: {input}"));
        let holds = match update {
            table::BEGIN => before.is_none() || is("generation") == value(":read"),
            table::FINISH => is("generation") == generation,
            table::TOUCH => before.is_some(),
            table::TAKE_OVER => is("rebuilding") == generation && older("generation"),
            _ => before.is_some() && older("generation") && older("rebuilding"),
        };
        if !holds {
            return Err(Refusal::new(400, "ConditionalCheckFailedException", "The conditional request failed"));
        }
        let mut set: Vec<(&str, i64)> = Vec::new();
        match update {
            table::BEGIN => set.extend(generation.map(|generation| ("generation", generation))),
            table::FINISH => set.extend(generation.map(|generation| ("finished", generation))),
            table::TOUCH => self.count(&pk, &sk),
            update => {
                let quantity = if update == table::TAKE_OVER { is("rebuilt") } else { value(":none") };
                set.extend(quantity.map(|quantity| ("quantity", quantity)));
                set.extend(generation.map(|generation| ("generation", generation)));
                let total = self.at(&pk, &sk);
                total.remove("rebuilt");
                total.remove("rebuilding");
            }
        }
        let item = self.at(&pk, &sk);
        item.extend(set.into_iter().map(|(name, value)| (name.to_owned(), number(value))));
        Ok(json!({ "Attributes": before }))
    }

    /// What the function does that keeps the totals, when the stream tells it of an item.
    fn count(&mut self, pk: &str, sk: &str) {
        let Kept::Item { owner, product } = Kept::under(pk, sk) else { return };
        let generation = read(self.at(table::CONTROL.0, table::CONTROL.1), "generation").unwrap_or(0);
        let quantity = read(self.at(pk, sk), "quantity").unwrap_or(0);
        let note = self.at(&format!("{}{owner}", table::NOTES), sk);
        if read(note, "generation").is_some_and(|noted| noted >= generation) {
            return;
        }
        note.extend([("generation", generation), ("counted", quantity)].map(|(name, value)| (name.to_owned(), number(value))));
        let total = self.at(&format!("{}{product}", table::PRODUCT), table::TOTAL);
        let so_far = if read(total, "rebuilding") == Some(generation) { read(total, "rebuilt").unwrap_or(0) } else { 0 };
        total.extend(
            [("rebuilding", generation), ("rebuilt", so_far + quantity)].map(|(name, value)| (name.to_owned(), number(value))),
        );
    }
}

fn key(key: &Json) -> (String, String) {
    let text = |name: &str| key[name]["S"].as_str().unwrap().to_owned();
    (text("pk"), text("sk"))
}

fn number(number: i64) -> Json {
    json!({ "N": number.to_string() })
}

fn read(item: &Attributes, name: &str) -> Option<i64> {
    item.get(name)?["N"].as_str()?.parse().ok()
}
