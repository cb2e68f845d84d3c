//! One connection, from its opening to its end: the line, and the session that STOMP has over it.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use gumboot_stomp_proto::{Beat, ClientSession, Input, Response, Version, client::Event};
use gumboot_websocket::{LinkError, proto::CloseCode, timer::now};
use tokio::task::JoinHandle;

use crate::{
    client::Settings,
    error::{Loss, ServerError},
    line::Line,
    session::Server,
};

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    line: Line,
    session: ClientSession,
}

impl Connection {
    /// Connects, and logs in.
    pub(crate) async fn open(settings: &Settings) -> Result<(Self, Server), Loss> {
        let line = settings.reach().await;
        let line = line.map_err(|error| Loss::Connect(Arc::new(error)))?;
        let mut connect = Vec::new();
        let session = settings.connect(now(), &mut connect);
        let mut connection = Self { line, session };
        connection.queue(now(), &connect);
        match poll_fn(|cx| connection.poll_connected(cx)).await {
            Ok(server) => Ok((connection, server)),
            Err(loss) => {
                connection.finish(code(&loss));
                Err(loss)
            }
        }
    }

    /// Waits for CONNECTED.
    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Result<Server, Loss>> {
        loop {
            let now = now();
            let mut answer = None;
            let read = self.poll_read(cx, now, |event| {
                // Nothing but an ERROR follows CONNECTED before something is asked.
                let next = answered(&event.response);
                if !matches!(answer, Some(Err(_))) {
                    answer = next.or(answer.take());
                }
            });
            if let Some(answer) = answer {
                return Poll::Ready(answer);
            }
            if let Poll::Ready(Err(loss)) = read {
                return Poll::Ready(Err(loss));
            }
            // What is left to write is seen to by the timer of the line.
            let _ = self.poll_write(cx, now)?;
            let timer = self.poll_timer(cx, None)?;
            if read.is_pending() && timer.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// The version agreed on.
    pub(crate) fn version(&self) -> Version {
        self.session.version().unwrap_or(Version::V1_0)
    }

    /// Puts a frame behind what waits to be written.
    pub(crate) fn queue(&mut self, now: Instant, frame: &[u8]) {
        self.line.queue(frame);
        self.session.handle_sent(now);
    }

    /// Whether the server must first take what waits for it.
    pub(crate) fn is_blocked(&self) -> bool {
        self.line.is_blocked()
    }

    /// Says whether it is read for now. While it is not, the server's silence means nothing.
    pub(crate) fn set_reading(&mut self, now: Instant, reads: bool) {
        self.line.set_reading(reads);
        if !reads || self.is_blocked() {
            self.session.handle_received(now);
        }
    }

    /// Reads once, and gives each frame to `on_event`.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        mut on_event: impl FnMut(Event<'_>),
    ) -> Poll<Result<(), Loss>> {
        let Self { line, session } = self;
        let mut failed = None;
        let read = line.poll_read(cx, now, |octets| {
            let mut input = Input::new(octets);
            while failed.is_none() {
                match session.handle_input(now, &mut input) {
                    Ok(Some(event)) => on_event(event),
                    Ok(None) => break,
                    Err(error) => failed = Some(error),
                }
            }
        });
        let read = ready!(read);
        if line.is_in_message() {
            session.handle_received(now);
        }
        if let Some(error) = failed {
            return Poll::Ready(Err(Loss::Protocol(error)));
        }
        if let Some(close) = line.close() {
            return Poll::Ready(Err(Loss::WebSocketClosed(close)));
        }
        Poll::Ready(read.map_err(lost))
    }

    /// Writes what waits; ready when nothing does.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), Loss>> {
        self.line.poll_write(cx, now).map_err(lost)
    }

    /// Ready when the deadline of the owner has passed, or another; beats, and gives a silent server up.
    pub(crate) fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        owner: Option<Instant>,
    ) -> Poll<Result<(), Loss>> {
        let deadlines = owner.into_iter().chain(self.session.poll_timeout());
        ready!(self.line.poll_timer(cx, deadlines.min())).map_err(lost)?;
        match self.session.handle_timeout(now()) {
            Ok(Some(Beat)) => self.line.queue(Beat::OCTETS),
            Ok(None) => {}
            Err(error) => return Poll::Ready(Err(Loss::Protocol(error))),
        }
        Poll::Ready(Ok(()))
    }

    /// Ends it in a task of its own, bounded in time: what waits is written, and the server's end awaited.
    pub(crate) fn finish(mut self, code: CloseCode) -> JoinHandle<()> {
        self.line.end(code);
        let mut line = self.line;
        tokio::spawn(async move { poll_fn(|cx| line.poll_end(cx, now())).await })
    }
}

/// What the answer to CONNECT says.
fn answered(response: &Response<'_>) -> Option<Result<Server, Loss>> {
    match response {
        Response::Connected(connected) => Some(Ok(Server {
            version: connected.version,
            session: connected.session.as_deref().map(str::to_owned),
            server: connected.server.as_deref().map(str::to_owned),
        })),
        Response::Error(error) => Some(Err(Loss::Refused(ServerError::from(error)))),
        Response::Message(_) | Response::Receipt(_) => None,
    }
}

fn lost(error: LinkError) -> Loss {
    match error {
        LinkError::Eof => Loss::Ended,
        error => Loss::Link(Arc::new(error)),
    }
}

/// The code of our Close behind a loss.
pub(crate) fn code(loss: &Loss) -> CloseCode {
    match loss {
        Loss::Protocol(_) => CloseCode::PROTOCOL,
        _ => CloseCode::NORMAL,
    }
}
