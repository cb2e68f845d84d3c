//! A request to the server of the cases, and the ways to answer it: over HTTP/1.1 by hand, so that it can be answered as
//! no good server would, and over HTTP/2 by hyper.

use std::io;

use bytes::Bytes;
use gumboot_websocket::{
    Link, Socket,
    proto::{
        Connection,
        handshake::{client::Agreed, server::Offer},
    },
    server::offer,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::Incoming, server::conn::http2::Builder, service::service_fn, upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{io::AsyncReadExt, sync::oneshot};

use super::{invalid, stream::Stream};

/// The bytes of a request's head, at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A request that waits for its answer.
pub(super) struct Visit {
    pub(super) request: Request<()>,
    asker: Asker,
}

/// Who has asked.
enum Asker {
    Http1(Opened),
    Http2 {
        /// Dropped, it resets the stream.
        answer: oneshot::Sender<Response<Full<Bytes>>>,
        upgrade: OnUpgrade,
    },
}

/// A stream that is a WebSocket now, and what its client has sent already.
pub(super) struct Opened {
    pub(super) stream: Stream,
    leftover: Vec<u8>,
}

impl Visit {
    /// Reads a request of HTTP/1.1.
    pub(super) async fn read(mut stream: Stream) -> io::Result<Self> {
        let mut head = Vec::new();
        let end = loop {
            if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            if head.len() > HEAD_BYTES_MAX || stream.read_buf(&mut head).await? == 0 {
                return Err(invalid("not a request"));
            }
        };
        let leftover = head.split_off(end);
        let request = parse(&String::from_utf8_lossy(&head)).ok_or(invalid("not a request"))?;
        let asker = Asker::Http1(Opened { stream, leftover });
        Ok(Self { request, asker })
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self.asker, Asker::Http2 { .. })
    }

    /// Whether it wants to become a WebSocket, rightly or wrongly.
    pub(super) fn is_handshake(&self) -> bool {
        self.request.method() == Method::CONNECT
            || self.request.headers().contains_key(header::UPGRADE)
    }

    pub(super) fn offer(&self) -> io::Result<Offer> {
        offer(&self.request).map_err(|refusal| invalid(&format!("{refusal:?}")))
    }

    /// Answers with a response of HTTP, and no more.
    pub(super) async fn respond(self, response: Response<Bytes>) -> io::Result<()> {
        match self.asker {
            Asker::Http1(Opened { mut stream, .. }) => stream.put(&encode(&response)).await,
            Asker::Http2 { answer, .. } => {
                let gone = |_| io::ErrorKind::BrokenPipe.into();
                answer.send(response.map(Full::new)).map_err(gone)
            }
        }
    }

    /// Answers that it is a WebSocket now, with `bytes` close behind.
    pub(super) async fn accept(self, response: Response<()>, bytes: &[u8]) -> io::Result<Opened> {
        let mut opened = match self.asker {
            Asker::Http1(mut opened) => {
                let answer = encode(&response.map(|()| Bytes::new()));
                opened.stream.put(&[&answer, bytes].concat()).await?;
                return Ok(opened);
            }
            Asker::Http2 { answer, upgrade } => {
                let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                let response = response.map(|()| Full::default());
                answer.send(response).map_err(gone)?;
                let upgraded = upgrade.await.map_err(io::Error::other)?;
                Opened {
                    stream: Stream::Http2(TokioIo::new(upgraded)),
                    leftover: Vec::new(),
                }
            }
        };
        opened.stream.put(bytes).await?;
        Ok(opened)
    }

    /// Answers with these bytes, whatever they are. HTTP/2 has no such answer.
    pub(super) async fn answer_raw(self, bytes: &[u8]) -> io::Result<()> {
        match self.asker {
            Asker::Http1(Opened { mut stream, .. }) => stream.put(bytes).await,
            Asker::Http2 { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Says nothing, until the client goes.
    pub(super) async fn stay_silent(self) -> io::Result<()> {
        match self.asker {
            Asker::Http1(opened) => opened.until_its_end().await,
            Asker::Http2 { mut answer, .. } => {
                answer.closed().await;
                Ok(())
            }
        }
    }
}

impl Opened {
    pub(super) fn into_socket(self, connection: Connection) -> Socket<Stream> {
        let link = Link::new(self.stream, connection, &Bytes::from(self.leftover));
        Socket::new(link, Agreed::default())
    }

    /// Reads and says nothing, until the client goes.
    pub(super) async fn until_its_end(mut self) -> io::Result<()> {
        while self.stream.read(&mut [0; 1024]).await? > 0 {}
        Ok(())
    }
}

/// Serves the requests of one connection of HTTP/2, each with a task of its own.
pub(super) async fn serve_http2<F>(stream: Stream, go: impl Fn(Visit) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let service = service_fn(|mut request: Request<Incoming>| {
        let (answer, answered) = oneshot::channel();
        let upgrade = hyper::upgrade::on(&mut request);
        let asker = Asker::Http2 { answer, upgrade };
        let request = named_host(request.map(drop));
        tokio::spawn(go(Visit { request, asker }));
        answered
    });
    Builder::new(TokioExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

/// RFC 9113 §8.3.1: `:authority` is what `Host` is in HTTP/1.1.
fn named_host(mut request: Request<()>) -> Request<()> {
    let authority = request.uri().authority().map(|name| name.as_str());
    if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

fn parse(head: &str) -> Option<Request<()>> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(()).ok()
}

fn encode(answer: &Response<Bytes>) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", answer.status()).into_bytes();
    let mut put = |name: &str, value: &[u8]| {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    };
    for (name, value) in answer.headers() {
        if name != header::CONTENT_LENGTH {
            put(name.as_str(), value.as_bytes());
        }
    }
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        put("content-length", answer.body().len().to_string().as_bytes());
        put("connection", b"close");
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(answer.body());
    head
}
