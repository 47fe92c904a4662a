//! Lambda's side of the Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>) for one process: hands out events,
//! takes answers, and notes when. Knows nothing of what the events are.

use std::{
    io::{self, Write as _},
    sync::{
        Mutex, MutexGuard,
        mpsc::{self, Receiver, Sender},
    },
    time::{Duration, Instant},
};

use crate::http;

/// How long an event may be worked on.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is said to a process, and heard from it.
pub(crate) struct Runtime {
    /// Where the process has to ask: a host and a port.
    pub(crate) address: String,
    events: Sender<String>,
    heard: Receiver<Heard>,
}

/// What a process says.
enum Heard {
    /// It is ready for an event.
    Ready(Instant),
    Answer(Answer),
    Failure(String),
}

/// What became of an event.
pub(crate) struct Answer {
    /// When the answer was there.
    pub(crate) at: Instant,
    /// How long ago the event had been handed out.
    pub(crate) took: Duration,
    pub(crate) body: Vec<u8>,
}

impl Runtime {
    /// An environment for one process, of whose requests X-Ray wants to know or not.
    pub(crate) fn new(sampled: bool) -> Self {
        let (events, waiting) = mpsc::channel::<String>();
        let (says, heard) = mpsc::channel();
        let (waiting, handed_out) = (Mutex::new(waiting), Mutex::new(Instant::now()));
        let url = http::serve(move |request, connection| {
            let line = request.line();
            let accepted = http::response("202 Accepted", "content-type: application/json\r\n", r#"{"status":"OK"}"#);
            if line.ends_with("/invocation/next") {
                said(&says, Heard::Ready(Instant::now()))?;
                let event = lock(&waiting).recv().map_err(io::Error::other)?;
                *lock(&handed_out) = Instant::now();
                connection.write_all(&http::response("200 OK", &headers(sampled), &event))
            } else if line.ends_with("/response") {
                let at = Instant::now();
                let answer = Answer { at, took: at - *lock(&handed_out), body: request.body.clone() };
                // First, so that what is measured does not wait for whoever measures.
                connection.write_all(&accepted)?;
                said(&says, Heard::Answer(answer))
            } else {
                connection.write_all(&accepted)?;
                said(&says, Heard::Failure(format!("{line}: {}", String::from_utf8_lossy(&request.body))))
            }
        });
        Self { address: url.trim_start_matches("http://").to_owned(), events, heard }
    }

    /// When the process asks for its first event.
    pub(crate) fn ready(&self) -> Instant {
        match self.heard.recv_timeout(PATIENCE).expect("it starts") {
            Heard::Ready(at) => at,
            Heard::Answer(_) => panic!("an answer to nothing"),
            Heard::Failure(failure) => panic!("{failure}"),
        }
    }

    /// Hands out an event, at once or as soon as it is asked for.
    pub(crate) fn send(&self, event: &str) {
        self.events.send(event.to_owned()).unwrap();
    }

    /// The answer to the event that was handed out.
    pub(crate) fn answer(&self) -> Answer {
        loop {
            match self.heard.recv_timeout(PATIENCE).expect("it answers") {
                Heard::Answer(answer) => return answer,
                Heard::Ready(_) => (),
                Heard::Failure(failure) => panic!("{failure}"),
            }
        }
    }
}

fn headers(sampled: bool) -> String {
    // Far away, in milliseconds since 1970.
    format!(
        "content-type: application/json\r\n\
     Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
     Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
     Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:bench\r\n\
     Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled={}\r\n",
        u8::from(sampled)
    )
}

fn said(says: &Sender<Heard>, heard: Heard) -> io::Result<()> {
    says.send(heard).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
