//! Bodies to messages, and messages to what the server has confirmed of them.

use std::{cell::Cell, future::pending, time::Duration};

use gumboot_stomp::{Error, Receipt, Session};
use tokio::{
    sync::{
        Notify,
        mpsc::{self, error::TryRecvError},
    },
    time::{Instant, timeout, timeout_at},
};

use super::{Body, Template, args::Receipts};
use crate::command::stomp::{Failure, LEAVE_WAIT_MAX, Wanted, closed};

/// The messages that are sent before the first of them is confirmed.
const UNCONFIRMED_MAX: usize = 1024;

/// Messages on their way.
pub(super) struct Delivery<'p> {
    session: &'p Session,
    wanted: &'p Wanted,
    template: &'p Template,
    receipts: Receipts,
    /// The messages, from the first on, that the server has confirmed.
    confirmed: Cell<u64>,
    /// Told when no more is to be sent.
    stop: Notify,
    /// Whether that came before the end of the bodies.
    is_cut_short: Cell<bool>,
}

/// A message that was sent.
struct Sent {
    number: u64,
    receipt: Receipt,
    /// When it is late.
    until: Instant,
}

impl<'p> Delivery<'p> {
    pub(super) fn new(
        session: &'p Session,
        wanted: &'p Wanted,
        template: &'p Template,
        receipts: Receipts,
    ) -> Self {
        Self {
            session,
            wanted,
            template,
            receipts,
            confirmed: Cell::new(0),
            stop: Notify::new(),
            is_cut_short: Cell::new(false),
        }
    }

    /// How many messages, from the first on, were confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed.get()
    }

    /// Sends all there is; ready when it was confirmed and the session has ended.
    pub(super) async fn run(&self, bodies: mpsc::Receiver<Body>) -> Result<(), Failure> {
        let (window, sent) = mpsc::channel(UNCONFIRMED_MAX);
        let (wrong, ()) = tokio::try_join!(self.send(bodies, window), self.confirm(sent))?;
        match self.receipts {
            // What matters was confirmed.
            Receipts::Awaited => drop(self.disconnect(LEAVE_WAIT_MAX).await),
            Receipts::None => self.disconnect(self.wanted.wait_max).await?,
        }
        closed(self.session).await;
        wrong.map_or(Ok(()), |why| Err(Failure::Usage(why)))
    }

    /// Has [`Delivery::run`] take no more bodies.
    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Whether there may have been more bodies when [`Delivery::stop`] was called.
    pub(super) fn is_cut_short(&self) -> bool {
        self.is_cut_short.get()
    }

    /// Ends the session although not all is done.
    pub(super) async fn leave(&self) {
        // There is something worse to tell.
        let _ = self.disconnect(LEAVE_WAIT_MAX).await;
        closed(self.session).await;
    }

    /// Sends each body; gives what is wrong with the input, if something is.
    async fn send(
        &self,
        mut bodies: mpsc::Receiver<Body>,
        window: mpsc::Sender<Sent>,
    ) -> Result<Option<String>, Failure> {
        let mut number = 0;
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.notified() => {
                    let is_end = matches!(bodies.try_recv(), Err(TryRecvError::Disconnected));
                    self.is_cut_short.set(!is_end);
                    None
                }
                body = bodies.recv() => body,
            };
            let body = match next {
                None => return Ok(None),
                Some(Ok(body)) => body,
                Some(Err(why)) => return Ok(Some(why)),
            };
            number += 1;
            let message = self.template.message(body);
            let Ok(place) = window.reserve().await else {
                // Who awaits receipts tells why it does so no longer.
                return Ok(None);
            };
            let until = Instant::now() + self.wanted.wait_max;
            match self.receipts {
                Receipts::Awaited => {
                    let sending = self.session.send_with_receipt(message);
                    let receipt = self.in_time(number, until, sending).await?;
                    place.send(Sent {
                        number,
                        receipt,
                        until,
                    });
                }
                Receipts::None => {
                    let sending = self.session.send(message);
                    self.in_time(number, until, sending).await?;
                }
            }
        }
    }

    /// Awaits the receipts, in the order of the messages.
    async fn confirm(&self, mut waiting: mpsc::Receiver<Sent>) -> Result<(), Failure> {
        while let Some(sent) = waiting.recv().await {
            self.in_time(sent.number, sent.until, sent.receipt).await?;
            self.confirmed.set(sent.number);
        }
        Ok(())
    }

    /// Waits for what is done with a message.
    async fn in_time<T>(
        &self,
        number: u64,
        until: Instant,
        doing: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let what = format!("message {number}");
        let done = async {
            match doing.await {
                // How it has ended is told by who watches the session.
                Err(Error::Ended) => pending().await,
                done => done,
            }
        };
        match timeout_at(until, done).await {
            Ok(done) => done.map_err(|error| Failure::of(&what, error)),
            Err(_) => Err(self.wanted.late(&what, self.session)),
        }
    }

    async fn disconnect(&self, wait_max: Duration) -> Result<(), Failure> {
        match timeout(wait_max, self.session.disconnect()).await {
            Ok(left) => left.map_err(Failure::at_end),
            Err(_) => Err(self.wanted.late("the end of the session", self.session)),
        }
    }
}
