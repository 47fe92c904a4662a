//! Serves the built site to browsers on this machine only. Knows nothing of the site's content.

use std::{convert::Infallible, io::ErrorKind, net::SocketAddr, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CACHE_CONTROL, HOST, HeaderMap, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower_http::services::{ServeDir, ServeFile, fs::ServeFileSystemResponseBody as Body};

use super::{Error, LOOPBACK, Listener, io};

/// The time limit for a browser's request.
const HEADER_LIMIT: Duration = Duration::from_secs(10);

/// Serves `folder` on this port of both addresses that `localhost` may mean, until the process ends.
///
/// # Errors
/// [`Error::PortInUse`].
pub(crate) async fn serve(folder: &Utf8Path, port: u16) -> Result<Infallible, Error> {
    let mut listeners = Vec::new();
    for address in LOOPBACK {
        match TcpListener::bind(SocketAddr::new(address, port)).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(Error::PortInUse { port, address, listener: Listener::Site });
            }
            // Without IPv6 there is one address.
            Err(error) if address.is_ipv6() && listeners.len() == 1 => tracing::debug!(%error, "not on {address}"),
            Err(error) => return Err(io(format!("listening on {address}"))(error)),
        }
    }
    let mut accepting = tokio::task::JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, folder.to_owned()));
    }
    match accepting.join_next().await {
        Some(Ok(error)) => Err(error),
        Some(Err(error)) => Err(io("serving the site")(error.into())),
        None => std::future::pending().await,
    }
}

async fn accept(listener: TcpListener, folder: Utf8PathBuf) -> Error {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, folder.clone()))),
            // The client has disconnected.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return io("accepting a connection")(error),
        }
    }
}

async fn converse(stream: TcpStream, folder: Utf8PathBuf) {
    let answering = service_fn(|request| answer(request, &folder));
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    if let Err(error) = connection.serve_connection(TokioIo::new(stream), answering).await {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(request: Request<Incoming>, folder: &Utf8Path) -> Result<Response<Body>, Infallible> {
    if !is_meant(request.headers()) {
        return Ok(without_body(StatusCode::MISDIRECTED_REQUEST));
    }
    let is_page = is_page(request.uri().path());
    let mut files = ServeDir::new(folder);
    let mut response = if is_page {
        // The router of the site knows which of its pages is meant.
        files.fallback(ServeFile::new(folder.join("index.html"))).try_call(request).await
    } else {
        files.try_call(request).await
    }
    .unwrap_or_else(|_| without_body(StatusCode::INTERNAL_SERVER_ERROR));
    // Hashed files included: another local cloud has other addresses in them. A browser that asks again learns that
    // nothing has changed.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn without_body(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

/// Whether the request names this machine by its own name. Another host name that resolves to this machine belongs to a site that
/// tries to read ours ("DNS rebinding").
fn is_meant(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

/// Whether a path belongs to a view of the site and not to a file: the last part of a file's path has a dot.
fn is_page(path: &str) -> bool {
    !path.rsplit('/').next().unwrap_or_default().contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_answered_to() {
        let meant = |host: &str| is_meant(&HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]));
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]", "[::1]:8080"] {
            assert!(meant(host), "{host}");
        }
        for host in
            ["", "shop.example", "localhost.example:8080", "localhost:shop.example", "127.0.0.1.example", "::1", "0.0.0.0:8080"]
        {
            assert!(!meant(host), "{host}");
        }
        assert!(!is_meant(&HeaderMap::new()), "who does not say whom they mean");
    }

    #[test]
    fn a_name_with_a_dot_is_a_files() {
        assert!(["/", "/product/mug", "/cart", ""].into_iter().all(is_page));
        assert!(!["/assets/index-1a2b.js", "/favicon.svg", "/.vite/manifest.json"].into_iter().any(is_page));
    }
}
