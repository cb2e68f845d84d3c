//! The client's side: a URL becomes a connected [`Socket`].

use std::{error, fmt, io, time::Duration};

use bytes::Bytes;
use gumboot_websocket_proto::{
    Config, Connection,
    handshake::client::{ClientHandshake, HandshakeError, InvalidProtocol},
};
use http::{HeaderValue, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use url::Url;

use crate::{
    compression,
    link::Link,
    random::{RandomKeys, random},
    socket::Socket,
    timer::now,
};

/// From the call of [`connect`] to the end of the opening handshake.
pub const CONNECT_WAIT_MAX: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server did not answer as a WebSocket server does, or refused.
    Handshake(HandshakeError),
    /// What the server sent is not HTTP, or it ended the connection.
    Http(hyper::Error),
    /// The transport failed.
    Io(io::Error),
    /// A subprotocol that may not be offered.
    Protocol(InvalidProtocol),
    /// Nobody answered within [`CONNECT_WAIT_MAX`].
    TimedOut,
    /// The URL is not one of a WebSocket.
    Url(InvalidUrl),
}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It has a fragment, which means nothing here.
    Fragment,
    /// It does not name a host.
    Host,
    /// Another scheme than `ws` or `http`.
    Scheme,
    /// It is not a URL.
    Syntax,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fragment => "a WebSocket URL has no fragment",
            Self::Host => "the URL does not name a host",
            Self::Scheme => "the URL's scheme is not ws",
            Self::Syntax => "this is not a URL",
        })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Http(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::TimedOut => f.write_str("the server did not answer in time"),
            Self::Url(error) => error.fmt(f),
        }
    }
}

impl error::Error for ConnectError {}

/// Connects to `url` and offers `protocols`, the preferred one first.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut socket = gumboot_websocket::connect("ws://127.0.0.1:8080/echo", &[]).await?;
/// socket.send("Hello WebSockets!").await?;
/// println!("Received Message: {:?}", socket.receive().await?);
/// socket.close(None).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`ConnectError`]: the URL or a protocol is wrong, nobody answers, or the answer is not a WebSocket server's.
pub async fn connect(url: &str, protocols: &[&str]) -> Result<Socket, ConnectError> {
    let url = parse_url(url).map_err(ConnectError::Url)?;
    let config = Config::client();
    let mut handshake =
        ClientHandshake::new(random(), protocols).map_err(ConnectError::Protocol)?;
    if let Some(deflate) = &config.deflate {
        handshake = handshake.with_deflate(deflate.clone());
    }
    timeout(CONNECT_WAIT_MAX, open(&url, &handshake, config))
        .await
        .map_err(|_| ConnectError::TimedOut)?
}

/// The URL as WebSocket means it: `http` is another way to write `ws`.
fn parse_url(url: &str) -> Result<Url, InvalidUrl> {
    let mut url = Url::parse(url).map_err(|_| InvalidUrl::Syntax)?;
    if url.scheme() == "http" {
        url.set_scheme("ws").map_err(|()| InvalidUrl::Scheme)?;
    }
    if url.scheme() != "ws" {
        return Err(InvalidUrl::Scheme);
    }
    if url.fragment().is_some() {
        return Err(InvalidUrl::Fragment);
    }
    if url.host().is_none() {
        return Err(InvalidUrl::Host);
    }
    Ok(url)
}

async fn open(
    url: &Url,
    handshake: &ClientHandshake,
    config: Config,
) -> Result<Socket, ConnectError> {
    let host = url.host_str().unwrap_or_default();
    let address = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
    let stream = TcpStream::connect(address)
        .await
        .map_err(ConnectError::Io)?;
    stream.set_nodelay(true).map_err(ConnectError::Io)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(ConnectError::Http)?;
    let request = request(url, handshake)?.map(|()| Empty::<Bytes>::new());
    exchange(sender, connection, request, handshake, config).await
}

fn request(url: &Url, handshake: &ClientHandshake) -> Result<Request<()>, ConnectError> {
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let host = HeaderValue::try_from(host).map_err(|_| ConnectError::Url(InvalidUrl::Host))?;
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let path = Uri::try_from(path).map_err(|_| ConnectError::Url(InvalidUrl::Syntax))?;
    Ok(handshake.request(host, path))
}

/// Sends the request, checks the answer, and takes the stream back from hyper.
async fn exchange(
    mut sender: http1::SendRequest<Empty<Bytes>>,
    mut connection: http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    handshake: &ClientHandshake,
    config: Config,
) -> Result<Socket, ConnectError> {
    let mut end = std::pin::pin!(std::future::poll_fn(
        |cx| connection.poll_without_shutdown(cx)
    ));
    let mut answer = std::pin::pin!(sender.send_request(request));
    let mut ended = false;
    let response = loop {
        tokio::select! {
            response = &mut answer => break response.map_err(ConnectError::Http)?,
            result = &mut end, if !ended => {
                result.map_err(ConnectError::Http)?;
                ended = true;
            }
        }
    };
    let agreed = handshake
        .verify(&response)
        .map_err(ConnectError::Handshake)?;
    if !ended {
        end.await.map_err(ConnectError::Http)?;
    }
    let parts = connection.into_parts();
    let keys = Box::new(RandomKeys::new());
    let connection = Connection::client(config.into(), keys, now());
    let connection = compression::agreed(connection, agreed.deflate.as_ref());
    let link = Link::new(parts.io.into_inner(), connection, &parts.read_buf);
    Ok(Socket::new(link, agreed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(parse_url("ws://h/a?b").unwrap().as_str(), "ws://h/a?b");
        assert_eq!(parse_url("HTTP://h").unwrap().as_str(), "ws://h/");
        assert_eq!(parse_url("ws://h/#"), Err(InvalidUrl::Fragment));
        assert_eq!(parse_url("ftp://h/"), Err(InvalidUrl::Scheme));
        assert_eq!(parse_url("/echo"), Err(InvalidUrl::Syntax));
        assert_eq!(parse_url("ws://"), Err(InvalidUrl::Syntax));
    }

    #[test]
    fn the_request_names_host_and_port() {
        let handshake = ClientHandshake::new([0; 16], &["a", "b"]).unwrap();
        let url = parse_url("ws://h:8080/x?y=1").unwrap();
        let request = request(&url, &handshake).unwrap();
        assert_eq!(request.uri(), "/x?y=1");
        assert_eq!(request.headers()["host"], "h:8080");
        assert_eq!(request.headers()["sec-websocket-protocol"], "a, b");
    }
}
