//! A session for one task: from the CONNECT to the DISCONNECT, with a signal or a loss in between.

use std::{cell::Cell, pin::pin, time::Duration};

use gumboot_stomp::{Error, Loss, Message, Session, State, Subscription};
use tokio::{sync::Notify, time::timeout};

use crate::command::{
    signals::Signals,
    stomp::{self, Failure, LEAVE_WAIT_MAX, Wanted},
};

/// How the server is called that lists its queues.
const OURS: &str = "gumboot/";

/// How a server is called that knows `browser:true`, beside ours.
const CLASSIC: &str = "ActiveMQ/";

/// A session, and what is known of its server.
pub(super) struct Visit<'w> {
    pub(super) session: Session,
    wanted: &'w Wanted,
    /// What the server calls itself.
    server: Option<String>,
    /// Told when no more is to be begun.
    stop: Notify,
    is_stopped: Cell<bool>,
    /// Whether something was left to do then.
    is_cut_short: Cell<bool>,
}

/// Opens a session, does the work in it, and ends it in order. After a signal the work is to come to its end soon.
pub(super) async fn run(
    wanted: &Wanted,
    signals: &mut Signals,
    work: impl AsyncFnOnce(&Visit<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let session = wanted.open(signals).await?;
    let server = match session.state() {
        State::Connected(server) => server.server,
        _ => None,
    };
    let visit = Visit {
        session,
        wanted,
        server,
        stop: Notify::new(),
        is_stopped: Cell::new(false),
        is_cut_short: Cell::new(false),
    };
    let result = visit.work(signals, work).await;
    if let Ok(()) | Err(Failure::Caught(_) | Failure::Usage(_)) = result {
        // All that matters was confirmed.
        let _ = timeout(LEAVE_WAIT_MAX, visit.session.disconnect()).await;
        stomp::closed(&visit.session).await;
    }
    result
}

impl Visit<'_> {
    async fn work(
        &self,
        signals: &mut Signals,
        work: impl AsyncFnOnce(&Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut working = pin!(work(self));
        let caught = tokio::select! {
            biased;
            done = &mut working => return done,
            caught = signals.recv() => caught,
        };
        self.is_stopped.set(true);
        self.stop.notify_one();
        let done = tokio::select! {
            biased;
            done = &mut working => done,
            _ = signals.recv() => Err(Failure::Caught(caught)),
        };
        match done {
            Ok(()) if self.is_cut_short.get() => Err(Failure::Caught(caught)),
            done => done,
        }
    }

    /// How the session has ended, which nobody wanted. An ERROR is about what was asked for last.
    async fn loss(&self, what: &str) -> Failure {
        match self.session.ended().await {
            Some(Loss::Refused(error)) => Failure::Refused {
                what: Some(what.to_owned()),
                error,
            },
            Some(loss) => Failure::lost(&loss),
            None => Failure::Other("the session has ended".to_owned()),
        }
    }

    /// Whether no more is to be begun. Who asks has more to do.
    pub(super) fn is_stopped(&self) -> bool {
        let is_stopped = self.is_stopped.get();
        self.is_cut_short.set(self.is_cut_short.get() || is_stopped);
        is_stopped
    }

    /// Whether something is left to do.
    pub(super) fn is_cut_short(&self) -> bool {
        self.is_cut_short.get()
    }

    /// Ready when no more is to be begun, although there may be more.
    pub(super) async fn stopped(&self) {
        if !self.is_stopped.get() {
            self.stop.notified().await;
        }
        self.is_cut_short.set(true);
    }

    /// Waits for what the server does, as long as it may take.
    pub(super) async fn in_time<T>(
        &self,
        what: &str,
        doing: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        match timeout(self.wait_max(), doing).await {
            Ok(done) => self.outcome(what, done).await,
            Err(_) => Err(self.wanted.late(what, &self.session)),
        }
    }

    /// What was done, or who is to blame that it was not.
    pub(super) async fn outcome<T>(
        &self,
        what: &str,
        done: Result<T, Error>,
    ) -> Result<T, Failure> {
        match done {
            Err(Error::Ended) => Err(self.loss(what).await),
            done => done.map_err(|error| Failure::of(what, error)),
        }
    }

    /// The next message of a subscription.
    pub(super) async fn receive(
        &self,
        what: &str,
        subscription: &mut Subscription,
    ) -> Result<Message, Failure> {
        let received = subscription.receive().await;
        match self.outcome(what, received).await? {
            Some(message) => Ok(message),
            None => Err(self.loss(what).await),
        }
    }

    /// How long the server may take for a thing.
    pub(super) fn wait_max(&self) -> Duration {
        self.wanted.wait_max
    }

    /// What the server calls itself.
    pub(super) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Whether it is one of ours, as far as it says.
    pub(super) fn is_ours(&self) -> bool {
        self.server().is_some_and(|server| server.starts_with(OURS))
    }

    /// Whether it shows what is in a queue, and where that ends, without giving it away.
    pub(super) fn shows_queues(&self) -> bool {
        let is_classic = |server: &str| server.starts_with(CLASSIC);
        self.is_ours() || self.server().is_some_and(is_classic)
    }
}
