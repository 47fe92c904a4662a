//! A service on loopback that answers as a test says, and remembers what it was asked. Knows nothing of AWS but how its requests are signed.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and target, as in `POST /`.
    pub what: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Asked {
    /// A field of the signature's scope: `KEY/DATE/REGION/SERVICE`.
    fn scope(&self, place: usize) -> &str {
        let signature = self.headers.get("authorization").map_or("", String::as_str);
        let scope = signature.split_once("Credential=").map_or("", |(_, scope)| scope);
        scope.split([',', ' ']).next().unwrap_or_default().split('/').nth(place).unwrap_or_default()
    }

    /// The access key that signed it; empty if nobody did.
    pub(crate) fn key(&self) -> &str {
        self.scope(0)
    }

    pub(crate) fn region(&self) -> &str {
        self.scope(2)
    }

    pub(crate) fn service(&self) -> &str {
        self.scope(3)
    }

    /// A field of a form, as it was encoded.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.body.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }
}

/// Listens until the test ends.
pub(crate) struct StandIn {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    pub(crate) fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut connection = connection.unwrap();
                    while let Some(asked) = read(&connection) {
                        log.lock().unwrap().push(asked.clone());
                        if write(&mut connection, &answer(&asked)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// The next request, unless the client has closed the connection.
pub(crate) fn read(connection: impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let what = lines.first()?.rsplit_once(' ')?.0.to_owned();
    let headers: BTreeMap<_, _> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { what, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

pub(crate) fn write(connection: &mut impl Write, answer: &Answer) -> std::io::Result<()> {
    let Answer { status, headers, body } = answer;
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(connection, "HTTP/1.1 {status} \r\n{}content-length: {}\r\n\r\n{body}", headers.concat(), body.len())?;
    connection.flush()
}
