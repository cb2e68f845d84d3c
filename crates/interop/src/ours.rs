//! Our two ends: a client that begins an exchange, and a server that sends back what it gets.

use std::{
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll},
};

use gumboot_websocket::{
    Client, Link, LinkError,
    proto::{CloseFrame, Connection, Event, MessageRef, Piece, handshake::server::Offer},
    server::{Acceptance, Answer, HttpLimits, serve_http},
    timer::now,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use crate::{
    exchange::{Close, Exchange, Role, Sent},
    report::{Bytes, Report},
};

/// The client's part of an exchange.
pub(crate) async fn connect(exchange: &Exchange, url: &str) -> io::Result<(Report, Bytes)> {
    let client = Client::new().config(exchange.config(Role::Client));
    let protocols: Vec<&str> = exchange.protocols.iter().map(String::as_str).collect();
    let connected = client.connect(url, &protocols).await;
    let (link, agreed) = connected.map_err(io::Error::other)?.into_parts();
    let mut talk = Talk::new(exchange, Role::Client);
    talk.report.extensions = Some(agreed.extensions);
    talk.report.protocol = agreed.protocol.unwrap_or_default();
    Ok(talk.run(link).await)
}

/// The server's part of an exchange, with the one client that comes.
pub(crate) async fn serve(
    exchange: &Exchange,
    listener: TcpListener,
) -> io::Result<(Report, Bytes)> {
    let config = Arc::new(exchange.config(Role::Server));
    let speaks: Vec<&str> = exchange.speaks.iter().map(String::as_str).collect();
    let (stream, _) = listener.accept().await?;
    let limits = HttpLimits::default();
    let served = serve_http(stream, &limits, |request| match Offer::parse(&request) {
        Ok(offer) => {
            let protocol = offer.choose(&speaks);
            let chosen = protocol.unwrap_or_default().to_owned();
            Answer::WebSocket(Acceptance::new(&offer, protocol, &config), chosen)
        }
        Err(refusal) => Answer::Http(refusal.response().map(|text| text.into())),
    });
    let upgraded = served.await?.ok_or(io::ErrorKind::ConnectionAborted)?;
    let (link, protocol) = upgraded.into_link(config);
    let mut talk = Talk::new(exchange, Role::Server);
    talk.report.protocol = protocol;
    Ok(talk.run(link).await)
}

/// An end and how far it has come.
struct Talk<'a> {
    role: Role,
    messages: Vec<Sent>,
    close: &'a Close,
    report: Report,
    pings: u32,
    failure: Option<LinkError>,
}

impl<'a> Talk<'a> {
    fn new(exchange: &'a Exchange, role: Role) -> Self {
        Self {
            role,
            messages: exchange.sent(),
            close: &exchange.close,
            report: Report::default(),
            pings: 0,
            failure: None,
        }
    }

    async fn run<S>(mut self, mut link: Link<S>) -> (Report, Bytes)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if self.role == Role::Client {
            for number in 0..self.messages.len() {
                self.send(link.connection(), number);
            }
        }
        self.close_in_time(link.connection());
        poll_fn(|cx| self.poll_talk(&mut link, cx)).await;
        if let Some(failure) = self.failure {
            self.report.wrong.push(failure.to_string());
        }
        let traffic = link.take_traffic();
        let (of_client, of_server) = match self.role {
            Role::Client => (traffic.bytes_out, traffic.bytes_in),
            Role::Server => (traffic.bytes_in, traffic.bytes_out),
        };
        let bytes = Bytes {
            of_client,
            of_server,
        };
        (self.report, bytes)
    }

    /// Talks until the connection has ended, however it does.
    fn poll_talk<S>(&mut self, link: &mut Link<S>, cx: &mut Context<'_>) -> Poll<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        while !link.is_ending() {
            let blocked = link.is_blocked();
            let read = link.poll_read(
                cx,
                now(),
                &mut |connection: &mut Connection, event: Event<'_>| {
                    self.on_event(connection, event);
                },
            );
            let written = link.poll_write(cx, now());
            let timer = link.poll_timer(cx, None);
            let unblocked = blocked && !link.is_blocked();
            let failed = matches!(written, Poll::Ready(Err(_)));
            let waits = read.is_pending() && timer.is_pending() && !unblocked && !failed;
            for result in [read, written, timer] {
                if let Poll::Ready(Err(error)) = result {
                    self.fail(error);
                }
            }
            if waits {
                return Poll::Pending;
            }
        }
        link.poll_end(cx).map(|ended| {
            if let Err(error) = ended {
                self.fail(error);
            }
        })
    }

    /// Once the peer's Close is here, it may end the transport in whatever way.
    fn fail(&mut self, error: LinkError) {
        let transport = matches!(error, LinkError::Eof | LinkError::Io(_));
        if !transport || !self.report.clean {
            self.failure.get_or_insert(error);
        }
    }

    fn on_event(&mut self, connection: &mut Connection, event: Event<'_>) {
        match event {
            Event::Message(message) => self.on_message(connection, &message),
            Event::Pong(payload) => {
                self.report.pong = Some(String::from_utf8_lossy(&payload).into_owned());
            }
            Event::Ping(_) => {}
            Event::Close(frame) => {
                let seen = |frame: CloseFrame| (frame.code().get(), frame.reason().to_owned());
                self.report.close = frame.map_or((1005, String::new()), seen);
                self.report.clean = true;
            }
        }
    }

    fn on_message(&mut self, connection: &mut Connection, message: &MessageRef<'_>) {
        let number = self.report.same + self.report.wrong.len();
        match self.messages.get(number) {
            Some(sent) if sent.kind == message.kind() && sent.payload == message.as_bytes() => {
                self.report.same += 1;
                if self.role == Role::Server {
                    self.send(connection, number);
                }
                self.close_in_time(connection);
            }
            _ => {
                let (kind, size) = (message.kind(), message.as_bytes().len());
                let wrong = format!("message {number} came as {kind:?} of {size} bytes");
                self.report.wrong.push(wrong);
            }
        }
    }

    /// Queues a message, whole or in pieces with a ping between each two.
    fn send(&mut self, connection: &mut Connection, number: usize) {
        let sent = &self.messages[number];
        if sent.pieces == 1 {
            return connection.send(sent.message()).expect("it is open");
        }
        let mut pieces = sent.cut();
        let last = pieces.pop().expect("there is one");
        for piece in pieces {
            let queued = connection.send_piece(sent.kind, piece, Piece::More);
            queued.expect("it is a piece");
            self.pings += 1;
            let ping = connection.ping(self.pings.to_string().as_bytes());
            ping.expect("it is open");
        }
        let queued = connection.send_piece(sent.kind, last, Piece::Last);
        queued.expect("the text is UTF-8");
    }

    /// Closes once all messages have come, if it is for this end to do.
    fn close_in_time(&mut self, connection: &mut Connection) {
        if self.close.by == self.role && self.report.same == self.messages.len() {
            let frame = self.close.frame();
            connection.close(frame.as_ref()).expect("it is open");
        }
    }
}
