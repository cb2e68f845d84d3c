//! STOMP on one connection: the order of things, and its end. What the client asks for is in `requests`, what it is sent
//! in `outbox`.

mod history_headers;
mod listing;
mod login;
mod message_id;
mod outbox;
mod receipts;
mod refused;
mod requests;
mod send_headers;
mod subscribe_headers;
mod subscriptions;
mod value;
mod withheld;

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use gumboot_stomp_proto::{Beat, Error, ErrorFrame, Input, ServerOptions, ServerSession, Version};
use gumboot_websocket::proto::{CloseCode, CloseFrame};
use tracing::debug;

use self::{
    listing::Listings, login::Pending, receipts::Receipts, refused::Refused,
    subscriptions::Subscriptions, withheld::Withheld,
};
use crate::{
    hub::Seat,
    journal::{Seen, Turn},
    mailbox::{Items, Signal},
    metrics::Messages,
    subprotocol::{Carrier, Subprotocol},
};

/// What CONNECTED says of the server.
const SERVER: &str = concat!("gumboot/", env!("CARGO_PKG_VERSION"));

/// From DISCONNECT on, the client has this long to close the connection before the server does.
const DISCONNECT_LINGER_MAX: Duration = Duration::from_secs(2);

/// How long a session whose end is certain stays for RECEIPTs that wait for a store that takes its time.
const RECEIPTS_LINGER_MAX: Duration = Duration::from_secs(60);

/// The Close of a server that goes down.
pub(crate) fn going_away() -> CloseFrame {
    CloseFrame::truncated(CloseCode::GOING_AWAY, "the server is shutting down")
}

/// One client's STOMP.
#[derive(Debug)]
pub(crate) struct Stomp {
    seat: Seat,
    session: ServerSession,
    /// Who has logged in, where a server has users.
    user: Option<Arc<str>>,
    /// A log-in that is being checked.
    pending: Option<Box<Pending>>,
    subscriptions: Subscriptions,
    withheld: Withheld,
    /// Lists of queues that are on their way; each is a subscription.
    listings: Listings,
    /// What waits for the store.
    receipts: Receipts,
    /// Whether so much waits for the store that nothing more is looked at.
    is_stalled: bool,
    seen: Seen,
    /// An ERROR that waits for them.
    last_words: Option<Box<LastWords>>,
    /// What was taken out of the mailbox and did not fit yet.
    outbox: Option<Box<Items>>,
    /// Messages that nobody acknowledges: their names count on.
    messages_sent: u64,
    messages: Messages,
    turn: Turn,
    end: End,
}

/// The last frame of a session, if there is one, and how its connection is closed then.
#[derive(Debug)]
struct LastWords {
    frame: Vec<u8>,
    close: CloseFrame,
}

/// How far the end of the session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    No,
    /// DISCONNECT was answered, or will be, or an ERROR waits for RECEIPTs; the client closes, or the server does then.
    Disconnected(Instant),
    /// The connection is being ended.
    Ended,
}

impl Stomp {
    pub(crate) fn new(now: Instant, seat: Seat, options: Arc<ServerOptions>) -> Self {
        Self {
            seat,
            session: ServerSession::new(now, options),
            user: None,
            pending: None,
            subscriptions: Subscriptions::default(),
            withheld: Withheld::default(),
            listings: Listings::default(),
            receipts: Receipts::default(),
            is_stalled: false,
            seen: Seen::default(),
            last_words: None,
            outbox: None,
            messages_sent: 0,
            messages: Messages::default(),
            turn: Turn::default(),
            end: End::No,
        }
    }

    /// Takes octets of the client: some frames, or parts of one.
    pub(crate) fn on_data(&mut self, now: Instant, data: &[u8], carrier: &mut impl Carrier) {
        let mut input = Input::new(data);
        loop {
            if let Some(pending) = &mut self.pending {
                return pending.hold(input.rest());
            }
            match self.session.handle_input(now, &mut input) {
                Ok(Some(event)) => self.on_event(now, &event, carrier),
                Ok(None) => return,
                Err(error) => return self.fail(now, &error, carrier),
            }
        }
    }

    /// The client broke the protocol: it is told, and the connection ended.
    fn fail(&mut self, now: Instant, error: &Error, carrier: &mut impl Carrier) {
        debug!(session = self.seat.id().0, %error, "failed");
        self.end_with_error(now, &error.error_frame(), CloseCode::PROTOCOL, carrier);
    }

    /// The broker does not do what the client asks for: it is told, and the connection ended.
    fn refuse(
        &mut self,
        now: Instant,
        refused: &Refused,
        receipt: Option<&str>,
        carrier: &mut impl Carrier,
    ) {
        debug!(session = self.seat.id().0, refused.detail, "refused");
        let frame = ErrorFrame {
            message: Some(refused.title.into()),
            receipt_id: receipt.map(Into::into),
            version: None,
            body: refused.detail.as_str().into(),
        };
        self.end_with_error(now, &frame, CloseCode::POLICY, carrier);
    }

    /// The ERROR is the last frame; RECEIPTs that wait for the store come before it.
    fn end_with_error(
        &mut self,
        now: Instant,
        error: &ErrorFrame<'_>,
        code: CloseCode,
        carrier: &mut impl Carrier,
    ) {
        let mut frame = Vec::new();
        error.encode(&mut frame, self.session.version());
        let reason = error.message.as_deref().unwrap_or_default();
        let last = LastWords {
            frame,
            close: CloseFrame::truncated(code, reason),
        };
        self.end_with(now, last, carrier);
    }

    /// Ends with these words, behind the RECEIPTs that wait for the store.
    fn end_with(&mut self, now: Instant, last: LastWords, carrier: &mut impl Carrier) {
        if self.receipts.is_empty() {
            self.say_last(now, &last, carrier);
        } else if self.last_words.is_none() {
            self.session.close();
            self.leave();
            self.last_words = Some(Box::new(last));
            self.end = End::Disconnected(now + RECEIPTS_LINGER_MAX);
        }
    }

    fn say_last(&mut self, now: Instant, last: &LastWords, carrier: &mut impl Carrier) {
        if !last.frame.is_empty() {
            self.send_frame(now, &last.frame, carrier);
        }
        self.end(&last.close, carrier);
    }

    fn end(&mut self, frame: &CloseFrame, carrier: &mut impl Carrier) {
        self.on_end();
        carrier.end(frame);
    }

    /// Sends a frame other than MESSAGE: they are always text.
    fn send_frame(&mut self, now: Instant, frame: &[u8], carrier: &mut impl Carrier) {
        self.session.handle_sent(now);
        carrier.send(frame);
    }

    fn on_signal(&mut self, now: Instant, signal: Signal, carrier: &mut impl Carrier) {
        match signal {
            Signal::Drain => {
                let last = LastWords {
                    frame: Vec::new(),
                    close: going_away(),
                };
                self.end_with(now, last, carrier);
            }
            // STOMP 1.2, DISCONNECT: nothing follows its RECEIPT.
            Signal::Overflow if matches!(self.end, End::Disconnected(_)) => {}
            Signal::Overflow => {
                let detail = "more messages wait for this connection, or for one of its subscriptions, than the server keeps";
                self.refuse(now, &Refused::new("Slow consumer", &detail), None, carrier);
            }
        }
    }

    /// What is stored is answered; ready if something was, or if there is room again for what the client asks for.
    fn poll_journal(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        carrier: &mut impl Carrier,
    ) -> Poll<()> {
        let Some(journal) = &self.seat.hub().journal else {
            return Poll::Pending;
        };
        let was_stalled = self.is_stalled;
        self.is_stalled = journal.room.poll(cx, &mut self.seen).is_pending();
        let answered = self.poll_receipts(cx, now, carrier);
        if was_stalled && !self.is_stalled {
            return Poll::Ready(());
        }
        answered
    }

    fn version(&self) -> Version {
        self.session.version().unwrap_or(Version::V1_0)
    }
}

impl Subprotocol for Stomp {
    fn poll_outbox(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        carrier: &mut impl Carrier,
    ) -> Poll<()> {
        // What a connection does not take any more is for others, and not to be called sent.
        if self.end == End::Ended || !carrier.is_open() {
            return Poll::Pending;
        }
        // What was held until then may be for the one who sent it.
        let logged_in = self.poll_login(cx, now, carrier);
        if self.end == End::Ended {
            return Poll::Ready(());
        }
        let answered = self.poll_journal(cx, now, carrier);
        if self.end == End::Ended {
            return Poll::Ready(());
        }
        let mut outbox = self.outbox.take().map_or_else(Items::default, |kept| *kept);
        let mut has_more = answered.is_ready() || logged_in.is_ready();
        let (mut signal, mut has_sent) = (None, false);
        loop {
            if outbox.is_empty() {
                signal = self.seat.mailbox().poll_take(cx, &mut outbox);
                let may_list = !self.listings.is_empty() && !carrier.is_full();
                has_more |= may_list && self.list_portion(&mut outbox);
            }
            let is_held = self.is_stalled || self.receipts.hold_messages();
            let messages = self.messages.out;
            let is_through = is_held || !self.send_outbox(now, &mut outbox, carrier);
            has_sent |= !is_through;
            // A replay whose selector takes nothing puts a mark behind each mark, and fills no carrier: a round for each.
            if !is_through && self.messages.out == messages {
                has_more = true;
                break;
            }
            // What has come meanwhile goes into the same write; who waits for more has seen that there is none.
            if is_through || signal.is_some() || !outbox.is_empty() {
                break;
            }
        }
        has_more |= has_sent && (signal.is_some() || !outbox.is_empty());
        if !outbox.is_empty() {
            signal = signal.or_else(|| self.seat.mailbox().poll_signal(cx));
            self.outbox = Some(Box::new(outbox));
        }
        if let Some(signal) = signal {
            self.on_signal(now, signal, carrier);
        }
        // Who has ended reads again, whatever it waited for before.
        if has_more || self.end == End::Ended {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn takes_input(&self) -> bool {
        self.pending.is_none() && !self.is_stalled && !self.receipts.is_full()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.end {
            End::No => self.session.poll_timeout(),
            End::Disconnected(until) => Some(until),
            End::Ended => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant, carrier: &mut impl Carrier) {
        if let End::Disconnected(until) = self.end {
            if until <= now {
                match self.last_words.take() {
                    Some(last) => self.say_last(now, &last, carrier),
                    None => self.end(&CloseFrame::truncated(CloseCode::NORMAL, ""), carrier),
                }
            }
            return;
        }
        if !self.takes_input() {
            // What was not read is no silence.
            self.session.handle_received(now);
        }
        match self.session.handle_timeout(now) {
            Ok(Some(Beat)) => {
                carrier.send(Beat::OCTETS);
            }
            Ok(None) => {}
            Err(error) => self.fail(now, &error, carrier),
        }
    }

    fn handle_received(&mut self, now: Instant) {
        self.session.handle_received(now);
    }

    fn on_end(&mut self) {
        self.session.close();
        self.pending = None;
        self.leave();
        self.receipts = Receipts::default();
        self.last_words = None;
        self.is_stalled = false;
        self.end = End::Ended;
    }

    fn after_batch(&mut self) {
        self.turn.wake();
    }

    fn take_messages(&mut self) -> Messages {
        mem::take(&mut self.messages)
    }
}

#[cfg(test)]
mod tests;
