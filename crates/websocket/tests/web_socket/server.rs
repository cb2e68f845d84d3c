//! A server with named behaviours, good and bad, for the cases of the `WebSocket` object: one path for each.
//!
//! It reads requests by hand, so that it can answer what no good server answers. What follows a good handshake is a
//! `Socket` in the server's role.

use std::{io, sync::Arc};

use gumboot_websocket::{
    Link, Socket,
    proto::{
        CloseCode, CloseFrame, Config, Connection, DeflatePool, Message,
        handshake::{client::Agreed, server::Offer},
    },
    timer::now,
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The bytes of a request's head, at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // How a connection ends is what its client looks at.
        tokio::spawn(async { Visit::begin(stream).await?.go().await });
    }
}

/// Takes one connection, answers it well and without compression, and gives its stream.
#[allow(dead_code)] // The example does not need it.
pub(crate) async fn answered(listener: TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().await.expect("a client connects");
    let visit = Visit::begin(stream).await.expect("it sends a request");
    let open = visit.open_with(b"").await;
    open.expect("it takes the answer").stream
}

/// A connection with its request.
struct Visit {
    stream: TcpStream,
    request: Request<()>,
    leftover: Vec<u8>,
}

impl Visit {
    async fn begin(mut stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
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
        Ok(Self {
            stream,
            request,
            leftover,
        })
    }

    /// What the path asks for.
    async fn go(mut self) -> io::Result<()> {
        let uri = self.request.uri().clone();
        let query = uri.query().unwrap_or_default();
        match uri.path() {
            // Handshakes that are refused, or wrong.
            "/status" => self.refuse(query).await,
            "/redirect" => self.refuse("302 Found\r\nlocation: /echo").await,
            "/garbage" => self.stream.write_all(b"This is not HTTP.\r\n\r\n").await,
            "/hang-up" => Ok(()),
            "/silent" => self.until_its_end().await,
            "/bad-accept" => self.answer_with(&[("sec-websocket-accept", "AAAA")]).await,
            "/bad-extension" => {
                self.answer_with(&[("sec-websocket-extensions", query)])
                    .await
            }
            "/bad-upgrade" => self.answer_with(&[("upgrade", "h2c")]).await,
            "/bad-connection" => self.answer_with(&[("connection", "close")]).await,
            // Good handshakes, or nearly so.
            "/echo" => echo(self.open(b"").await?).await,
            "/protocol" => {
                let name = percent_decoded(query);
                self.answer_with(&[("sec-websocket-protocol", &name)]).await
            }
            "/bytes-with-101" => echo(self.open(b"\x81\x05Early").await?).await,
            "/send" => send(self.open(b"").await?, query).await,
            "/close" => close(self.open(b"").await?, query).await,
            "/close-on-message" => {
                let mut socket = self.open(b"").await?;
                socket.receive().await.map_err(io::Error::other)?;
                close(socket, query).await
            }
            "/close-and-drop" => self.open_with(b"\x88\x04\x03\xe8ok").await.map(drop),
            "/drop" => self.open_with(b"").await.map(drop),
            "/drop-on-message" => {
                let mut socket = self.open(b"").await?;
                socket.receive().await.map(drop).map_err(io::Error::other)
            }
            "/wire" => {
                let bytes = bytes_of(query).ok_or(invalid("not hexadecimal"))?;
                self.open_with(&bytes).await?.until_its_end().await
            }
            "/mute" => {
                let _open = self.open(b"").await?;
                std::future::pending().await
            }
            _ => self.refuse("404 Not Found").await,
        }
    }

    async fn refuse(mut self, status: &str) -> io::Result<()> {
        let status = percent_decoded(status);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        self.stream.write_all(answer.as_bytes()).await
    }

    /// An answer with headers that replace those of a good one; then an echo, should the client accept it.
    async fn answer_with(mut self, headers: &[(&'static str, &str)]) -> io::Result<()> {
        let mut answer = self.offer()?.accept(None, None);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(io::Error::other)?;
            answer
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        self.stream.write_all(&encode(&answer)).await?;
        let connection = Connection::server(Arc::new(Config::server()), now());
        echo(self.into_socket(connection)).await
    }

    /// A good answer without compression, with `bytes` in the same packet.
    async fn open_with(mut self, bytes: &[u8]) -> io::Result<Self> {
        let mut answer = encode(&self.offer()?.accept(None, None));
        answer.extend_from_slice(bytes);
        self.stream.write_all(&answer).await?;
        Ok(self)
    }

    /// A good answer, with the first subprotocol and with compression, and `bytes` in the same packet.
    async fn open(mut self, bytes: &[u8]) -> io::Result<Socket<TcpStream>> {
        let config = Config::server();
        let offer = self.offer()?;
        let deflate = config.deflate.as_ref();
        let deflate = deflate.and_then(|config| offer.choose_deflate(config));
        let protocol = offer.protocols().first().map(String::as_str);
        let mut answer = encode(&offer.accept(protocol, deflate.as_ref()));
        answer.extend_from_slice(bytes);
        self.stream.write_all(&answer).await?;
        let mut connection = Connection::server(Arc::new(config), now());
        if let Some(params) = &deflate {
            connection = connection.with_deflate(params, Arc::new(DeflatePool::default()));
        }
        Ok(self.into_socket(connection))
    }

    fn into_socket(self, connection: Connection) -> Socket<TcpStream> {
        let link = Link::new(self.stream, connection, &self.leftover);
        Socket::new(link, Agreed::default())
    }

    fn offer(&self) -> io::Result<Offer> {
        Offer::parse(&self.request).map_err(|refusal| invalid(&format!("{refusal:?}")))
    }

    /// Reads and says nothing, until the client goes.
    async fn until_its_end(mut self) -> io::Result<()> {
        while self.stream.read(&mut [0; 1024]).await? > 0 {}
        Ok(())
    }
}

async fn echo(mut socket: Socket<TcpStream>) -> io::Result<()> {
    while let Some(message) = socket.receive().await.map_err(io::Error::other)? {
        if socket.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Sends the messages `1`, `2` and so on, as many as the query says, and an empty Close.
async fn send(mut socket: Socket<TcpStream>, query: &str) -> io::Result<()> {
    let count: u32 = query.parse().map_err(io::Error::other)?;
    for number in 1..=count {
        let message = Message::text(number.to_string());
        socket.send(message).await.map_err(io::Error::other)?;
    }
    socket.close(None).await.map_err(io::Error::other)
}

/// Closes with a code and a reason, `1000,bye`; without a query with an empty Close.
async fn close(mut socket: Socket<TcpStream>, query: &str) -> io::Result<()> {
    let (code, reason) = query.split_once(',').unwrap_or((query, ""));
    let code = code.parse().ok().and_then(CloseCode::new);
    let frame = code.map(|code| CloseFrame::truncated(code, &percent_decoded(reason)));
    socket.close(frame.as_ref()).await.map_err(io::Error::other)
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

fn encode(answer: &Response<()>) -> Vec<u8> {
    debug_assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in answer.headers() {
        if name != header::CONTENT_LENGTH {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(bytes_of);
        bytes.extend(byte.unwrap_or_default());
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
