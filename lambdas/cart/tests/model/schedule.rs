//! Goes through every order in which the calls of several callers can happen, with a limited number of faults anywhere between them.
//! Knows nothing of carts beyond the queue of deletions, which it delivers late, twice, or never.
//!
//! Orders that leave everybody with the same answers, and the table with the same items, have the same future. It is looked at once, and
//! the orders that lead through it are multiplied. Callers who do the same are not told apart: that the first has heard this and the second
//! that is the same future as the other way round. So whoever checks an ending must not tell them apart either.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use cart::handlers::DeleteMigrated;
use cart_contract::table;
use cart_shared::Consumer as _;
use serde_json::{Value, json};

use crate::{
    caller::{Caller, Callers, Next, Place},
    dynamodb::{Answer, Table, cancelled},
    network::{Call, Heard},
};

/// Who is there, and how much may go wrong.
pub(crate) struct Scenario {
    pub(crate) table: Table,
    pub(crate) callers: Vec<Caller>,
    pub(crate) faults: usize,
}

/// What became of a caller.
#[derive(Clone, Debug, Hash, PartialEq)]
pub(crate) enum Fate {
    Running,
    /// It answered.
    Done(Value),
    /// It does not know whether it is done, and says so.
    Refused,
    /// It was stopped between two calls.
    Killed,
}

/// How far it was looked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explored {
    /// Orders of steps, from the beginning to an end, not counting when something was sent.
    pub(crate) schedules: u128,
    /// Different states that they lead through.
    pub(crate) states: usize,
    /// States in which nobody was running any more. Each of them was checked.
    pub(crate) endings: usize,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call is carried out and answered.
    Answer(usize),
    /// A caller is told one of the possibilities it asked for.
    Choose(usize, usize),
    /// A message is delivered to the worker.
    Deliver(usize),
    /// A request arrives that its sender has long given up.
    Arrive(usize),
    /// Fault: carried out, but the answer is lost. It is asked again.
    Lose(usize),
    /// Fault: carried out, and no answer ever comes. The caller gives up.
    Silence(usize),
    /// Fault: not carried out yet, and no answer in time. It is asked again.
    Delay(usize),
    /// Fault: not carried out, because of some other transaction.
    Collide(usize),
    /// Fault: the function is stopped.
    Kill(usize),
}

impl Step {
    const fn is_fault(self) -> bool {
        matches!(self, Self::Lose(_) | Self::Silence(_) | Self::Delay(_) | Self::Collide(_) | Self::Kill(_))
    }
}

/// What one order has led to.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) table: Table,
    pub(crate) fates: Vec<Fate>,
    known: Rc<Callers>,
    beginnings: Vec<Place>,
    places: Vec<Place>,
    /// What those who are running ask.
    asking: Vec<Option<Rc<Call>>>,
    /// The messages that were sent. Each may be delivered at any time, and any number of times.
    queue: BTreeSet<Rc<str>>,
    late: Vec<(usize, Rc<Call>)>,
    faults: usize,
    steps: Vec<Step>,
}

/// Follows every order, and checks the world wherever nobody is running any more.
pub(crate) fn explore(scenario: &Scenario, check: impl Fn(&mut World)) -> Explored {
    let mut explored = Explored::default();
    let mut seen = HashMap::new();
    let world = World::new(scenario);
    let state = world.state();
    explored.schedules = follow(&world, state, &mut seen, &mut explored.endings, &check);
    explored.states = seen.len();
    explored
}

/// Follows so many orders to their ends, each chosen by chance from a seed. What may go wrong does so now and then.
pub(crate) fn wander(scenario: &Scenario, seeds: u64, check: impl Fn(&mut World)) {
    let beginning = World::new(scenario);
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = beginning.clone();
        while world.fates.contains(&Fate::Running) {
            let possible = world.possible();
            let step = random.choice(&possible).copied().expect("whoever is running asks");
            if !step.is_fault() || random.u8(..) < 16 {
                world.take(step);
            }
        }
        if let Err(broken) = catch_unwind(AssertUnwindSafe(|| check(&mut world))) {
            println!("broken from seed {seed} by {:?}", world.steps);
            resume_unwind(broken);
        }
    }
}

/// How many orders there are from here.
fn follow(world: &World, state: u64, seen: &mut HashMap<u64, u128>, endings: &mut usize, check: &impl Fn(&mut World)) -> u128 {
    if let Some(known) = seen.get(&state) {
        return *known;
    }
    if !world.fates.contains(&Fate::Running) {
        *endings += 1;
        let mut ending = world.clone();
        if let Err(broken) = catch_unwind(AssertUnwindSafe(|| check(&mut ending))) {
            println!("broken by {:?}", world.steps);
            resume_unwind(broken);
        }
    }
    let mut schedules = 0;
    for step in world.possible() {
        let mut next = world.clone();
        next.take(step);
        let reached = next.state();
        if reached == state {
            // A message that changes nothing.
            continue;
        }
        schedules += follow(&next, reached, seen, endings, check);
    }
    let schedules = schedules.max(1);
    seen.insert(state, schedules);
    schedules
}

impl World {
    /// The beginning of a scenario.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut world = Self {
            table: scenario.table.clone(),
            fates: Vec::new(),
            known: Rc::new(Callers::new()),
            beginnings: Vec::new(),
            places: Vec::new(),
            asking: Vec::new(),
            queue: BTreeSet::new(),
            late: Vec::new(),
            faults: scenario.faults,
            steps: Vec::new(),
        };
        for caller in &scenario.callers {
            world.start(caller);
        }
        world
    }

    fn start(&mut self, caller: &Caller) -> usize {
        let beginning = self.known.beginning(caller);
        self.beginnings.push(beginning);
        self.places.push(beginning);
        self.fates.push(Fate::Running);
        self.asking.push(None);
        self.go_on(self.places.len() - 1);
        self.places.len() - 1
    }

    /// Finds out what a caller does now.
    fn go_on(&mut self, caller: usize) {
        self.asking[caller] = None;
        match self.known.next(self.places[caller]) {
            Next::Asks(call) => self.asking[caller] = Some(call),
            Next::Ends(answer) => self.fates[caller] = answer.map_or(Fate::Refused, Fate::Done),
        }
    }

    fn state(&self) -> u64 {
        let mut callers: Vec<_> = (0..self.places.len()).map(|caller| self.state_of(caller)).collect();
        callers.sort_unstable();
        let mut state = DefaultHasher::new();
        (self.table.state(), callers, &self.queue, self.faults).hash(&mut state);
        state.finish()
    }

    /// All that is to come of a caller depends on. How it has come to its end does not matter any more.
    fn state_of(&self, caller: usize) -> u64 {
        let mut state = DefaultHasher::new();
        (self.beginnings[caller], &self.fates[caller]).hash(&mut state);
        let mut late = self.late.iter().filter(|(owner, _)| *owner == caller).map(|(_, call)| call).peekable();
        if self.fates[caller] == Fate::Running || late.peek().is_some() {
            self.places[caller].hash(&mut state);
            self.table.done(caller).for_each(|token| token.hash(&mut state));
            late.for_each(|call| call.hash(&mut state));
        }
        state.finish()
    }

    /// Who waits for something is let on once it is there, or once nothing else can happen.
    fn possible(&self) -> Vec<Step> {
        // To send changes nothing for anybody but whoever is delivered the message, and nobody can be before. So when nothing fails any
        // more it may as well be now: every order with a later sending leads where the same order leads with this one first.
        let sends = |call: &Option<Rc<Call>>| call.as_ref().is_some_and(|call| call.operation == "SendMessageBatch");
        if let Some(caller) = self.asking.iter().position(sends).filter(|_| self.faults == 0) {
            return vec![Step::Answer(caller)];
        }
        let mut steps = Vec::new();
        let mut waiting = Vec::new();
        for (caller, call) in self.asking.iter().enumerate() {
            let Some(call) = call else { continue };
            if self.waits_for(call) {
                waiting.push(Step::Answer(caller));
                continue;
            }
            if call.operation == "AnyOf" {
                let possibilities = usize::try_from(call.request.as_u64().expect("a number")).expect("a small one");
                steps.extend((0..possibilities).map(|chosen| Step::Choose(caller, chosen)));
                continue;
            }
            steps.push(Step::Answer(caller));
            if self.faults > 0 {
                steps.push(Step::Kill(caller));
                if ["TransactWriteItems", "UpdateItem", "SendMessageBatch"].contains(&call.operation.as_str()) {
                    steps.extend([Step::Lose(caller), Step::Silence(caller), Step::Delay(caller)]);
                }
                // What was asked before is done, or still on its way and would be what it collides with.
                let again = self.table.knows(caller, &call.request)
                    || self.late.iter().any(|(owner, late)| *owner == caller && late == call);
                if ["TransactWriteItems", "UpdateItem"].contains(&call.operation.as_str()) && !again {
                    steps.push(Step::Collide(caller));
                }
            }
        }
        steps.extend((0..self.late.len()).map(Step::Arrive));
        steps.extend((0..self.queue.len()).map(Step::Deliver));
        if steps.is_empty() { waiting } else { steps }
    }

    /// Whether something is asked for that is not there yet.
    fn waits_for(&self, call: &Call) -> bool {
        match call.operation.as_str() {
            "Records" => self.told(call).is_empty(),
            "UntilNoted" => !self.noted(call),
            _ => false,
        }
    }

    fn told(&self, call: &Call) -> Vec<Value> {
        let from = call.request[0].as_u64().and_then(|from| usize::try_from(from).ok()).expect("a place");
        self.table.records(from, call.request[1].as_str().expect("a text"))
    }

    fn noted(&self, call: &Call) -> bool {
        let generation = call.request[0].as_u64().expect("a generation");
        call.request[1].as_array().expect("items").iter().all(|item| {
            let (owner, product) = (item[0].as_str().expect("a text"), item[1].as_str().expect("a text"));
            self.table.quantity(owner, product).is_none()
                || self.table.reaches(&format!("{}{owner}", table::NOTES), product, "generation", generation)
        })
    }

    fn take(&mut self, step: Step) {
        self.steps.push(step);
        if step.is_fault() {
            self.faults -= 1;
        }
        match step {
            Step::Answer(caller) => {
                let answer = self.carry_out(caller);
                self.hear(caller, Some(answer));
            }
            Step::Choose(caller, chosen) => self.hear(caller, Some((200, json!(chosen)))),
            Step::Deliver(message) => {
                let message = self.queue.iter().nth(message).cloned().expect("a message");
                self.deliver(&message);
            }
            Step::Arrive(late) => {
                let (caller, call) = self.late.remove(late);
                self.serve(caller, &call);
            }
            Step::Lose(caller) => {
                self.carry_out(caller);
                self.hear(caller, None);
            }
            Step::Silence(caller) => {
                self.carry_out(caller);
                self.hear(caller, Some((400, json!({ "__type": "NoAnswer" }))));
            }
            Step::Delay(caller) => {
                self.late.extend(self.asking[caller].clone().map(|call| (caller, call)));
                self.hear(caller, None);
            }
            Step::Collide(caller) => {
                let alone = self.asking[caller].as_ref().is_some_and(|call| call.operation == "UpdateItem");
                let name = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
                let collision = if alone {
                    (400, json!({ "__type": name, "message": "somebody else is at it" }))
                } else {
                    cancelled(&[json!({ "Code": "TransactionConflict" })])
                };
                self.hear(caller, Some(collision));
            }
            Step::Kill(caller) => {
                self.asking[caller] = None;
                self.fates[caller] = Fate::Killed;
            }
        }
    }

    fn hear(&mut self, caller: usize, heard: Heard) {
        self.places[caller] = self.known.after(self.places[caller], heard);
        self.go_on(caller);
    }

    fn carry_out(&mut self, caller: usize) -> Answer {
        let call = self.asking[caller].clone().expect("a call");
        self.serve(caller, &call)
    }

    fn serve(&mut self, caller: usize, call: &Call) -> Answer {
        match call.operation.as_str() {
            "SendMessageBatch" => {
                let entries = call.request["Entries"].as_array().expect("messages");
                self.queue.extend(entries.iter().map(|entry| entry["MessageBody"].as_str().expect("a text").into()));
                let taken = |entry: &Value| json!({ "Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "" });
                (200, json!({ "Successful": entries.iter().map(taken).collect::<Vec<_>>(), "Failed": [] }))
            }
            "Expire" => {
                let text = |index: usize| call.request[index].as_str().expect("a text");
                self.table.expire(text(0), text(1));
                (200, Value::Null)
            }
            "Records" => (200, json!(self.told(call))),
            "UntilNoted" => (200, json!(self.noted(call))),
            operation => self.table.call(caller, operation, &call.request),
        }
    }

    /// Lets a caller begin now, and go to its end undisturbed.
    pub(crate) fn run(&mut self, caller: &Caller) -> Fate {
        let index = self.start(caller);
        while self.asking[index].is_some() {
            let answer = self.carry_out(index);
            self.hear(index, Some(answer));
        }
        // Every answer arrived, so that nothing is asked again.
        self.table.forget(index);
        self.beginnings.pop();
        self.places.pop();
        self.asking.pop();
        self.fates.pop().expect("its fate")
    }

    /// Delivers a message. The worker makes one call, so that nothing can happen in between.
    fn deliver(&mut self, body: &str) {
        let mut message = SqsMessage::default();
        message.body = Some(body.to_owned());
        let worker = Caller::new(body, move |shop| {
            let mut event = SqsEvent::default();
            event.records.push(message.clone());
            async move {
                let worker = DeleteMigrated { store: shop.store, dead_letters: shop.dead_letters };
                let Ok(failed) = worker.consume(event, "request").await;
                failed.batch_item_failures.is_empty().then_some(Value::Null)
            }
        });
        assert_eq!(self.run(&worker), Fate::Done(Value::Null));
    }

    /// Delivers every message that was ever sent.
    pub(crate) fn deliver_all(&mut self) {
        self.queue.clone().iter().for_each(|message| self.deliver(message));
    }
}
