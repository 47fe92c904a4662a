//! Decides which functions' logs are read, which batch is read next, and which entries are shown, in which order. Knows no clock,
//! and no output format.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use cfn::{App, Stack, StackId};
use serde_json::Value as Json;

use crate::domain::{
    logs::{Batch, Entry, Position, Question},
    moment::Moment,
};

pub(crate) mod said;

/// Entries of a function that arrive up to this much later than its newest entry are still shown. CloudWatch returns most entries
/// within seconds, but not in the order they were written: each environment of a function has its own stream.
const OVERLAP: Duration = Duration::from_mins(1);

/// The most entries of a batch, by
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
const FULL: usize = 10_000;

/// A function with a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// The handler's name, which users type.
    pub name: String,
    /// The logical id.
    pub id: String,
    pub stack: StackId,
    /// The log group's logical id.
    pub logs: String,
}

/// A name that no function has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no function is named `{name}`")]
pub(crate) struct Unknown {
    /// The requested name.
    pub name: String,
    /// The existing names.
    pub known: Vec<String>,
}

/// The functions with these names or logical ids; all functions if none is named.
pub(crate) fn functions(app: &App, named: &[String]) -> Result<Vec<Function>, Unknown> {
    let all: Vec<_> = app.stacks().iter().flat_map(of_stack).collect();
    let is = |function: &Function, name: &String| [&function.name, &function.id].contains(&name);
    if let Some(name) = named.iter().find(|name| !all.iter().any(|function| is(function, name))) {
        return Err(Unknown { name: name.clone(), known: all.into_iter().map(|function| function.name).collect() });
    }
    Ok(all.into_iter().filter(|function| named.is_empty() || named.iter().any(|name| is(function, name))).collect())
}

fn of_stack(stack: &Stack) -> Vec<Function> {
    let template = stack.template().as_json();
    let function = |(id, resource): (&String, &Json)| {
        (resource["Type"] == "AWS::Lambda::Function").then_some(())?;
        let text = |pointer| resource.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let (name, logs) = (text("/Properties/Handler")?, text("/Properties/LoggingConfig/LogGroup/Ref")?);
        Some(Function { name, id: id.clone(), stack: stack.id(), logs })
    };
    template["Resources"].as_object().into_iter().flatten().filter_map(function).collect()
}

/// The logs of several functions, read repeatedly. Each entry is returned once, sorted by time unless it arrives late.
#[derive(Clone, Debug)]
pub(crate) struct Tails(Vec<Tail>);

#[derive(Clone, Debug)]
struct Tail {
    function: String,
    group: String,
    /// The start of the current reading.
    from: Moment,
    /// The time of the newest entry read.
    newest: Option<Moment>,
    /// Entries that the next reading may return again.
    known: BTreeSet<(Moment, Identity)>,
    /// How many equal entries without an id this reading has returned.
    same: BTreeMap<(Moment, String, String), usize>,
    /// Read and not yet shown.
    ready: VecDeque<Entry>,
    /// The next batch. None if all are read.
    next: Option<Position>,
}

/// Distinguishes an entry from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    /// CloudWatch's id.
    Given(String),
    /// The stream, the message, and the number of equal entries before it at the same moment.
    Made(String, String, usize),
}

/// An entry with the function that printed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub function: String,
    pub group: String,
    pub entry: Entry,
}

impl Tails {
    /// Pairs of a function's name and its log group's, to be read from this moment on.
    pub(crate) fn new(sources: Vec<(String, String)>, from: Moment) -> Self {
        let tail = |(function, group)| Tail {
            function,
            group,
            from,
            newest: None,
            known: BTreeSet::new(),
            same: BTreeMap::new(),
            ready: VecDeque::new(),
            next: Some(Position::First),
        };
        Self(sources.into_iter().map(tail).collect())
    }

    /// The number of functions.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The batches to read before more entries can be shown. Empty if everything is read.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let open = self.0.iter().enumerate().filter(|(_, tail)| tail.ready.is_empty());
        let question = |(tail, Tail { group, from, next, .. }): (usize, &Tail)| {
            Some(Question { tail, group: group.clone(), from: *from, at: next.clone()? })
        };
        open.filter_map(question).collect()
    }

    /// Takes the answer to a question.
    pub(crate) fn answered(&mut self, question: &Question, batch: Batch) {
        if let Some(tail) = self.0.get_mut(question.tail) {
            tail.take(batch);
        }
    }

    /// The entries that can be shown now: only late ones can still be older.
    pub(crate) fn told(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while self.questions_are_answered() {
            let oldest =
                self.0.iter_mut().filter(|tail| !tail.ready.is_empty()).min_by_key(|tail| tail.ready.front().map(|it| it.at));
            let Some(tail) = oldest else { break };
            let (function, group) = (tail.function.clone(), tail.group.clone());
            told.extend(tail.ready.pop_front().map(|entry| Told { function, group, entry }));
        }
        told
    }

    fn questions_are_answered(&self) -> bool {
        self.0.iter().all(|tail| !tail.ready.is_empty() || tail.next.is_none())
    }

    /// Starts the next reading, of entries since the last one.
    pub(crate) fn again(&mut self) {
        for tail in &mut self.0 {
            // Each function has its own newest entry: neither this machine's clock nor another function's tells which of its
            // entries have arrived.
            tail.from = tail.newest.map_or(tail.from, |newest| tail.from.max(newest.before(OVERLAP)));
            tail.next = Some(Position::First);
        }
    }
}

impl Tail {
    fn take(&mut self, Batch { entries, next }: Batch) {
        // A batch by time, not by token, starts counting at its own moment.
        if !matches!(self.next, Some(Position::After(_))) {
            self.same.clear();
        }
        let (first, last) = (entries.first().map(|entry| entry.at), entries.last().map(|entry| entry.at));
        self.next = match next {
            Some(token) => Some(Position::After(token)),
            // The local cloud gives no token when there are more entries.
            None if entries.len() >= FULL && first < last => last.map(Position::From),
            None => None,
        };
        for entry in entries {
            let identity = entry.id.clone().map_or_else(
                || {
                    let number = self.same.entry((entry.at, entry.stream.clone(), entry.message.clone())).or_default();
                    *number += 1;
                    Identity::Made(entry.stream.clone(), entry.message.clone(), *number)
                },
                Identity::Given,
            );
            self.newest = self.newest.max(Some(entry.at));
            if self.known.insert((entry.at, identity)) {
                self.ready.push_back(entry);
            }
        }
        if let Some(newest) = self.newest {
            // The next reading does not return entries from before its start.
            self.known = self.known.split_off(&(newest.before(OVERLAP), Identity::Given(String::new())));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use cart_infra::{Code, Settings, packages, stacks};
    use proptest::{prelude::*, test_runner::TestRunner};

    use super::*;

    fn entry(at: i64, id: Option<&str>, message: &str) -> Entry {
        let (id, stream) = (id.map(str::to_owned), "stream".to_owned());
        Entry { at: Moment::from_millis(at), ingested: None, id, stream, message: message.to_owned() }
    }

    fn tails(number: usize, from: i64) -> Tails {
        Tails::new(
            (0..number).map(|tail| (format!("function-{tail}"), format!("group-{tail}"))).collect(),
            Moment::from_millis(from),
        )
    }

    /// The answer of CloudWatch for a group at a moment: `size` entries a batch, and no entry that has not arrived.
    fn batch(there: &[Entry], question: &Question, size: usize, tokens: bool) -> Batch {
        let mut found: Vec<_> = there.iter().filter(|entry| entry.at >= question.from).cloned().collect();
        found.sort_by_key(|entry| entry.at);
        let begin = match &question.at {
            Position::First => 0,
            Position::After(token) => token.parse().unwrap(),
            Position::From(moment) => found.iter().position(|entry| entry.at >= *moment).unwrap(),
        };
        let end = found.len().min(begin + size);
        let next = (tokens && end < found.len()).then(|| end.to_string());
        Batch { entries: found.drain(begin..end).collect(), next }
    }

    /// Reads every existing entry.
    fn read(tails: &mut Tails, there: &[Vec<Entry>], size: usize, tokens: bool) -> Vec<(String, String)> {
        let mut read = Vec::new();
        loop {
            let told = tails.told();
            let questions = tails.questions();
            read.extend(told.into_iter().map(|told| (told.function, told.entry.message)));
            if questions.is_empty() {
                return read;
            }
            for question in questions {
                tails.answered(&question, batch(&there[question.tail], &question, size, tokens));
            }
        }
    }

    fn messages(read: &[(String, String)]) -> Vec<&str> {
        read.iter().map(|(_, message)| message.as_str()).collect()
    }

    fn app() -> App {
        let settings: Settings = crate::config::tests::settings();
        assert_eq!(settings.code, Code::not_packaged(packages::ALL));
        cart_infra::app(&settings)
    }

    #[test]
    fn functions_are_known_by_both_of_their_names() {
        let names = |named: &[&str]| {
            let named: Vec<_> = named.iter().map(|name| (*name).to_owned()).collect();
            functions(&app(), &named).map(|found| found.into_iter().map(|function| function.name).collect::<Vec<_>>())
        };
        let all: Vec<_> = [
            cart_contract::ProductsFunction::ALL.iter().map(|function| function.handler()).collect::<Vec<_>>(),
            cart_contract::CartFunction::ALL.iter().map(|function| function.handler()).collect(),
        ]
        .concat();
        let found = names(&[]).unwrap();
        assert!(all.iter().all(|name| found.contains(&(*name).to_owned())) && all.len() == found.len(), "{found:?}");
        assert_eq!(names(&["ListCartHandler", "get-product", "list-cart"]).unwrap(), ["get-product", "list-cart"]);
        let unknown = names(&["list-cart", "list-carts"]).unwrap_err();
        assert_eq!((unknown.to_string(), unknown.known), ("no function is named `list-carts`".to_owned(), found));
    }

    #[test]
    fn every_function_says_where_its_logs_are() {
        let found = functions(&app(), &["update-totals".to_owned()]).unwrap();
        let expected = Function {
            name: "update-totals".to_owned(),
            id: "UpdateTotalsHandler".to_owned(),
            stack: stacks::CART,
            logs: "UpdateTotalsHandlerLogs".to_owned(),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn several_functions_are_told_in_order_of_time() {
        let there = [
            vec![entry(10, Some("a"), "first"), entry(30, Some("b"), "third"), entry(50, Some("c"), "last")],
            vec![entry(20, Some("a"), "second"), entry(30, Some("d"), "also third")],
            vec![],
        ];
        for size in [1, 2, 10] {
            let read = read(&mut tails(3, 0), &there, size, true);
            assert_eq!(messages(&read), ["first", "second", "third", "also third", "last"], "{size} a batch");
        }
    }

    #[test]
    fn nothing_is_told_while_something_older_may_come() {
        let mut tails = tails(2, 0);
        let questions = tails.questions();
        tails.answered(&questions[0], Batch { entries: vec![entry(10, Some("a"), "one")], next: None });
        assert_eq!(tails.told(), []);
        tails.answered(&questions[1], Batch { entries: Vec::new(), next: Some("more".to_owned()) });
        assert_eq!(tails.told(), [], "an empty batch is not the last one");
        assert_eq!(tails.questions().len(), 1);
        tails.answered(&tails.questions()[0].clone(), Batch::default());
        assert_eq!(tails.told().len(), 1);
    }

    #[test]
    fn what_arrives_late_is_told_late_and_once() {
        let mut tails = tails(1, 0);
        let mut there = [vec![entry(100_000, Some("a"), "early")]];
        assert_eq!(messages(&read(&mut tails, &there, 10, true)), ["early"]);
        there[0].push(entry(60_000, Some("b"), "late"));
        there[0].push(entry(100_000, Some("c"), "at the same moment"));
        tails.again();
        assert_eq!(messages(&read(&mut tails, &there, 10, true)), ["late", "at the same moment"]);
        tails.again();
        assert_eq!(read(&mut tails, &there, 10, true), []);
        assert!(tails.0[0].from == Moment::from_millis(40_000), "it is not read from the beginning again");
    }

    #[test]
    fn equal_lines_without_an_id_are_as_many_as_there_are() {
        let mut tails = tails(1, 0);
        let mut there = [vec![entry(1, None, "again"), entry(1, None, "again")]];
        assert_eq!(messages(&read(&mut tails, &there, 10, false)), ["again", "again"]);
        there[0].push(entry(1, None, "again"));
        tails.again();
        assert_eq!(messages(&read(&mut tails, &there, 10, false)), ["again"]);
    }

    #[test]
    fn equal_lines_without_an_id_are_told_apart_across_batches() {
        let there = [vec![entry(1, None, "again"), entry(1, None, "again"), entry(1, None, "again")]];
        assert_eq!(messages(&read(&mut tails(1, 0), &there, 2, true)), ["again", "again", "again"]);
    }

    #[test]
    fn a_full_batch_that_does_not_say_so_is_not_the_last() {
        let there = [(0..25_000).map(|at| entry(at / 3, None, &at.to_string())).collect::<Vec<_>>()];
        let read = read(&mut tails(1, 0), &there, FULL, false);
        assert_eq!(read.len(), 25_000);
        assert!(read.iter().enumerate().all(|(number, (_, message))| *message == number.to_string()));
    }

    #[test]
    fn not_everything_is_remembered() {
        let mut tails = tails(1, 0);
        let there = [(0..1_000).map(|minute| entry(minute * 60_000, None, "tick")).collect::<Vec<_>>()];
        read(&mut tails, &there, 100, true);
        assert!(tails.0[0].known.len() <= 2, "{}", tails.0[0].known.len());
    }

    /// Happens in some case of the property, or the property proves less than it says.
    const COVERED: [&str; 4] = ["equal and at once", "in several pages", "of every function", "older than the newest"];

    /// In any order of arrival, at most the overlap late: every entry is shown once.
    #[test]
    fn nothing_is_missed_and_nothing_repeated() {
        let arrival = (0_usize..3, 0_i64..60_000, 0_u8..3);
        let arrivals = prop::collection::vec(prop::collection::vec(arrival, 0..12), 1..12);
        let covered = RefCell::<BTreeSet<_>>::default();
        let run = TestRunner::new(ProptestConfig::with_source_file(file!())).run(
            &(arrivals, 1_usize..5, any::<bool>()),
            |(arrivals, size, ids)| {
                let note = |what, happened: bool| covered.borrow_mut().extend(happened.then_some(what));
                let mut tails = tails(3, 0);
                let mut there = [const { Vec::new() }; 3];
                let (mut number, mut arrived, mut told) = (0, Vec::new(), Vec::new());
                for (round, arrivals) in arrivals.into_iter().enumerate() {
                    // Readings half a minute apart.
                    let now = i64::try_from(round).unwrap() * 30_000 + 60_000;
                    for (function, late, message) in arrivals {
                        number += 1;
                        let id = ids.then(|| number.to_string());
                        let newest: i64 = there[function].iter().map(|entry: &Entry| entry.at.millis()).max().unwrap_or(0);
                        // Some cases share one moment, so that entries are equal.
                        let late = if late % 4 == 0 { 30_000 } else { late };
                        let at = (now - late).max(newest - 60_000).max(0);
                        let new = entry(at, id.as_deref(), &message.to_string());
                        note("older than the newest", at < newest);
                        note("equal and at once", !ids && there[function].contains(&new));
                        arrived.push((format!("function-{function}"), new.message.clone()));
                        there[function].push(new);
                    }
                    tails.again();
                    told.extend(read(&mut tails, &there, size, true));
                    note("in several pages", there.iter().any(|there| there.len() > size));
                    note("of every function", there.iter().all(|there| !there.is_empty()));
                    arrived.sort();
                    told.sort();
                    prop_assert_eq!(&told, &arrived);
                }
                Ok(())
            },
        );
        run.unwrap();
        assert_eq!(covered.into_inner(), COVERED.into());
    }
}
