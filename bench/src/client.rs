//! A connection to a server, blocking: plain TCP, or WebSocket, either with TLS. What is waited for has a bound.

pub(crate) mod deflate;
pub(crate) mod frame;
mod tls;

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use self::{
    deflate::Inflater,
    frame::{CLOSE, Frame, PING, PONG, Role},
};
use crate::{Failure, connection::SILENCE_MAX};

/// How much is read at once.
pub(crate) const READ_BYTES: usize = 256 * 1024;

/// How long the answer to a handshake may be.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The key of RFC 6455, section 1.3, and what has to come of it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a browser offers by default.
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// Which server, and how it is spoken to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ServerArgs {
    /// Where the server listens
    #[arg(long, value_name = "ADDR")]
    pub(crate) server: SocketAddr,
    /// The path of the WebSocket
    #[arg(long, default_value = "/ws")]
    path: String,
    /// Offer permessage-deflate, and fail if the server has none
    #[arg(long)]
    pub(crate) compress: bool,
    /// Speak TLS with a server that has this certificate
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
    /// The server's process, to see what it uses
    #[arg(long)]
    pub(crate) pid: u32,
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    args: ServerArgs,
    tls: Option<Arc<ClientConfig>>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: Stream,
    /// What has come of a frame that is not whole.
    pending: Vec<u8>,
    /// If the server's messages refer to those before.
    context: Option<Box<Inflater>>,
}

/// The stream of a connection.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connector {
    pub(crate) fn new(args: &ServerArgs) -> Result<Self, Failure> {
        Ok(Self {
            tls: args.tls.as_deref().map(tls::config).transpose()?,
            args: args.clone(),
        })
    }

    /// A connection without WebSocket.
    pub(crate) fn connect(&self) -> Result<Client, Failure> {
        let stream = TcpStream::connect(self.args.server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(config) => Stream::Tls(Box::new(tls::stream(config, stream)?)),
        };
        Ok(Client {
            stream,
            pending: Vec::new(),
            context: None,
        })
    }

    /// A WebSocket, which offers a subprotocol if one is named.
    pub(crate) fn open(&self, protocol: Option<&str>) -> Result<Client, Failure> {
        let mut client = self.connect()?;
        client.send(self.request(protocol).as_bytes())?;
        let answer = client.answer()?;
        check_answer(&answer, protocol)?;
        let extensions = header(&answer, "sec-websocket-extensions").unwrap_or_default();
        match (
            self.args.compress,
            extensions.contains("permessage-deflate"),
        ) {
            (true, false) => return Err("the server agrees to no compression".into()),
            (false, true) => return Err("the server compresses what was not offered".into()),
            _ => {}
        }
        if self.args.compress && !extensions.contains("server_no_context_takeover") {
            client.context = Some(Box::default());
        }
        Ok(client)
    }

    fn request(&self, protocol: Option<&str>) -> String {
        let ServerArgs { server, path, .. } = &self.args;
        let protocol = protocol.map_or(String::new(), |protocol| {
            format!("Sec-WebSocket-Protocol: {protocol}\r\n")
        });
        let offer = if self.args.compress { OFFER } else { "" };
        format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{protocol}{offer}\r\n"
        )
    }
}

fn check_answer(answer: &str, protocol: Option<&str>) -> Result<(), Failure> {
    let good = answer.starts_with("HTTP/1.1 101 ")
        && header(answer, "sec-websocket-accept") == Some(ACCEPT)
        && header(answer, "sec-websocket-protocol") == protocol;
    if good {
        Ok(())
    } else {
        Err(format!("the handshake was answered with: {answer}").into())
    }
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = answer.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = headers.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

impl Client {
    /// Writes bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
        sent.map_err(|error| failed("send", &error))
    }

    /// Sends a message of text.
    pub(crate) fn send_text(&mut self, payload: &[u8]) -> Result<(), Failure> {
        let mut wire = Vec::with_capacity(payload.len() + 14);
        text(payload).write(Role::Client, &mut wire);
        self.send(&wire)
    }

    /// Reads once, waiting if there is nothing yet.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        };
        match read {
            Ok(0) => Err("the server ended a connection".into()),
            Ok(count) => Ok(count),
            Err(error) => Err(failed("receive", &error)),
        }
    }

    /// Reads once, and gives each whole message to a function: whether it is compressed, for itself, and its payload.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        mut each: impl FnMut(bool, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let count = self.read(buffer)?;
        let mut pending = std::mem::take(&mut self.pending);
        let bytes = if pending.is_empty() {
            &buffer[..count]
        } else {
            pending.extend_from_slice(&buffer[..count]);
            &pending
        };
        let mut taken = 0;
        while let Some((frame, length)) = frame::read(&bytes[taken..])? {
            taken += length;
            self.take(&frame, &mut each)?;
        }
        // Few reads end within a frame; the room goes back, so that ten thousand clients stay small.
        self.pending = bytes[taken..].to_vec();
        Ok(())
    }

    fn take(
        &mut self,
        frame: &Frame<'_>,
        each: &mut impl FnMut(bool, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match frame.opcode {
            PING => {
                let mut pong = Vec::new();
                let payload = frame.payload;
                let frame = Frame {
                    opcode: PONG,
                    compressed: false,
                    payload,
                };
                frame.write(Role::Client, &mut pong);
                self.send(&pong)
            }
            PONG => Ok(()),
            CLOSE => {
                let reason = frame.payload.get(2..).unwrap_or_default();
                let code = frame
                    .payload
                    .first_chunk()
                    .map(|at| u16::from_be_bytes(*at));
                let reason = String::from_utf8_lossy(reason);
                Err(format!("the server closed with {code:?} {reason}").into())
            }
            _ => match &mut self.context {
                Some(context) if frame.compressed => each(false, context.inflate(frame.payload)?),
                _ => each(frame.compressed, frame.payload),
            },
        }
    }

    /// The answer to a handshake, byte by byte, so that nothing behind it is taken.
    fn answer(&mut self) -> Result<String, Failure> {
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() == ANSWER_BYTES_MAX {
                return Err("the answer to the handshake is too long".into());
            }
            self.read(&mut byte)?;
            answer.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Plain(stream) => stream.as_fd(),
            Stream::Tls(stream) => stream.sock.as_fd(),
        }
    }
}

/// A message of text.
pub(crate) fn text(payload: &[u8]) -> Frame<'_> {
    Frame {
        opcode: frame::TEXT,
        compressed: false,
        payload,
    }
}

fn failed(what: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock => format!("cannot {what}: the server has not moved").into(),
        _ => format!("cannot {what}: {error}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl ServerArgs {
        /// A server as tests name it.
        pub(crate) fn of(server: SocketAddr) -> Self {
            Self {
                server,
                path: "/ws".to_owned(),
                compress: false,
                tls: None,
                pid: 0,
            }
        }
    }

    #[test]
    fn an_answer_is_held_against_what_was_asked() {
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\n\
             Sec-WebSocket-Protocol: v12.stomp\r\n\r\n"
        );
        assert!(check_answer(&answer, Some("v12.stomp")).is_ok());
        assert!(check_answer(&answer, None).is_err(), "none was offered");
        assert!(check_answer(&answer.replace("s3p", "s4p"), Some("v12.stomp")).is_err());
        assert!(check_answer(&answer.replace("101", "200"), Some("v12.stomp")).is_err());
    }
}
