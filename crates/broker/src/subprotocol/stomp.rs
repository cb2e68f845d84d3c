//! STOMP on one connection: requests of the client become commands to the broker, deliveries become MESSAGE frames.

mod subscriptions;

use std::{
    collections::VecDeque,
    fmt::Display,
    mem,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use gumboot_broker_core::{Destination, Kind, Kinds};
use gumboot_stomp_proto::{
    Beat, Error, ErrorFrame, Frame, Input, Request, ServerOptions, ServerSession, Version,
    command::{AckMode, Connect, Receipt, Send, Subscribe, Unsubscribe, encode_head},
    server::{Accept, Event},
};
use gumboot_websocket::proto::{CloseCode, CloseFrame};
use tracing::debug;

use self::subscriptions::Subscriptions;
use crate::{
    hub::Seat,
    mailbox::{Signal, Wakeups},
    metrics::Messages,
    publication::{Delivery, Publication},
    subprotocol::{Carrier, Subprotocol},
};

/// What CONNECTED says of the server.
const SERVER: &str = concat!("gumboot/", env!("CARGO_PKG_VERSION"));

/// From DISCONNECT on, the client has this long to close the connection before the server does.
const DISCONNECT_LINGER_MAX: Duration = Duration::from_secs(2);

/// The Close of a server that goes down.
pub(crate) fn going_away() -> CloseFrame {
    CloseFrame::truncated(CloseCode::GOING_AWAY, "the server is shutting down")
}

/// One client's STOMP.
#[derive(Debug)]
pub(crate) struct Stomp {
    seat: Seat,
    session: ServerSession,
    subscriptions: Subscriptions,
    /// Deliveries that were taken out of the mailbox and did not fit yet.
    outbox: VecDeque<Delivery>,
    messages_sent: u64,
    messages: Messages,
    wakeups: Wakeups,
    end: End,
}

/// How far the end of the session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    No,
    /// DISCONNECT was answered; the client closes, or the server does then.
    Disconnected(Instant),
    /// The connection is being ended.
    Ended,
}

/// Why a request is refused: what ERROR says, short and long.
struct Refused {
    title: &'static str,
    detail: String,
}

impl Refused {
    fn new(title: &'static str, detail: &dyn Display) -> Self {
        Self {
            title,
            detail: detail.to_string(),
        }
    }
}

impl Stomp {
    pub(crate) fn new(now: Instant, seat: Seat, options: Arc<ServerOptions>) -> Self {
        Self {
            seat,
            session: ServerSession::new(now, options),
            subscriptions: Subscriptions::default(),
            outbox: VecDeque::new(),
            messages_sent: 0,
            messages: Messages::default(),
            wakeups: Wakeups::default(),
            end: End::No,
        }
    }

    /// Takes octets of the client: some frames, or parts of one.
    pub(crate) fn on_data(&mut self, now: Instant, data: &[u8], carrier: &mut impl Carrier) {
        let mut input = Input::new(data);
        loop {
            match self.session.handle_input(now, &mut input) {
                Ok(Some(event)) => self.on_event(now, &event, carrier),
                Ok(None) => return,
                Err(error) => return self.fail(now, &error, carrier),
            }
        }
    }

    fn on_event(&mut self, now: Instant, event: &Event<'_>, carrier: &mut impl Carrier) {
        let done = match &event.request {
            Request::Connect(connect) => self.on_connect(now, connect, carrier),
            Request::Send(send) => self.on_send(send, &event.frame),
            Request::Subscribe(subscribe) => self.on_subscribe(subscribe),
            Request::Unsubscribe(unsubscribe) => self.on_unsubscribe(unsubscribe),
            Request::Disconnect(_) => {
                self.on_disconnect(now);
                Ok(())
            }
            Request::Ack(_) | Request::Nack(_) => Err(no_such_message()),
            Request::Begin(_) | Request::Commit(_) | Request::Abort(_) => Err(no_transactions()),
        };
        match done {
            Ok(()) => {
                if let Some(receipt_id) = event.request.receipt() {
                    self.send_receipt(now, receipt_id, carrier);
                }
            }
            Err(refused) => self.refuse(now, &refused, event.request.receipt(), carrier),
        }
    }

    fn on_connect(
        &mut self,
        now: Instant,
        connect: &Connect<'_>,
        carrier: &mut impl Carrier,
    ) -> Result<(), Refused> {
        self.seat
            .connect()
            .map_err(|refusal| Refused::new("Server full", &refusal))?;
        debug!(session = self.seat.id().0, version = %connect.version, "connected");
        let name = format!("session-{}", self.seat.id().0);
        let heart_beat = self.seat.hub().config.heart_beat;
        let accept = Accept {
            session: Some(&name),
            server: Some(SERVER),
            heart_beat,
        };
        let mut out = Vec::new();
        self.session.accept(now, &accept, &mut out);
        self.send_frame(now, &out, carrier);
        Ok(())
    }

    fn on_send(&mut self, send: &Send<'_>, frame: &Frame<'_>) -> Result<(), Refused> {
        if send.transaction.is_some() {
            return Err(no_transactions());
        }
        let destination = parse_destination(&send.destination)?;
        self.messages.r#in += 1;
        let publication = Publication::from_send(frame);
        self.seat
            .send(&destination, &publication, &mut self.wakeups)
            .map_err(|refusal| Refused::new("Message refused", &refusal))
    }

    fn on_subscribe(&mut self, subscribe: &Subscribe<'_>) -> Result<(), Refused> {
        if subscribe.ack != AckMode::Auto {
            let detail = "on /topic/ messages are acknowledged by sending them: use ack:auto";
            return Err(Refused::new("Acknowledgement not supported", &detail));
        }
        let destination = parse_destination(&subscribe.destination)?;
        let refused = |refusal| Refused::new("Subscription refused", &refusal);
        let id = self
            .subscriptions
            .insert(subscribe.key.clone())
            .map_err(refused)?;
        self.seat.subscribe(id, &destination).map_err(refused)
    }

    fn on_unsubscribe(&mut self, unsubscribe: &Unsubscribe<'_>) -> Result<(), Refused> {
        let refused = |refusal| Refused::new("Unsubscribe refused", &refusal);
        let id = self
            .subscriptions
            .remove(&unsubscribe.key)
            .map_err(refused)?;
        self.seat.unsubscribe(id).map_err(refused)
    }

    /// The RECEIPT is the last that the client hears: what waits for it is dropped.
    fn on_disconnect(&mut self, now: Instant) {
        self.seat.disconnect();
        self.subscriptions = Subscriptions::default();
        self.outbox = VecDeque::new();
        self.end = End::Disconnected(now + DISCONNECT_LINGER_MAX);
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

    fn end_with_error(
        &mut self,
        now: Instant,
        error: &ErrorFrame<'_>,
        code: CloseCode,
        carrier: &mut impl Carrier,
    ) {
        let mut out = Vec::new();
        error.encode(&mut out, self.session.version());
        self.send_frame(now, &out, carrier);
        let reason = error.message.as_deref().unwrap_or_default();
        self.end(&CloseFrame::truncated(code, reason), carrier);
    }

    fn end(&mut self, frame: &CloseFrame, carrier: &mut impl Carrier) {
        self.on_end();
        carrier.end(frame);
    }

    fn send_receipt(&mut self, now: Instant, receipt_id: &str, carrier: &mut impl Carrier) {
        let mut out = Vec::new();
        Receipt {
            receipt_id: receipt_id.into(),
        }
        .encode(&mut out, self.version());
        self.send_frame(now, &out, carrier);
    }

    /// Sends a frame other than MESSAGE: they are always text.
    fn send_frame(&mut self, now: Instant, frame: &[u8], carrier: &mut impl Carrier) {
        self.session.handle_sent(now);
        carrier.send(frame);
    }

    /// Sends deliveries until there are none or the carrier is full.
    fn send_outbox(&mut self, now: Instant, carrier: &mut impl Carrier) {
        let version = self.version();
        let mut head = Vec::with_capacity(128);
        while !carrier.is_full() {
            let Some(delivery) = self.outbox.pop_front() else {
                self.outbox = VecDeque::new();
                return;
            };
            // A message for a subscription that has ended meanwhile is nobody's.
            let Some(key) = self.subscriptions.key(delivery.subscription) else {
                continue;
            };
            self.messages_sent += 1;
            head.clear();
            encode_head(&mut head, version, key.id(), self.messages_sent, None);
            let publication = &delivery.publication;
            carrier.send_parts(publication.kind(), &head, publication.tail(version));
            self.messages.out += 1;
            self.session.handle_sent(now);
        }
    }

    fn on_signal(&mut self, now: Instant, signal: Signal, carrier: &mut impl Carrier) {
        match signal {
            Signal::Drain => self.end(&going_away(), carrier),
            // STOMP 1.2, DISCONNECT: nothing follows its RECEIPT.
            Signal::Overflow if matches!(self.end, End::Disconnected(_)) => {}
            Signal::Overflow => {
                let detail = "more messages wait for this connection than the server keeps for one";
                self.refuse(now, &Refused::new("Slow consumer", &detail), None, carrier);
            }
        }
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
        if self.end == End::Ended {
            return Poll::Pending;
        }
        let signal = if self.outbox.is_empty() {
            let (deliveries, signal) = self.seat.mailbox().poll_take(cx);
            self.outbox = deliveries;
            signal
        } else {
            self.seat.mailbox().poll_signal(cx)
        };
        let had_some = !self.outbox.is_empty();
        self.send_outbox(now, carrier);
        if let Some(signal) = signal {
            self.on_signal(now, signal, carrier);
        }
        if had_some {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
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
                self.end(&CloseFrame::truncated(CloseCode::NORMAL, ""), carrier);
            }
            return;
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
        self.seat.disconnect();
        self.subscriptions = Subscriptions::default();
        self.outbox = VecDeque::new();
        self.end = End::Ended;
    }

    fn after_batch(&mut self) {
        self.wakeups.wake();
    }

    fn take_messages(&mut self) -> Messages {
        mem::take(&mut self.messages)
    }
}

/// The kinds of destinations that are to be had through STOMP.
static KINDS: LazyLock<Kinds> = LazyLock::new(|| Kinds::new([("/topic/", Kind::Topic)], None));

fn parse_destination(name: &str) -> Result<Destination, Refused> {
    let invalid = |detail: &dyn Display| Refused::new("Invalid destination", detail);
    let destination = KINDS.parse(name).map_err(|error| invalid(&error))?;
    if destination.is_pattern() {
        return Err(invalid(&"wildcards in destinations are not supported"));
    }
    Ok(destination)
}

fn no_transactions() -> Refused {
    Refused::new(
        "Transactions not supported",
        &"this server has no transactions",
    )
}

fn no_such_message() -> Refused {
    Refused::new(
        "Unknown message",
        &"no message waits for this acknowledgement",
    )
}
