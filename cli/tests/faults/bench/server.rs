//! Listens on loopback and answers the program's calls, or does to them what the script says.

use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    account::Account,
    call::Call,
    script::{Fault, Log, Logged, Moment, Rule, is_question},
    services,
    wire::{self, Answer, Send},
};

/// Everything behind the port. One call at a time works on it.
#[derive(Debug)]
pub(crate) struct State {
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
    /// The stacks as they were at each call about one.
    history: BTreeMap<String, Vec<Account>>,
    started: Instant,
}

/// How many calls ago is the longest ago that can be answered from.
const REMEMBERED: usize = 8;

/// What to send back: an answer and how much of it, or nothing.
type Reply = Option<(Answer, Send)>;

/// The stand-in for AWS.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub url: String,
    state: Arc<Mutex<State>>,
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
            history: BTreeMap::new(),
            started,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let state = Arc::clone(&shared);
                // A client that is killed breaks its connections.
                thread::spawn(move || connection.and_then(|connection| serve(connection, &state)).ok());
            }
        });
        Self { url, state }
    }

    /// What is behind the port, while nobody else changes it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(connection: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::new(connection);
    while let Some(request) = wire::read(&mut connection)? {
        let head = request.method == "HEAD";
        let latency = state.lock().unwrap_or_else(PoisonError::into_inner).account.inventory.latencies.call;
        if !latency.is_zero() {
            thread::sleep(latency);
        }
        let reply = state.lock().unwrap_or_else(PoisonError::into_inner).reply(&Call::of(request));
        let Some((answer, send)) = reply else { return Ok(()) };
        wire::write(connection.get_mut(), &answer, if head { Send::Head } else { send })?;
        if send == Send::Half {
            return Ok(());
        }
    }
    Ok(())
}

impl State {
    fn reply(&mut self, call: &Call) -> Reply {
        if self.killed {
            return None;
        }
        let stack = call.stack(&self.account);
        let poll = self.log.asks_again(&call.operation, stack.as_deref());
        let mut logged =
            Logged { operation: call.operation.clone(), stack: stack.clone(), token: call.token(), poll, refused: None };
        let faults: Vec<_> = self.script.iter_mut().filter_map(|rule| rule.count(&call.operation, stack.as_deref())).collect();
        // The pages of one answer are of one moment.
        let asks = call.argument("NextToken").is_none();
        if let Some(place) =
            stack.as_deref().filter(|_| asks).and_then(|name| self.account.find(call.argument("StackName").unwrap_or(name)))
        {
            let since_start = self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            self.account.pass_a_call(place, since_start);
        }
        let (mut refusal, mut send, mut stale) = (None, Some(Send::Whole), 0);
        for fault in &faults {
            match *fault {
                Fault::Refused(why) => refusal = Some(why.refusal()),
                Fault::Dropped => {
                    self.log.0.push(logged);
                    return None;
                }
                Fault::AnswerLost => send = None,
                Fault::AnswerCut => send = Some(Send::Half),
                // What changes something changes what there is now.
                Fault::Stale(calls) if is_question(&call.operation) => stale = calls,
                Fault::Signal(signal, Moment::Before) => {
                    self.signal(signal);
                    if signal == Signal::KILL {
                        return None;
                    }
                }
                Fault::Stale(_) | Fault::Signal(_, Moment::After) => {}
                Fault::Meanwhile(happens) => happens(&mut self.account),
            }
        }
        let answer = match refusal {
            Some(refusal) => Err(refusal),
            None => services::answer(call, self.truth(stack.as_deref(), stale)),
        };
        logged.refused = answer.as_ref().err().map(|refusal| refusal.code);
        self.log.0.push(logged);
        for fault in faults {
            if let Fault::Signal(signal, Moment::After) = fault {
                self.signal(signal);
            }
        }
        send.map(|send| (call.reply(&answer), send))
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
            kill_process(client, signal).expect("the program runs");
        }
    }
}
