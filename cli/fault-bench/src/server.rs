//! Listens on loopback and answers the program's calls, or does to them what the script says.

use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use serde_json::Value as Json;

use crate::{
    account::Account,
    call::{Call, Refusal, Service},
    script::{Fault, Log, Logged, Moment, Rule, is_question},
    services,
    wire::{self, Answer, Part},
};

/// Everything behind the port. One call at a time works on it.
pub struct State {
    /// The account.
    pub account: Account,
    /// What goes wrong.
    pub script: Vec<Rule>,
    /// What was called.
    pub log: Log,
    /// The program, while it runs.
    pub client: Option<Pid>,
    /// Whether it was killed: what it still had on the way does not arrive.
    pub killed: bool,
    /// The answers of services that the bench does not know, by the prefix of their operations.
    pub stand_ins: BTreeMap<String, StandIn>,
    /// The stacks as they were at each call about one.
    history: BTreeMap<String, Vec<Account>>,
    started: Instant,
}

/// How many calls ago is the longest ago that can be answered from.
const REMEMBERED: usize = 8;

/// Answers the calls of a service.
pub type StandIn = Box<dyn FnMut(&Call) -> Result<Json, Refusal> + Send>;

/// What to send back, and how much later: an answer and how much of it, or nothing.
type Reply = (Option<(Answer, Part)>, Duration);

/// The stand-in for AWS.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) url: String,
    shared: Arc<Shared>,
}

/// The state, and the news that a call changed it.
struct Shared {
    state: Mutex<State>,
    called: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Serves this account. Ends with the test.
    pub(crate) fn start(account: Account) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let started = Instant::now();
        let state = State {
            account,
            script: Vec::new(),
            log: Log::default(),
            client: None,
            killed: false,
            stand_ins: BTreeMap::new(),
            history: BTreeMap::new(),
            started,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), called: Condvar::new() });
        let server = Self { url, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for connection in listener.incoming() {
                let shared = Arc::clone(&shared);
                // A client that is killed breaks its connections.
                thread::spawn(move || connection.and_then(|connection| serve(connection, &shared)).ok());
            }
        });
        server
    }

    /// What is behind the port, while nobody else changes it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Waits until this is so, for so long at most, and looks again after each call; whether it is so.
    pub(crate) fn wait_until(&self, limit: Duration, mut is_so: impl FnMut(&State) -> bool) -> bool {
        let waited = self.shared.called.wait_timeout_while(self.state(), limit, |state| !is_so(state));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

fn serve(connection: TcpStream, shared: &Shared) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::new(connection);
    while let Some(request) = wire::read(&mut connection)? {
        let head = request.method == "HEAD";
        let latency = shared.state().account.inventory.latencies.call;
        if !latency.is_zero() {
            thread::sleep(latency);
        }
        let (reply, later) = shared.state().reply(&Call::of(request));
        shared.called.notify_all();
        if !later.is_zero() {
            thread::sleep(later);
        }
        let Some((answer, send)) = reply else { return Ok(()) };
        wire::write(connection.get_mut(), &answer, if head { Part::Head } else { send })?;
        if send == Part::Half {
            return Ok(());
        }
    }
    Ok(())
}

impl State {
    fn reply(&mut self, call: &Call) -> Reply {
        if self.killed {
            return (None, Duration::ZERO);
        }
        let stack = call.stack(&self.account);
        let poll = self.log.asks_again(&call.operation, stack.as_deref());
        let mut logged = Logged {
            operation: call.operation.clone(),
            stack: stack.clone(),
            token: call.token(),
            poll,
            refused: None,
            role: call.argument("RoleARN").map(str::to_owned),
        };
        let faults: Vec<_> = self.script.iter_mut().filter_map(|rule| rule.count(&call.operation, stack.as_deref())).collect();
        // The pages of one answer are of one moment.
        let asks = call.argument("NextToken").is_none();
        if let Some(place) =
            stack.as_deref().filter(|_| asks).and_then(|name| self.account.find(call.argument("StackName").unwrap_or(name)))
        {
            let since_start = self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            self.account.pass_a_call(place, since_start);
        }
        let (mut refusal, mut send, mut stale) = (None, Some(Part::Whole), 0);
        let (mut later, mut location) = (Duration::ZERO, None);
        for fault in &faults {
            match *fault {
                Fault::Refused(why) => refusal = Some(why.refusal(&call.service)),
                Fault::Dropped => {
                    self.log.0.push(logged);
                    return (None, Duration::ZERO);
                }
                Fault::Late(by) => later = by,
                Fault::Redirected(to) => {
                    refusal = Some(Refusal::new(307, "", ""));
                    location = Some(to);
                }
                Fault::AnswerLost => send = None,
                Fault::AnswerCut => send = Some(Part::Half),
                // What changes something changes what there is now.
                Fault::Stale(calls) if is_question(&call.operation) => stale = calls,
                Fault::Signal(signal, Moment::Before) => {
                    self.signal(signal);
                    if signal == Signal::KILL {
                        return (None, Duration::ZERO);
                    }
                }
                Fault::Stale(_) | Fault::Signal(_, Moment::After) => {}
                Fault::Meanwhile(happens) => happens(&mut self.account),
            }
        }
        let answer = match refusal {
            Some(refusal) => Err(refusal),
            None => self.answer(call, stack.as_deref(), stale),
        };
        logged.refused = answer.as_ref().err().map(|refusal| refusal.code);
        self.log.0.push(logged);
        for fault in faults {
            if let Fault::Signal(signal, Moment::After) = fault {
                self.signal(signal);
            }
        }
        let reply = send.map(|send| {
            let answer = match location {
                Some(to) => Answer {
                    status: 307,
                    content_type: "text/plain",
                    headers: vec![("location".to_owned(), to.to_owned())],
                    body: String::new(),
                },
                None => call.reply(&answer),
            };
            (answer, send)
        });
        (reply, later)
    }

    fn answer(&mut self, call: &Call, stack: Option<&str>, stale: usize) -> Result<Json, Refusal> {
        if let Service::Other(target) = &call.service
            && let Some(stand_in) = self.stand_ins.get_mut(target)
        {
            return stand_in(call);
        }
        services::answer(call, self.truth(stack, stale))
    }

    /// What is true, or was so many calls about a stack ago.
    fn truth(&mut self, stack: Option<&str>, stale: usize) -> &mut Account {
        let remembers = self.script.iter().any(Rule::needs_the_past);
        let Some(stack) = stack.filter(|_| remembers) else { return &mut self.account };
        let past = self.history.entry(stack.to_owned()).or_default();
        past.push(self.account.clone());
        if past.len() > REMEMBERED {
            past.remove(0);
        }
        let then = past.len().saturating_sub(stale + 1);
        if stale == 0 { &mut self.account } else { &mut past[then] }
    }

    fn signal(&mut self, signal: Signal) {
        self.killed = signal == Signal::KILL;
        if let Some(client) = self.client {
            // A program that has ended by itself gets none.
            let sent = kill_process(client, signal);
            assert!(matches!(sent, Ok(()) | Err(Errno::SRCH)), "{sent:?}");
        }
    }
}
