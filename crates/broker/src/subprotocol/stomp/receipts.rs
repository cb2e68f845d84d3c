//! RECEIPTs, and what they wait for: the level of the store that the client asked for, or that its destination has by the
//! configuration. Those that wait go out in their order.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
    time::Instant,
};

use gumboot_stomp_proto::{ErrorFrame, Frame, Request, command::Receipt};
use gumboot_store::Level;

use super::{
    DISCONNECT_LINGER_MAX, End, RECEIPTS_LINGER_MAX, Stomp, history_headers::Place,
    refused::Refused,
};
use crate::{
    journal::{Confirmed, NotTaken, Noted, Ticket, Unconfirmed},
    subprotocol::Carrier,
};

/// The receipts of one session that may wait before it is not read from; what one read brings comes in still.
const WAITING_MAX: usize = 1_024;

/// What a failed store is called in ERROR.
const NOT_STORED: &str = "Not stored";

/// The level that a RECEIPT waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) level: Level,
    /// Whether the frame says so.
    is_asked: bool,
}

impl Wanted {
    /// Nothing is waited for.
    pub(super) const NOTHING: Self = Self {
        level: Level::Received,
        is_asked: false,
    };

    /// What a frame asks for with `receipt-level`, if it asks for a receipt.
    ///
    /// # Errors
    /// When there is no such level.
    fn read(frame: &Frame<'_>) -> Result<Option<Self>, Refused> {
        let Some(level) = frame.header("receipt-level") else {
            return Ok(None);
        };
        let level = match &*level {
            "received" => Level::Received,
            "stored" => Level::Stored,
            "synced" => Level::Synced,
            _ => {
                let what = "is received, stored or synced";
                return Err(Refused::header("receipt-level", what));
            }
        };
        Ok(Some(Self {
            level,
            is_asked: true,
        }))
    }
}

/// The receipts of a session that wait. Mostly none does, and nothing is held for them.
#[derive(Debug, Default)]
pub(super) struct Receipts(Option<Box<Line>>);

/// Those that wait, in their order.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Of the first of them.
    noted: Noted,
    /// How many of them are of a SUBSCRIBE.
    subscribing: usize,
}

#[derive(Debug)]
struct Waiting {
    receipt_id: Box<str>,
    ticket: Ticket,
    /// Of a SUBSCRIBE, where it began.
    place: Option<Place>,
}

impl Receipts {
    /// Whether as many wait as may.
    pub(super) fn is_full(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|line| line.waiting.len() >= WAITING_MAX)
    }

    /// Whether messages wait for one of them: that of their SUBSCRIBE comes first.
    pub(super) fn hold_messages(&self) -> bool {
        self.0.as_ref().is_some_and(|line| line.subscribing > 0)
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn push(&mut self, receipt_id: &str, ticket: Ticket, place: Option<Place>) {
        let line = self.0.get_or_insert_default();
        line.subscribing += usize::from(place.is_some());
        line.waiting.push_back(Waiting {
            receipt_id: receipt_id.into(),
            ticket,
            place,
        });
    }

    /// What the last that waits waits for.
    fn last(&self) -> Option<Ticket> {
        let line = self.0.as_ref()?;
        line.waiting.back().map(|waiting| waiting.ticket.clone())
    }

    /// The next that can be answered, and how; if none can, the task is woken when one can.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Option<(Waiting, Confirmed)> {
        let line = self.0.as_mut()?;
        let first = line.waiting.front()?;
        let Poll::Ready(confirmed) = first.ticket.poll(cx, &mut line.noted) else {
            return None;
        };
        line.noted = Noted::default();
        let first = line.waiting.pop_front()?;
        line.subscribing -= usize::from(first.place.is_some());
        self.0.take_if(|line| line.waiting.is_empty());
        Some((first, confirmed))
    }

    fn take(&mut self) -> VecDeque<Waiting> {
        self.0.take().map(|line| line.waiting).unwrap_or_default()
    }
}

impl Stomp {
    /// What the RECEIPT of a frame waits for.
    pub(super) fn wanted(
        &self,
        request: &Request<'_>,
        frame: &Frame<'_>,
    ) -> Result<Wanted, Refused> {
        if request.receipt().is_none() || matches!(request, Request::Connect(_)) {
            return Ok(Wanted::NOTHING);
        }
        if let Some(wanted) = Wanted::read(frame)? {
            return Ok(wanted);
        }
        let hub = self.seat.hub();
        if hub.journal.is_none() {
            return Ok(Wanted::NOTHING);
        }
        let destination = match request {
            Request::Send(send) => Some(&send.destination),
            Request::Subscribe(subscribe) => Some(&subscribe.destination),
            _ => None,
        };
        // One that is none is refused by who looks at it.
        let destination = destination.and_then(|name| hub.config.kinds.parse(name).ok());
        let configured = destination.map(|name| hub.config.durability.of(&name).receipt_level);
        Ok(Wanted {
            level: configured.unwrap_or(Level::Synced),
            is_asked: false,
        })
    }

    /// Sends the RECEIPT of a frame whose effects are done, now or once they are stored.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        receipt_id: &str,
        wanted: Wanted,
        ticket: Option<Ticket>,
        carrier: &mut impl Carrier,
    ) {
        self.answer_as(now, receipt_id, wanted, ticket, None, carrier);
    }

    /// The same of a SUBSCRIBE, whose messages come behind it.
    pub(super) fn answer_subscribe(
        &mut self,
        now: Instant,
        receipt_id: &str,
        wanted: Wanted,
        ticket: Option<Ticket>,
        place: Place,
        carrier: &mut impl Carrier,
    ) {
        self.answer_as(now, receipt_id, wanted, ticket, Some(place), carrier);
    }

    fn answer_as(
        &mut self,
        now: Instant,
        receipt_id: &str,
        wanted: Wanted,
        ticket: Option<Ticket>,
        place: Option<Place>,
        carrier: &mut impl Carrier,
    ) {
        match ticket.filter(|_| wanted.level > Level::Received) {
            Some(ticket) => self.receipts.push(receipt_id, ticket, place),
            None => {
                let level = self.is_shown(wanted).then_some(Level::Received);
                self.send_receipt(now, receipt_id, level, place.as_ref(), carrier);
            }
        }
    }

    /// Whether a RECEIPT names the level that is reached.
    fn is_shown(&self, wanted: Wanted) -> bool {
        wanted.is_asked || self.seat.hub().journal.is_some()
    }

    /// Answers DISCONNECT: its RECEIPT is the last frame, and waits for all that the session did.
    pub(super) fn answer_disconnect(
        &mut self,
        now: Instant,
        receipt_id: &str,
        wanted: Wanted,
        carrier: &mut impl Carrier,
    ) {
        let reached = self.turn.reached();
        let is_done = !self.turn.has_stored() || reached >= Some(wanted.level);
        if self.receipts.is_empty() && (is_done || wanted.level == Level::Received) {
            let level = self
                .is_shown(wanted)
                .then_some(reached.unwrap_or(Level::Received));
            return self.send_receipt(now, receipt_id, level, None, carrier);
        }
        let ticket = if is_done {
            self.receipts.last()
        } else {
            self.seat.hub().await_all(wanted.level)
        };
        // Where others wait, it waits too.
        let wanted = Wanted {
            level: wanted.level.max(Level::Stored),
            ..wanted
        };
        self.answer(now, receipt_id, wanted, ticket, carrier);
        if !self.receipts.is_empty() {
            self.end = End::Disconnected(now + RECEIPTS_LINGER_MAX);
        }
    }

    /// Sends the RECEIPTs of what is stored; ready if there was one.
    pub(super) fn poll_receipts(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        carrier: &mut impl Carrier,
    ) -> Poll<()> {
        let mut polled = Poll::Pending;
        while !carrier.is_full() {
            let Some((waiting, confirmed)) = self.receipts.poll_next(cx) else {
                break;
            };
            let Waiting {
                receipt_id, place, ..
            } = waiting;
            polled = Poll::Ready(());
            match confirmed {
                Ok(level) => {
                    self.send_receipt(now, &receipt_id, Some(level), place.as_ref(), carrier);
                }
                Err(Unconfirmed) => {
                    self.refuse_all(now, &receipt_id, carrier);
                    return polled;
                }
            }
            if self.receipts.is_empty() && matches!(self.end, End::Disconnected(_)) {
                if let Some(last) = self.last_words.take() {
                    self.say_last(now, &last, carrier);
                    return polled;
                }
                self.end = End::Disconnected(now + DISCONNECT_LINGER_MAX);
            }
        }
        polled
    }

    /// Nobody knows whether the store has what these receipts were for: an ERROR for each of them, then the end.
    fn refuse_all(&mut self, now: Instant, first: &str, carrier: &mut impl Carrier) {
        let refused = Refused::new(NOT_STORED, &NotTaken::Failed.as_str());
        let mut failed = vec![Box::from(first)];
        failed.extend(self.receipts.take().into_iter().map(|next| next.receipt_id));
        // An ERROR that has waited for them is the last.
        let last = match self.last_words.take() {
            Some(last) => Ok(last),
            None => Err(failed.pop()),
        };
        for receipt_id in failed {
            let frame = ErrorFrame {
                message: Some(refused.title.into()),
                receipt_id: Some((&*receipt_id).into()),
                version: None,
                body: refused.detail.as_str().into(),
            };
            let mut out = Vec::new();
            frame.encode(&mut out, self.session.version());
            self.send_frame(now, &out, carrier);
        }
        match last {
            Ok(last) => self.say_last(now, &last, carrier),
            Err(receipt_id) => self.refuse(now, &refused, receipt_id.as_deref(), carrier),
        }
    }

    fn send_receipt(
        &mut self,
        now: Instant,
        receipt_id: &str,
        level: Option<Level>,
        place: Option<&Place>,
        carrier: &mut impl Carrier,
    ) {
        let level = level.map(|level| level.to_string());
        let mut more = place.map(Place::headers).unwrap_or_default();
        more.extend(level.as_deref().map(|level| ("receipt-level", level)));
        let mut out = Vec::new();
        Receipt {
            receipt_id: receipt_id.into(),
        }
        .encode_with(&mut out, self.version(), &more);
        self.send_frame(now, &out, carrier);
    }
}
