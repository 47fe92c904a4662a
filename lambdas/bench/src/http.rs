//! As much of HTTP as a stub needs, with nothing between it and the socket that could be slow: a thread a connection, answers that are
//! made before they are asked for. Knows nothing of what is asked.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// What was asked.
pub(crate) struct Request {
    head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The method and the path, such as `GET /ping`.
    pub(crate) fn line(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.rsplit_once(' ').map_or(line, |(line, _)| line)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// A response of a status with a body.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Answers on a free port of loopback until the process ends; the URL.
pub(crate) fn serve<A>(answer: A) -> String
where
    A: Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || talk(connection, &*answer));
        }
    });
    url
}

/// Until the other side hangs up, or whoever answers does.
fn talk(mut connection: TcpStream, answer: &impl Fn(&Request, &mut TcpStream) -> io::Result<()>) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let mut read = Vec::new();
    loop {
        let request = receive(&mut connection, &mut read)?;
        answer(&request, &mut connection).ok()?;
    }
}

/// The next request or response of a connection. What was read beyond it stays in `read`.
fn receive(connection: &mut TcpStream, read: &mut Vec<u8>) -> Option<Request> {
    let head = more_until(connection, read, |read| read.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4))?;
    let head = String::from_utf8(read.drain(..head).collect()).ok()?;
    let mut request = Request { head, body: Vec::new() };
    let length = request.header("content-length").map_or(Ok(0), str::parse).ok()?;
    more_until(connection, read, |read| (read.len() >= length).then_some(length))?;
    request.body = read.drain(..length).collect();
    Some(request)
}

fn more_until(connection: &mut TcpStream, read: &mut Vec<u8>, enough: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    loop {
        if let Some(end) = enough(read) {
            return Some(end);
        }
        let mut chunk = [0; 16 * 1024];
        match connection.read(&mut chunk).ok()? {
            0 => return None,
            count => read.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Sends a request on a connection of its own, and returns the status line and the body.
pub(crate) fn ask(address: &str, request: &str) -> io::Result<(String, String)> {
    let mut connection = TcpStream::connect(address)?;
    connection.write_all(request.as_bytes())?;
    let answer = receive(&mut connection, &mut Vec::new()).ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = answer.head.lines().next().unwrap_or_default().to_owned();
    Ok((status, String::from_utf8_lossy(&answer.body).into_owned()))
}
