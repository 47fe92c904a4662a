//! One run of a function, seen from outside: a rule by which its next call follows from the answers so far. Knows nothing of other callers.
//!
//! A future cannot be copied. To find its next call, it is run again from the beginning with the same answers, and the result is remembered.

use std::{
    cell::RefCell,
    collections::HashMap,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use cart::{aws::Service, dead_letters::DeadLetters, deletions::Deletions, store::Store};
use serde_json::{Value, json};

use crate::network::{Call, Heard, Network, account_at, dead_letters_at, deletions_at, store_at};

/// Everything that callers call.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) store: Store,
    pub(crate) deletions: Deletions,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) dynamodb: Service,
    network: Network,
}

impl Shop {
    /// A shop at the end of this line.
    pub(crate) fn at(network: &Network) -> Self {
        let line = || network.clone();
        Self {
            store: store_at(line()),
            deletions: deletions_at(line()),
            dead_letters: dead_letters_at(line()),
            dynamodb: account_at(line()).dynamodb(),
            network: line(),
        }
    }

    /// Chooses one of so many possibilities. The explorer tries each.
    pub(crate) async fn any_of(&self, possibilities: usize) -> usize {
        let (_, chosen) = self.network.ask("AnyOf", json!(possibilities)).await.expect("this never fails");
        usize::try_from(chosen.as_u64().expect("a number")).expect("a small one")
    }

    /// The records of the stream from this place on, of items whose partition key has this prefix. Waits until there is one. None, if
    /// no other step is possible.
    pub(crate) async fn records(&self, from: usize, owner: &str) -> Vec<Value> {
        let (_, records) = self.network.ask("Records", json!([from, owner])).await.expect("this never fails");
        records.as_array().expect("records").clone()
    }

    /// Waits until each of these items is noted in this generation or is gone, as if by asking again and again. False, if no other
    /// step is possible.
    pub(crate) async fn until_noted(&self, generation: u64, items: &[(String, String)]) -> bool {
        let (_, noted) = self.network.ask("UntilNoted", json!([generation, items])).await.expect("this never fails");
        noted.as_bool().expect("yes or no")
    }

    /// DynamoDB deletes an expired item.
    pub(crate) async fn expire(&self, pk: &str, sk: &str) {
        self.network.ask("Expire", json!([pk, sk])).await;
    }
}

/// A run of a function, which results in its answer. None, if it refuses.
pub(crate) type Running = Pin<Box<dyn Future<Output = Option<Value>>>>;

/// A function that is about to be called. Callers of one name do the same.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) name: Rc<str>,
    begin: Rc<dyn Fn(Shop) -> Running>,
}

impl Caller {
    pub(crate) fn new<F>(name: &str, begin: impl Fn(Shop) -> F + 'static) -> Self
    where
        F: Future<Output = Option<Value>> + 'static,
    {
        Self { name: name.into(), begin: Rc::new(move |shop| Box::pin(begin(shop))) }
    }

    /// Calls the function.
    pub(crate) fn begin(&self, shop: Shop) -> Running {
        (self.begin)(shop)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Next {
    Asks(Rc<Call>),
    Ends(Option<Value>),
}

/// How far a caller is. Callers at the same place have heard the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Place(usize);

/// What callers do, as far as it is known.
pub(crate) struct Callers {
    shop: Shop,
    places: RefCell<Places>,
}

#[derive(Default)]
struct Places {
    beginnings: HashMap<Rc<str>, Place>,
    after: HashMap<(Place, Heard), Place>,
    all: Vec<(Caller, Vec<Heard>, Next)>,
}

impl Callers {
    pub(crate) fn new() -> Self {
        Self { shop: Shop::at(&Network::default()), places: RefCell::default() }
    }

    pub(crate) fn beginning(&self, caller: &Caller) -> Place {
        let mut places = self.places.borrow_mut();
        if let Some(place) = places.beginnings.get(&caller.name) {
            return *place;
        }
        let place = self.new_place(&mut places, caller.clone(), Vec::new());
        places.beginnings.insert(Rc::clone(&caller.name), place);
        place
    }

    /// The place of a caller after it heard something.
    pub(crate) fn after(&self, place: Place, heard: Heard) -> Place {
        let mut places = self.places.borrow_mut();
        let step = (place, heard);
        if let Some(place) = places.after.get(&step) {
            return *place;
        }
        let (caller, mut all_heard, _) = places.all[place.0].clone();
        all_heard.push(step.1.clone());
        let place = self.new_place(&mut places, caller, all_heard);
        places.after.insert(step, place);
        place
    }

    /// What a caller at this place does next.
    pub(crate) fn next(&self, place: Place) -> Next {
        self.places.borrow().all[place.0].2.clone()
    }

    fn new_place(&self, places: &mut Places, caller: Caller, heard: Vec<Heard>) -> Place {
        let next = self.find_out(&caller, &heard);
        places.all.push((caller, heard, next));
        Place(places.all.len() - 1)
    }

    fn find_out(&self, caller: &Caller, heard: &[Heard]) -> Next {
        let network = &self.shop.network;
        network.hang_up();
        let mut running = caller.begin(self.shop.clone());
        let mut tokens = Vec::new();
        for heard in heard {
            until_asking(&mut running, network, &mut tokens);
            network.answer(heard.clone());
        }
        until_asking(&mut running, network, &mut tokens)
    }
}

/// Runs a caller up to its next call. Its random tokens become numbers, in the order of their first use.
pub(crate) fn until_asking(running: &mut Running, network: &Network, tokens: &mut Vec<Value>) -> Next {
    for _ in 0..100 {
        if let Poll::Ready(answer) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Next::Ends(answer);
        }
        if let Some(mut call) = network.asked() {
            if let Some(token) = call.request.get_mut("ClientRequestToken") {
                let place = tokens.iter().position(|known| known == token).unwrap_or(tokens.len());
                if place == tokens.len() {
                    tokens.push(token.clone());
                }
                *token = json!(place.to_string());
            }
            return Next::Asks(Rc::new(call));
        }
    }
    panic!("it waits for something else than an answer");
}
