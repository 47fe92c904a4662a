//! HTTP/1.1, from the side of a server that may misbehave: it can leave without an answer, or in the middle of one. Knows nothing
//! of AWS.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

/// A request, read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    /// For example `POST`.
    pub(crate) method: String,
    /// The path, without the query and still escaped.
    pub(crate) path: String,
    /// The headers, their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// What was sent, without the framing it came in.
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// For example 200.
    pub(crate) status: u16,
    /// What the body is.
    pub(crate) content_type: &'static str,
    /// Other headers.
    pub(crate) headers: Vec<(String, String)>,
    /// The body; of the answer to a `HEAD` only its length is sent.
    pub(crate) body: String,
}

/// How much of an answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Head and body.
    Whole,
    /// The head, which promises a body.
    Head,
    /// The head and half of the body.
    Half,
}

/// The next request of a connection; nothing once the client has closed it.
pub(crate) fn read(connection: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(&head).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: BTreeMap<_, _> =
        parsed.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value))).collect();
    if headers.get("expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue")) {
        connection.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = if headers.get("transfer-encoding").is_some_and(|encoding| encoding.ends_with("chunked")) {
        let body = chunks(connection)?;
        // What follows the last chunk of the transfer: trailers, and an empty line.
        while line(connection)?.is_some_and(|line| !line.is_empty()) {}
        body
    } else {
        let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
        connection.read_exact(&mut body)?;
        body
    };
    if headers.get("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked")) {
        body = chunks(&mut body.as_slice())?;
    }
    let path = parsed.path.unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    Ok(Some(Request { method: parsed.method.unwrap_or_default().to_owned(), path, headers, body }))
}

/// What the chunks hold that come until an empty one. S3's own framing is the same, with a signature after the size.
fn chunks(source: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(line) = line(source)? {
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if size == 0 {
            break;
        }
        let start = body.len();
        body.resize(start + size, 0);
        source.read_exact(&mut body[start..])?;
        source.read_exact(&mut [0; 2])?;
    }
    Ok(body)
}

fn line(source: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    Ok((source.read_line(&mut line)? > 0).then(|| line.trim_end().to_owned()))
}

/// Sends an answer, or as much of it as is wanted.
pub(crate) fn write(connection: &mut impl Write, answer: &Answer, send: Part) -> io::Result<()> {
    let Answer { status, content_type, headers, body } = answer;
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    // The reason phrase is for people, and may be empty.
    let mut message = format!(
        "HTTP/1.1 {status} \r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nx-amz-bucket-region: {}\r\n{}\r\n",
        crate::REGION,
        headers.concat()
    );
    message.push_str(match send {
        Part::Whole => body,
        Part::Head => "",
        Part::Half => &body[..body.floor_char_boundary(length / 2)],
    });
    connection.write_all(message.as_bytes())?;
    connection.flush()
}
