//! The part of DynamoDB's expression language that the store uses, by
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>. Panics at anything else: the model has to learn what
//! the store uses.

use std::{
    cell::RefCell,
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use serde_json::{Value, json};

/// An item, its attributes in DynamoDB's JSON: `{"quantity": {"N": "1"}}`.
pub(crate) type Attributes = BTreeMap<String, Value>;

/// Whether a condition holds for an item. None is an item that does not exist.
pub(crate) fn holds(condition: &str, item: Option<&Attributes>, values: &Value) -> bool {
    let nothing = Attributes::new();
    let mut reader = Reader::new(condition, item.unwrap_or(&nothing), values);
    let holds = reader.any();
    assert_eq!(reader.next(), None, "in {condition}");
    holds
}

/// The item after an update.
pub(crate) fn updated(update: &str, item: &Attributes, values: &Value) -> Attributes {
    let mut reader = Reader::new(update, item, values);
    let mut updated = item.clone();
    let mut clauses = Vec::new();
    while let Some(clause) = reader.next() {
        assert!(!clauses.contains(&clause), "each clause once: {update}");
        loop {
            let name = reader.word();
            match clause.as_str() {
                "SET" => {
                    reader.expect("=");
                    let value = reader.operand().expect("an attribute that is there");
                    updated.insert(name, value);
                }
                "ADD" => {
                    let change = reader.operand().expect("a value");
                    updated.insert(name.clone(), item.get(&name).map_or(change.clone(), |value| sum(value, &change)));
                }
                "REMOVE" => {
                    updated.remove(&name);
                }
                clause => panic!("{clause} in {update}"),
            }
            if !reader.next_is(",") {
                break;
            }
        }
        clauses.push(clause);
    }
    updated
}

thread_local! {
    /// The words of every expression so far. There are a few dozen, and each is evaluated thousands of times.
    static WORDS: RefCell<HashMap<String, Rc<[String]>>> = RefCell::default();
}

fn words(text: &str) -> Rc<[String]> {
    WORDS.with_borrow_mut(|known| {
        if !known.contains_key(text) {
            let spaced: String = text.chars().map(|c| if "(),=<".contains(c) { format!(" {c} ") } else { c.to_string() }).collect();
            known.insert(text.to_owned(), spaced.split_whitespace().map(str::to_owned).collect());
        }
        Rc::clone(&known[text])
    })
}

struct Reader<'a> {
    words: Rc<[String]>,
    place: usize,
    item: &'a Attributes,
    values: &'a Value,
}

impl<'a> Reader<'a> {
    fn new(text: &str, item: &'a Attributes, values: &'a Value) -> Self {
        Self { words: words(text), place: 0, item, values }
    }

    fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.place).cloned();
        self.place += 1;
        word
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.next_is("OR") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.comparison();
        while self.next_is("AND") {
            holds &= self.comparison();
        }
        holds
    }

    fn comparison(&mut self) -> bool {
        if self.next_is("(") {
            let holds = self.any();
            self.expect(")");
            return holds;
        }
        for (function, wanted) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.next_is(function) {
                self.expect("(");
                let name = self.word();
                self.expect(")");
                return self.item.contains_key(&name) == wanted;
            }
        }
        if self.next_is("begins_with") {
            self.expect("(");
            let text = self.operand();
            self.expect(",");
            let start = self.operand();
            self.expect(")");
            let text_of = |value: Option<Value>| value.and_then(|value| value["S"].as_str().map(str::to_owned)).unwrap_or_default();
            return text_of(text).starts_with(&text_of(start));
        }
        let left = self.operand();
        let comparator = self.word();
        let right = self.operand();
        match comparator.as_str() {
            "=" => left.is_some() && left == right,
            "<" => order(left.as_ref(), right.as_ref()) == Some(Ordering::Less),
            comparator => panic!("{comparator} is not modelled"),
        }
    }

    fn operand(&mut self) -> Option<Value> {
        let name = self.word();
        if name.starts_with(':') { Some(self.values[&name].clone()) } else { self.item.get(&name).cloned() }
    }

    fn word(&mut self) -> String {
        self.next().expect("more")
    }

    fn expect(&mut self, token: &str) {
        assert_eq!(self.word(), token);
    }

    fn next_is(&mut self, token: &str) -> bool {
        let is_next = self.words.get(self.place).is_some_and(|word| word == token);
        self.place += usize::from(is_next);
        is_next
    }
}

fn number(value: &Value) -> Option<i64> {
    value["N"].as_str().and_then(|number| number.parse().ok())
}

fn sum(left: &Value, right: &Value) -> Value {
    json!({ "N": (number(left).expect("a number") + number(right).expect("a number")).to_string() })
}

/// Values of different types are in no order, nor are missing ones.
fn order(left: Option<&Value>, right: Option<&Value>) -> Option<Ordering> {
    let (left, right) = (left?, right?);
    match (number(left), number(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => Some(left["S"].as_str()?.cmp(right["S"].as_str()?)),
    }
}
