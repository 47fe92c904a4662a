//! Explores a scenario: follows every order in which the calls of several callers can happen, with a limited number of faults anywhere
//! between them. Knows nothing of carts beyond the queue of deletions, whose messages are delivered late, twice, or never.
//!
//! Two orders that leave every caller with the same answers and the table with the same items have the same future. So a state is explored
//! once, and the number of orders that lead through it is multiplied. Callers of one name do the same, and are interchangeable: whether the
//! first has heard an answer or the second is one state. A check of an ending must therefore not tell them apart.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
    /// How many faults may happen in one order.
    pub(crate) faults: usize,
}

/// How a caller ended.
#[derive(Clone, Debug, Hash, PartialEq)]
pub(crate) enum Fate {
    Running,
    /// It answered.
    Done(Value),
    /// It answered that it does not know whether all is done.
    Refused,
    /// It was stopped between two calls.
    Killed,
}

/// How far an exploration went.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
struct Explored {
    /// Orders of steps from the beginning to an ending. When a message is sent makes no difference where no fault is left.
    schedules: u128,
    /// Different states on the way.
    states: usize,
    /// States in which no caller is running. Each of them was checked.
    endings: usize,
    /// How often a step of each kind was taken.
    taken: Taken,
    /// Whether any caller writes: to a call that only reads, no fault happens but that its caller is stopped.
    writes: bool,
}

/// How often a step of each kind was taken.
pub(crate) type Taken = BTreeMap<Kind, usize>;

/// What happens next.
#[derive(Clone, Copy, Debug)]
struct Step {
    kind: Kind,
    /// Of the caller, or of what is delivered or arrives.
    index: usize,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// A call is carried out and answered.
    Answer,
    /// A caller is told this one of the possibilities that it asked for.
    Choose(usize),
    /// A message of the queue is delivered to the worker.
    Deliver,
    /// A request arrives that its sender gave up long ago.
    Arrive,
    /// Fault: the call is carried out, and the answer is lost. The caller asks again.
    Lose,
    /// Fault: the call is carried out, and no try is ever answered. The caller gives up.
    Silence,
    /// Fault: the call is on its way for so long that the caller asks again.
    Delay,
    /// Fault: the call is refused, because of another transaction.
    Collide,
    /// Fault: the caller is stopped.
    Kill,
}

impl Kind {
    pub(crate) const FAULTS: [Self; 5] = [Self::Lose, Self::Silence, Self::Delay, Self::Collide, Self::Kill];

    fn is_fault(self) -> bool {
        Self::FAULTS.contains(&self)
    }

    /// Whether it is a step of a caller.
    fn is_of_caller(self) -> bool {
        !matches!(self, Self::Deliver | Self::Arrive)
    }

    const fn at(self, index: usize) -> Step {
        Step { kind: self, index }
    }
}

/// What one order has led to.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) table: Table,
    /// Of each caller, in the order of the scenario.
    pub(crate) fates: Vec<Fate>,
    known: Rc<Callers>,
    beginnings: Vec<Place>,
    places: Vec<Place>,
    /// The call that each running caller waits for.
    asking: Vec<Option<Rc<Call>>>,
    /// What [`World::state_of`] says of each caller.
    states: Vec<u64>,
    /// The messages that were sent. Each may be delivered at any time, and any number of times.
    queue: Rc<BTreeSet<Rc<str>>>,
    /// Requests that are still on their way, each with its caller.
    late: Vec<(usize, Rc<Call>)>,
    /// How many faults may still happen.
    faults: usize,
    steps: Vec<Step>,
}

/// Explores a scenario, and fails unless a check holds in every ending. Fails, too, unless there are exactly so many states and endings: an
/// exploration that has shrunk proves less, and one that has grown takes longer. The numbers follow from the calls of the functions.
pub(crate) fn holds_always(scenario: &Scenario, (states, endings): (usize, usize), check: impl Fn(&mut World)) {
    let explored = explore(scenario, check);
    println!("{explored:?}");
    assert_eq!((explored.states, explored.endings), (states, endings), "states and endings");
    for fault in Kind::FAULTS {
        let may_happen = scenario.faults > 0 && (explored.writes || fault == Kind::Kill);
        assert_eq!(explored.taken.contains_key(&fault), may_happen, "{fault:?} happened");
    }
}

/// Follows every order, and checks the world in every ending.
fn explore(scenario: &Scenario, check: impl Fn(&mut World)) -> Explored {
    let world = World::new(scenario);
    let mut explorer = Explorer { seen: HashMap::new(), endings: 0, taken: Taken::new(), writes: false, check };
    let schedules = explorer.follow(&world, world.state());
    let Explorer { seen, endings, taken, writes, .. } = explorer;
    Explored { schedules, states: seen.len(), endings, taken, writes }
}

struct Explorer<C> {
    /// The states so far, and the number of orders from each.
    seen: HashMap<u64, u128>,
    endings: usize,
    taken: Taken,
    writes: bool,
    check: C,
}

impl<C: Fn(&mut World)> Explorer<C> {
    /// How many orders there are from here.
    fn follow(&mut self, world: &World, state: u64) -> u128 {
        if let Some(known) = self.seen.get(&state) {
            return *known;
        }
        if !world.fates.contains(&Fate::Running) {
            self.endings += 1;
            let mut ending = world.clone();
            if let Err(broken) = catch_unwind(AssertUnwindSafe(|| (self.check)(&mut ending))) {
                println!("broken by {:?}", world.steps);
                resume_unwind(broken);
            }
        }
        self.writes |= world.asking.iter().flatten().any(|call| is_write(call));
        let mut schedules = 0;
        for (step, alike) in world.different(world.possible()) {
            let mut next = world.clone();
            next.take(step);
            let reached = next.state();
            if reached == state {
                // The message has nothing to delete.
                continue;
            }
            *self.taken.entry(step.kind).or_default() += 1;
            schedules += alike * self.follow(&next, reached);
        }
        let schedules = schedules.max(1);
        self.seen.insert(state, schedules);
        schedules
    }
}

/// Follows one order per seed to its ending, each step chosen by chance. Faults are rare enough to happen late, too.
pub(crate) fn wander(scenario: &Scenario, seeds: u64, check: impl Fn(&mut World)) -> Taken {
    let beginning = World::new(scenario);
    let mut taken = Taken::new();
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = beginning.clone();
        while world.fates.contains(&Fate::Running) {
            let possible = world.possible();
            let step = random.choice(&possible).copied().expect("a running caller waits for something");
            if !step.kind.is_fault() || random.u8(..) < 16 {
                *taken.entry(step.kind).or_default() += 1;
                world.take(step);
            }
        }
        if let Err(broken) = catch_unwind(AssertUnwindSafe(|| check(&mut world))) {
            println!("broken from seed {seed} by {:?}", world.steps);
            resume_unwind(broken);
        }
    }
    taken
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
            states: Vec::new(),
            queue: Rc::default(),
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
        self.states.push(0);
        let caller = self.places.len() - 1;
        self.go_on(caller);
        self.states[caller] = self.state_of(caller);
        caller
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
        let mut callers = self.states.clone();
        callers.sort_unstable();
        let mut state = DefaultHasher::new();
        (self.table.state(), callers, &self.queue, self.faults).hash(&mut state);
        state.finish()
    }

    /// The steps without those that lead to the same state because their callers are in the same state; each with their number.
    fn different(&self, steps: Vec<Step>) -> Vec<(Step, u128)> {
        let mut different: Vec<(Step, u128)> = Vec::with_capacity(steps.len());
        for step in steps {
            let alike = |(other, _): &&mut (Step, u128)| {
                step.kind.is_of_caller() && other.kind == step.kind && self.states[other.index] == self.states[step.index]
            };
            match different.iter_mut().find(alike) {
                Some((_, number)) => *number += 1,
                None => different.push((step, 1)),
            }
        }
        different
    }

    /// All that the future of a caller depends on. After its end it does not matter how it got there.
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

    /// The steps that can be next. A caller that waits for something continues once it is there, or once nothing else can happen.
    fn possible(&self) -> Vec<Step> {
        // A message that is sent changes nothing until it is delivered. Where no fault is left, it is therefore sent first: every order
        // that sends it later leads to the same state.
        let sends = |call: &Option<Rc<Call>>| call.as_ref().is_some_and(|call| call.operation == "SendMessageBatch");
        if let Some(caller) = self.asking.iter().position(sends).filter(|_| self.faults == 0) {
            return vec![Kind::Answer.at(caller)];
        }
        let mut steps = Vec::new();
        let mut waiting = Vec::new();
        for (caller, call) in self.asking.iter().enumerate() {
            let Some(call) = call else { continue };
            if self.waits_for(call) {
                waiting.push(Kind::Answer.at(caller));
                continue;
            }
            if call.operation == "AnyOf" {
                let possibilities = usize::try_from(call.request.as_u64().expect("a number")).expect("a small one");
                steps.extend((0..possibilities).map(|chosen| Kind::Choose(chosen).at(caller)));
                continue;
            }
            steps.push(Kind::Answer.at(caller));
            if self.faults > 0 {
                steps.push(Kind::Kill.at(caller));
                if is_write(call) {
                    steps.extend([Kind::Lose, Kind::Silence, Kind::Delay].map(|kind| kind.at(caller)));
                }
                // A call that was made before is done, or it is still on its way and would collide with itself.
                let again = self.table.knows(caller, &call.request)
                    || self.late.iter().any(|(owner, late)| *owner == caller && late == call);
                if is_write(call) && call.operation != "SendMessageBatch" && !again {
                    steps.push(Kind::Collide.at(caller));
                }
            }
        }
        steps.extend((0..self.late.len()).map(|late| Kind::Arrive.at(late)));
        steps.extend((0..self.queue.len()).map(|message| Kind::Deliver.at(message)));
        if steps.is_empty() { waiting } else { steps }
    }

    /// Whether a caller asks for something that is not there yet.
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
        let Step { kind, index: mut caller } = step;
        if kind.is_fault() {
            self.faults -= 1;
        }
        match kind {
            Kind::Answer => {
                let answer = self.carry_out(caller);
                self.hear(caller, Some(answer));
            }
            Kind::Choose(chosen) => self.hear(caller, Some((200, json!(chosen)))),
            Kind::Deliver => {
                let message = self.queue.iter().nth(step.index).cloned().expect("a message");
                self.deliver(&message);
                // No caller hears of it.
                return;
            }
            Kind::Arrive => {
                let (owner, call) = self.late.remove(step.index);
                self.serve(owner, &call);
                caller = owner;
            }
            Kind::Lose => {
                self.carry_out(caller);
                self.hear(caller, None);
            }
            Kind::Silence => {
                self.carry_out(caller);
                self.hear(caller, Some((400, json!({ "__type": "NoAnswer" }))));
            }
            Kind::Delay => {
                self.late.extend(self.asking[caller].clone().map(|call| (caller, call)));
                self.hear(caller, None);
            }
            Kind::Collide => {
                let alone = self.asking[caller].as_ref().is_some_and(|call| call.operation == "UpdateItem");
                let name = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
                let collision = if alone {
                    (400, json!({ "__type": name, "message": "another transaction is writing it" }))
                } else {
                    cancelled(&[json!({ "Code": "TransactionConflict" })])
                };
                self.hear(caller, Some(collision));
            }
            Kind::Kill => {
                self.asking[caller] = None;
                self.fates[caller] = Fate::Killed;
            }
        }
        self.states[caller] = self.state_of(caller);
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
                Rc::make_mut(&mut self.queue)
                    .extend(entries.iter().map(|entry| entry["MessageBody"].as_str().expect("a text").into()));
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

    /// Runs a caller from its beginning to its end, undisturbed.
    pub(crate) fn run(&mut self, caller: &Caller) -> Fate {
        let index = self.start(caller);
        while self.asking[index].is_some() {
            let answer = self.carry_out(index);
            self.hear(index, Some(answer));
        }
        // Every answer arrived, so that no call is repeated.
        self.table.forget(index);
        self.beginnings.pop();
        self.places.pop();
        self.asking.pop();
        self.states.pop();
        self.fates.pop().expect("its fate")
    }

    /// Delivers a message. The worker makes one call, so that nothing can happen during its run.
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

/// Whether a call changes the table or the queue.
fn is_write(call: &Call) -> bool {
    ["TransactWriteItems", "UpdateItem", "SendMessageBatch"].contains(&call.operation.as_str())
}
