//! The task of a session: it has the connection, writes what handles ask for, brings them what arrives, and makes a new
//! connection when that one is lost.

use std::{
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use gumboot_websocket::{Backoff, proto::CloseCode, timer::now};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{
    client::Settings,
    connection::{Connection, code},
    error::{Error, Loss},
    ledger::Ledger,
    request::{Done, Request},
    session::{Server, State},
    shared::{Leave, Shared},
};

/// The rounds of a session before other tasks of its thread get their turn.
const ROUNDS_MAX: u32 = 16;

/// How long a connection stands until the waits between attempts start anew.
const STANDS_AFTER: Duration = Duration::from_secs(10);

/// The task.
pub(crate) struct Driver {
    pub(crate) settings: Arc<Settings>,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: watch::Sender<State>,
    pub(crate) ledger: Ledger,
    pub(crate) leaving: Leaving,
}

/// How far the end that the program wants has come.
#[derive(Debug, Default)]
pub(crate) enum Leaving {
    #[default]
    No,
    /// Requests that were made before are still taken.
    Wanted(Vec<Done>),
    /// DISCONNECT is written.
    Said,
}

/// How a connection ended.
enum Outcome {
    /// The program wanted it.
    Left,
    Lost(Loss),
}

impl Driver {
    /// Runs until the session is over.
    pub(crate) async fn run(mut self, connection: Connection) {
        let mut backoff = self.settings.reconnect.clone();
        let mut connection = Some(connection);
        let mut finishing = None;
        let loss = loop {
            let Some(mut standing) = connection.take() else {
                break None;
            };
            let since = now();
            let loss = match self.serve(&mut standing).await {
                Outcome::Left => {
                    finishing = Some(standing.finish(CloseCode::NORMAL));
                    break None;
                }
                Outcome::Lost(loss) => loss,
            };
            finishing = Some(standing.finish(code(&loss)));
            if matches!(self.leaving, Leaving::Said) && loss.is_normal_close() {
                self.ledger.on_closed();
            }
            if !matches!(self.leaving, Leaving::No) {
                break Some(loss);
            }
            self.ledger.on_lost(&loss);
            if now() - since >= STANDS_AFTER {
                backoff.iter_mut().for_each(Backoff::reset);
            }
            match self.reconnect(&mut backoff, loss).await {
                Ok(new) => connection = new,
                Err(loss) => break Some(loss),
            }
        };
        let state = self.end(loss.as_ref());
        if let Some(finishing) = finishing {
            // It has no result; and one that has panicked is at its end, too.
            let _ = finishing.await;
        }
        // `Session::closed` waits for this.
        drop(state);
    }

    /// Drives a connection until it ends.
    async fn serve(&mut self, connection: &mut Connection) -> Outcome {
        let version = connection.version();
        let now = now();
        let mut write = |frame: &[u8]| connection.queue(now, frame);
        self.ledger.on_connected(now, version, &mut write);
        poll_fn(|cx| self.poll_rounds(cx, connection)).await
    }

    fn poll_rounds(&mut self, cx: &mut Context<'_>, connection: &mut Connection) -> Poll<Outcome> {
        for _ in 0..ROUNDS_MAX {
            let round = self.poll_round(cx, connection);
            // What the server said last says more than that the connection ended behind it.
            if let Some(error) = self.ledger.take_refused() {
                return Poll::Ready(Outcome::Lost(Loss::Refused(error)));
            }
            if self.ledger.has_left() {
                return Poll::Ready(Outcome::Left);
            }
            match round {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => return Poll::Pending,
                Err(loss) => return Poll::Ready(Outcome::Lost(loss)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One round: read, write what is asked for, keep time. Ready if there may be more to do at once.
    fn poll_round(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection,
    ) -> Result<Poll<()>, Loss> {
        let now = now();
        self.take_notes(cx, now, Some(&mut *connection));
        let mut blocked = connection.is_blocked();
        let reads = self.ledger.wants_messages();
        self.ledger.set_reading(now, reads && !blocked);
        connection.set_reading(now, reads);
        let read = match reads {
            true => connection.poll_read(cx, now, |event| self.ledger.on_event(&event)),
            false => Poll::Pending,
        };
        let asked = self.poll_requests(cx, now, connection);
        blocked |= connection.is_blocked();
        let written = connection.poll_write(cx, now);
        if blocked && !connection.is_blocked() {
            return Ok(Poll::Ready(()));
        }
        let timer = connection.poll_timer(cx, self.ledger.poll_timeout());
        if timer.is_ready() {
            let mut write = |frame: &[u8]| connection.queue(now, frame);
            self.ledger.handle_timeout(now, &mut write);
        }
        let more = read.is_ready() || asked.is_ready() || timer.is_ready();
        for polled in [read, written, timer] {
            if let Poll::Ready(result) = polled {
                result?;
            }
        }
        Ok(if more { Poll::Ready(()) } else { Poll::Pending })
    }

    /// Takes what handles have noted.
    fn take_notes(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        mut connection: Option<&mut Connection>,
    ) {
        let notes = self.shared.poll_notes(cx);
        let mut write = |frame: &[u8]| {
            if let Some(connection) = &mut connection {
                connection.queue(now, frame);
            }
        };
        self.ledger.on_notes(&notes, &mut write);
        if let Leave::Yes(done) = notes.leave {
            match &mut self.leaving {
                Leaving::No => {
                    self.requests.close();
                    self.leaving = Leaving::Wanted(done);
                }
                Leaving::Wanted(waiting) => waiting.extend(done),
                Leaving::Said => self.ledger.also_left(done),
            }
        }
    }

    /// Takes requests while there is room for what they write.
    fn poll_requests(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        connection: &mut Connection,
    ) -> Poll<()> {
        let mut asked = Poll::Pending;
        while !connection.is_blocked() && self.ledger.has_room() {
            match self.poll_request(cx) {
                Poll::Ready(Some(request)) => {
                    let mut write = |frame: &[u8]| connection.queue(now, frame);
                    self.ledger.on_request(now, request, &mut write);
                    asked = Poll::Ready(());
                }
                Poll::Ready(None) => {
                    if let Leaving::Wanted(done) = &mut self.leaving {
                        let done = mem::take(done);
                        let mut write = |frame: &[u8]| connection.queue(now, frame);
                        self.ledger.on_leave(now, done, &mut write);
                        self.leaving = Leaving::Said;
                        asked = Poll::Ready(());
                    }
                    break;
                }
                Poll::Pending => break,
            }
        }
        asked
    }

    /// The next request. When the program wants the end, `None` comes once there is none: a request that has a place and
    /// was not put there is not waited for.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        match self.leaving {
            Leaving::No => self.requests.poll_recv(cx),
            Leaving::Wanted(_) | Leaving::Said => Poll::Ready(self.requests.try_recv().ok()),
        }
    }

    /// Makes a new connection, after waits that grow; `None` if the program wants the end meanwhile.
    async fn reconnect(
        &mut self,
        backoff: &mut Option<Backoff>,
        mut loss: Loss,
    ) -> Result<Option<Connection>, Loss> {
        for attempt in 1_u32.. {
            let Some(backoff) = backoff.as_mut().filter(|_| loss.is_temporary()) else {
                return Err(loss);
            };
            if self.settings.attempts_max.is_some_and(|max| attempt > max) {
                return Err(loss);
            }
            let wait = backoff.next_wait();
            self.state
                .send_replace(State::Reconnecting { attempt, loss });
            if timeout(wait, self.left()).await.is_ok() {
                return Ok(None);
            }
            let settings = Arc::clone(&self.settings);
            let opened = tokio::select! {
                opened = Connection::open(&settings) => opened,
                () = self.left() => return Ok(None),
            };
            loss = match opened {
                Ok((connection, server)) => {
                    self.on_server(server);
                    return Ok(Some(connection));
                }
                Err(loss) => loss,
            };
        }
        Err(loss)
    }

    /// Waits until the program wants the end.
    async fn left(&mut self) {
        poll_fn(|cx| {
            self.take_notes(cx, now(), None);
            match self.leaving {
                Leaving::No => Poll::Pending,
                Leaving::Wanted(_) | Leaving::Said => Poll::Ready(()),
            }
        })
        .await;
    }

    fn on_server(&self, server: Server) {
        self.state.send_replace(State::Connected(server));
    }

    /// Tells everybody; first how the session stands, so that who waited for the end sees it ended. Gives what tells of
    /// that, which does not change any more.
    fn end(mut self, loss: Option<&Loss>) -> watch::Sender<State> {
        let wanted = !matches!(self.leaving, Leaving::No);
        let confirmed = self.ledger.is_settled();
        let of_session = loss.filter(|_| !wanted).cloned();
        self.state.send_replace(State::Ended(of_session));
        self.ledger.on_ended(loss, wanted);
        self.ledger.tell_left();
        if let Leaving::Wanted(done) = mem::take(&mut self.leaving) {
            for done in done {
                let result = match (loss, confirmed) {
                    (None, true) => Ok(()),
                    (loss, _) => Err(Error::Unconfirmed(loss.cloned().unwrap_or(Loss::Ended))),
                };
                let _ = done.send(result);
            }
        }
        self.shared.end();
        self.state
    }
}
