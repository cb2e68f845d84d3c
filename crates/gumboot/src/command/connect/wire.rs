//! The connection under a session: everything that arrives, control frames included, and the round trips of pings.

use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gumboot_websocket::{
    Link, LinkError, Socket, Transport,
    proto::{CloseFrame, Closing, Connection, Event, Message, SendError},
    timer::now,
};

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum Happening {
    /// The transport is closed: nothing more will happen.
    Ended(Ending),
    Message(Message),
    Ping(Bytes),
    Pong(Pong),
    /// What was queued has been written so far that there is room for more.
    Room,
}

/// An answer to a ping, or what looks like one.
#[derive(Debug)]
pub(super) struct Pong {
    pub(super) payload: Bytes,
    /// Since the ping was queued.
    pub(super) round_trip: Option<Duration>,
    /// Whether it answers a ping that the user asked for.
    pub(super) is_wanted: bool,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// Whether both Closes have passed, and nothing has failed.
    pub(super) is_clean: bool,
    /// The peer's Close, if one came.
    pub(super) close: Option<Option<CloseFrame>>,
    pub(super) failure: Option<LinkError>,
}

/// Pings of the user that wait for their pongs; of more, the first are forgotten.
const PINGS_WAITING_MAX: usize = 64;

/// An open connection.
#[derive(Debug)]
pub(super) struct Wire {
    link: Link<Transport>,
    arrived: Arrived,
    /// Pings that were asked for without a payload.
    pings_without_payload: u64,
    /// Whether the user has dropped what waited to be written, our Close perhaps among it.
    has_dropped: bool,
}

/// What has arrived and was not taken yet: no more than one read brings.
#[derive(Debug, Default)]
struct Arrived {
    happenings: VecDeque<Happening>,
    pings: VecDeque<(Bytes, Instant)>,
    /// The last round trip of a ping that the connection sent by itself.
    round_trip: Option<Duration>,
    close: Option<Option<CloseFrame>>,
    failure: Option<LinkError>,
}

impl Arrived {
    fn push(&mut self, connection: &Connection, event: Event<'_>) {
        let happening = match event {
            // It is part of the end.
            Event::Close(frame) => return self.close = Some(frame),
            Event::Message(message) => Happening::Message(message.into_message()),
            Event::Ping(payload) => Happening::Ping(payload.into_bytes()),
            Event::Pong(payload) => Happening::Pong(self.pong(connection, payload.into_bytes())),
        };
        self.happenings.push_back(happening);
    }

    /// RFC 6455 §5.5.3: a pong may answer the last of several pings.
    fn pong(&mut self, connection: &Connection, payload: Bytes) -> Pong {
        let known = self.pings.iter().rposition(|(sent, _)| *sent == payload);
        if let Some(index) = known {
            let (_, sent_at) = self.pings.drain(..=index).next_back().expect("it is there");
            return Pong {
                payload,
                round_trip: Some(now().saturating_duration_since(sent_at)),
                is_wanted: true,
            };
        }
        let measured = connection.round_trip();
        let is_new = measured != self.round_trip;
        self.round_trip = measured;
        Pong {
            payload,
            round_trip: measured.filter(|_| is_new),
            is_wanted: false,
        }
    }

    /// Keeps the first failure, which is the cause of others. Once the peer's Close is here, it may end the transport in
    /// whatever way, unless it `owes` us to take what waits for it.
    fn fail(&mut self, error: LinkError, owes: bool) {
        let transport = matches!(error, LinkError::Eof | LinkError::Io(_));
        if !transport || self.close.is_none() || owes {
            self.failure.get_or_insert(error);
        }
    }
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        Self::over(socket.into_parts().0)
    }

    fn over(link: Link<Transport>) -> Self {
        Self {
            link,
            arrived: Arrived::default(),
            pings_without_payload: 0,
            has_dropped: false,
        }
    }

    /// Puts a message behind what waits to be written.
    pub(super) fn send(&mut self, message: Message) -> Result<(), SendError> {
        self.link.connection().send(message)
    }

    /// Puts a ping behind what waits to be written. Without a payload it gets one, since the connection's own pings have
    /// none: their pongs could be taken for its.
    pub(super) fn ping(&mut self, payload: Bytes) -> Result<(), SendError> {
        let payload = match payload.is_empty() {
            true => {
                self.pings_without_payload += 1;
                format!("ping {}", self.pings_without_payload).into()
            }
            false => payload,
        };
        self.link.connection().ping(&payload)?;
        if self.arrived.pings.len() == PINGS_WAITING_MAX {
            self.arrived.pings.pop_front();
        }
        self.arrived.pings.push_back((payload, now()));
        Ok(())
    }

    /// Puts a Close behind what waits to be written, unless one is on its way already.
    pub(super) fn close(&mut self, frame: Option<&CloseFrame>) {
        let _ = self.link.connection().close(frame);
    }

    /// Ends the connection without a word.
    pub(super) fn drop_now(&mut self) {
        self.has_dropped |= self.has_unwritten();
        self.link.abandon();
    }

    fn has_unwritten(&mut self) -> bool {
        self.link.connection().bytes_pending() > 0
    }

    /// Whether the peer must first take what waits for it.
    pub(super) fn is_blocked(&self) -> bool {
        self.link.is_blocked()
    }

    /// Whether something has arrived that was not taken yet.
    pub(super) fn has_arrived(&self) -> bool {
        !self.arrived.happenings.is_empty()
    }

    /// What happens next, written and kept alive meanwhile; nothing is read and nothing given while `may_read` is false.
    pub(super) async fn next(&mut self, may_read: bool) -> Happening {
        poll_fn(|cx| self.poll_next(cx, may_read)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, may_read: bool) -> Poll<Happening> {
        loop {
            if may_read && let Some(happening) = self.arrived.happenings.pop_front() {
                return Poll::Ready(happening);
            }
            if self.link.is_ending() {
                return self.poll_end(cx);
            }
            let blocked = self.link.is_blocked();
            self.link.set_reading(may_read);
            let is_read = may_read && self.step(|wire| wire.poll_read(cx)).is_ready();
            let _ = self.step(|wire| wire.link.poll_write(cx, now()));
            let _ = self.step(|wire| wire.link.poll_timer(cx, None));
            if blocked && !self.link.is_blocked() {
                return Poll::Ready(Happening::Room);
            }
            if !is_read && !self.link.is_ending() {
                return Poll::Pending;
            }
        }
    }

    /// Takes a step of the link, and keeps its failure.
    fn step(&mut self, step: impl FnOnce(&mut Self) -> Poll<Result<(), LinkError>>) -> Poll<()> {
        let owes = self.has_unwritten();
        step(self).map(|result| {
            if let Err(error) = result {
                self.arrived.fail(error, owes);
            }
        })
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        let arrived = &mut self.arrived;
        self.link.poll_read(
            cx,
            now(),
            &mut |connection: &mut Connection, event: Event<'_>| arrived.push(connection, event),
        )
    }

    /// Finishes the transport; what has arrived is given first.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Happening> {
        if self.has_arrived() {
            return Poll::Pending;
        }
        ready!(self.step(|wire| wire.link.poll_end(cx)));
        let failure = self.arrived.failure.take();
        let has_closed = self.link.closing() == Closing::Clean && !self.has_dropped;
        Poll::Ready(Happening::Ended(Ending {
            is_clean: has_closed && failure.is_none(),
            close: self.arrived.close.take(),
            failure,
        }))
    }
}

#[cfg(test)]
mod tests;
