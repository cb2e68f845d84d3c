//! One connection, one task: read, send what others have for it, write, keep time; in that order, nothing in between.

pub(crate) mod tcp;
pub(crate) mod websocket;

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use gumboot_websocket::{LinkError, Traffic, timer::now};
use tracing::debug;

use crate::{
    metrics::Connected,
    subprotocol::{Carrier, Subprotocol},
};

/// The rounds of a connection before other tasks of its thread get their turn.
const ROUNDS_MAX: u32 = 16;

/// What a session runs over: a WebSocket, or a plain stream.
pub(crate) trait Line<P> {
    type Carrier: Carrier;

    /// What the subprotocol sends on.
    fn carrier(&mut self) -> &mut Self::Carrier;

    /// Reads once, and gives what arrived to the subprotocol. While the line is blocked, it is pending and wakes nobody.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        protocol: &mut P,
    ) -> Poll<Result<(), LinkError>>;

    /// Writes what waits; ready when nothing does.
    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), LinkError>>;

    /// Ready when the deadline of the subprotocol has passed; sees to those of the line by itself.
    fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        owner: Option<Instant>,
    ) -> Poll<Result<(), LinkError>>;

    /// Whether the last read most likely has left nothing behind.
    fn is_drained(&self) -> bool;

    /// Whether the peer must first take what waits for it.
    fn is_blocked(&self) -> bool;

    /// Whether only [`Line::poll_end`] is left to do.
    fn is_ending(&self) -> bool;

    /// Writes what is left, and ends the transport.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// The bytes since the last call.
    fn take_traffic(&mut self) -> Traffic;
}

/// What is known of what others have for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outbox {
    /// Nothing.
    Unknown,
    /// It is empty, and the task is woken when that changes.
    Waits,
}

/// What one round leaves for the next.
#[derive(Debug)]
struct Known {
    outbox: Outbox,
    /// Something was read, and is not answered yet.
    has_read: bool,
}

/// The task of a connection: done when its transport has ended.
#[derive(Debug)]
pub(crate) struct Session<L, P> {
    line: L,
    protocol: P,
    connected: Connected,
    ended: bool,
}

impl<L: Line<P>, P: Subprotocol> Session<L, P> {
    pub(crate) fn new(line: L, protocol: P, connected: Connected) -> Self {
        Self {
            line,
            protocol,
            connected,
            ended: false,
        }
    }

    /// Rounds until there is nothing to do at once; ready at the end of the connection.
    fn poll_rounds(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What the clock says is needed for waits of seconds: it is read once.
        let now = now();
        let mut known = Known {
            outbox: Outbox::Unknown,
            has_read: false,
        };
        for round in 1..=ROUNDS_MAX {
            if self.line.is_ending() {
                return self.poll_end(cx);
            }
            let is_last = round == ROUNDS_MAX;
            if self.poll_round(cx, now, &mut known, is_last).is_pending() {
                return Poll::Pending;
            }
        }
        // A peer that always sends does not keep what is due from being done.
        let _ = self.poll_timer(cx);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One round; ready if there may be more to do at once. Between two reads there is always a look at the outbox and a
    /// write: the second may find the end, and what waits then goes nowhere.
    fn poll_round(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        known: &mut Known,
        is_last: bool,
    ) -> Poll<()> {
        let Known { outbox, has_read } = known;
        let mut read = match mem::take(has_read) {
            true => Poll::Ready(()),
            false => self.poll_read(cx, now, outbox),
        };
        let blocked = self.line.is_blocked();
        let mut sent = Poll::Pending;
        if *outbox == Outbox::Unknown {
            sent = self.protocol.poll_outbox(cx, now, self.line.carrier());
            // If there was no room it may not have been looked at.
            *outbox = match sent.is_pending() && !self.line.is_blocked() {
                true => Outbox::Waits,
                false => Outbox::Unknown,
            };
        }
        let full = self.line.is_blocked();
        let _ = self.line.poll_write(cx, now).map(log_end);
        if full && !self.line.is_blocked() {
            if blocked {
                // What was not read is no silence.
                self.protocol.handle_received(now);
            }
            *outbox = Outbox::Unknown;
            return Poll::Ready(());
        }
        let is_through = sent.is_pending() && !is_last && !self.line.is_ending();
        if read.is_ready() && is_through && self.line.is_drained() {
            // Most likely this finds nothing, and sees to it that the task is woken: a round of its own would ask for all
            // the rest again.
            read = self.poll_read(cx, now, outbox);
            *has_read = read.is_ready();
        }
        if read.is_ready() || sent.is_ready() || self.line.is_ending() {
            return Poll::Ready(());
        }
        let timer = self.poll_timer(cx);
        if timer.is_ready() || self.line.is_ending() {
            *outbox = Outbox::Unknown;
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Reads; ready if there may be more.
    #[inline(always)]
    fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant, outbox: &mut Outbox) -> Poll<()> {
        if !self.protocol.takes_input() {
            return Poll::Pending;
        }
        let read = ready!(self.line.poll_read(cx, now, &mut self.protocol));
        self.protocol.after_batch();
        log_end(read);
        // What has come may have been for the one who sent it.
        *outbox = Outbox::Unknown;
        Poll::Ready(())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A peer that is not read cannot be late; that it does not read is for the line to end.
        let blocked = self.line.is_blocked();
        let owner = if blocked {
            None
        } else {
            self.protocol.poll_timeout()
        };
        match ready!(self.line.poll_timer(cx, owner)) {
            Ok(()) => self.protocol.handle_timeout(now(), self.line.carrier()),
            Err(error) => log_end(Err(error)),
        }
        Poll::Ready(())
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ended {
            self.ended = true;
            self.protocol.on_end();
        }
        self.line.poll_end(cx)
    }
}

#[inline(always)]
fn log_end(ended: Result<(), LinkError>) {
    if let Err(error) = ended {
        log_error(&error);
    }
}

#[cold]
fn log_error(error: &LinkError) {
    debug!(%error, "connection ended");
}

impl<L: Line<P> + Unpin, P: Subprotocol + Unpin> Future for Session<L, P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let session = &mut *self;
        let polled = session.poll_rounds(cx);
        session.connected.add(
            session.line.take_traffic(),
            session.protocol.take_messages(),
        );
        polled
    }
}

#[cfg(test)]
mod tests {
    use gumboot_websocket::Link;
    use tokio::net::TcpStream;

    use super::*;
    use crate::subprotocol::{echo::Echo, stomp::Stomp};

    /// What tokio has in a task beside its future.
    const TASK_BYTES: usize = 96;

    /// The bytes of a task that has `S` as its future: tokio aligns tasks to 128.
    fn task<S>() -> usize {
        (TASK_BYTES + size_of::<S>()).next_multiple_of(128)
    }

    /// Most of what an idle connection weighs is its task.
    #[test]
    fn a_task_is_no_larger_than_it_was() {
        let sizes = [
            task::<Session<Link<TcpStream>, Echo>>(),
            task::<Session<Link<TcpStream>, Stomp>>(),
            task::<Session<tcp::TcpLine<TcpStream>, Stomp>>(),
        ];
        assert_eq!(sizes, [512, 896, 768]);
    }
}
