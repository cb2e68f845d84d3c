//! The task behind a connection that is made anew: one life after the other, until it is closed or given up.

use std::{convert::Infallible, future::pending, time::Duration};

use gumboot_websocket_proto::{CloseFrame, Message};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{
        mpsc,
        oneshot::{self, error::RecvError},
        watch,
    },
    time::{Instant, sleep_until, timeout},
};

use super::{
    Reconnect, Retries,
    event::{Failure, ReconnectEvent, ReconnectState},
    queue::Queue,
    sending::{First, write_all},
};
use crate::{
    pipe::LinkError,
    socket::Socket,
    split::{Receiver, Sender},
};

pub(super) struct Driver<S> {
    reconnect: Reconnect<S>,
    /// Dropped before the events: whoever has seen their end sees the end of this too, also after a panic.
    state: watch::Sender<ReconnectState>,
    messages: Queue,
    events: mpsc::Sender<ReconnectEvent>,
    /// The connection that stands.
    socket: Option<(Sender<S>, Receiver<S>)>,
    first: Option<First>,
}

impl Retries {
    /// The number of the next attempt and the wait for it, if there is to be one.
    fn next(&mut self, failure: &Failure) -> Option<(u32, Duration)> {
        let is_last = |max| self.backoff.attempts() >= max;
        if !(self.is_worth_it)(failure) || self.attempts_max.is_some_and(is_last) {
            return None;
        }
        let asked = match failure {
            Failure::Connect(error) => error.retry_after(),
            _ => None,
        };
        let asked = asked.unwrap_or_default().min(self.retry_after_max);
        let wait = asked.saturating_add(self.backoff.next_wait());
        Some((self.backoff.attempts(), wait))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(
        reconnect: Reconnect<S>,
        state: watch::Sender<ReconnectState>,
        messages: Queue,
        events: mpsc::Sender<ReconnectEvent>,
    ) -> Self {
        Self {
            reconnect,
            state,
            messages,
            events,
            socket: None,
            first: None,
        }
    }

    /// Goes on until it is given up, or until `asked` wants the end; gives the messages that were not sent, unless an
    /// event has told them.
    pub(super) async fn run(
        mut self,
        mut asked: oneshot::Receiver<Option<CloseFrame>>,
    ) -> Vec<Message> {
        let failure = tokio::select! {
            biased;
            frame = &mut asked => {
                self.finish(frame).await;
                None
            }
            failure = self.live() => Some(failure),
        };
        let unsent = self.unsent().await;
        self.state.send_replace(ReconnectState::Ended);
        let Some(failure) = failure else {
            return unsent;
        };
        tokio::select! {
            biased;
            // Whoever wants the end takes no more events.
            _ = asked => unsent,
            Ok(place) = self.events.reserve() => {
                place.send(ReconnectEvent::GivenUp { failure, unsent });
                Vec::new()
            }
        }
    }

    /// One life after the other; why there is not another one.
    async fn live(&mut self) -> Failure {
        loop {
            self.state.send_replace(ReconnectState::Connecting);
            let failure = match self.open().await {
                Ok(()) => self.stand().await,
                Err(failure) => failure,
            };
            let Some((attempt, wait)) = self.reconnect.retries.next(&failure) else {
                return failure;
            };
            let next = Instant::now().checked_add(wait);
            self.state.send_replace(ReconnectState::Waiting);
            self.give_up_first().await;
            self.tell(ReconnectEvent::Waiting {
                failure,
                attempt,
                wait,
            })
            .await;
            match next {
                Some(next) => sleep_until(next).await,
                None => pending().await,
            }
        }
    }

    async fn open(&mut self) -> Result<(), Failure> {
        let Reconnect {
            connect,
            on_open,
            on_open_wait_max,
            ..
        } = &mut self.reconnect;
        let socket = connect().await.map_err(Failure::Connect)?;
        let socket = timeout(*on_open_wait_max, on_open(socket))
            .await
            .map_err(|_| Failure::OnOpenTimedOut)?
            .map_err(Failure::OnOpen)?;
        self.welcome(socket).await;
        Ok(())
    }

    async fn welcome(&mut self, socket: Socket<S>) {
        let event = ReconnectEvent::Open {
            protocol: socket.protocol().map(str::to_owned),
            extensions: socket.extensions().to_owned(),
        };
        self.socket = Some(socket.split());
        self.state.send_replace(ReconnectState::Open);
        self.tell(event).await;
    }

    /// Moves messages both ways until the connection that stands is lost.
    async fn stand(&mut self) -> Failure {
        let since = Instant::now();
        // They stay where they are: if this is dropped in the middle, `finish` goes on with them.
        let (sender, receiver) = self.socket.as_mut().expect("it was opened");
        let writing = write(sender, &mut self.messages, &mut self.first);
        let failure = tokio::select! {
            biased;
            never = writing => match never {},
            failure = read(receiver, &self.events) => failure,
        };
        self.settle_first();
        self.socket = None;
        if since.elapsed() >= self.reconnect.retries.stands_after {
            self.reconnect.retries.backoff.reset();
        }
        failure
    }

    /// Sends what waits, and closes the connection if one stands.
    async fn finish(&mut self, frame: Result<Option<CloseFrame>, RecvError>) {
        self.messages.end();
        let Some((sender, receiver)) = &mut self.socket else {
            return;
        };
        // Dropped by the program, it has no frame.
        let frame = frame.unwrap_or_default();
        let goodbye = async {
            write_all(sender, &mut self.messages, &mut self.first).await;
            sender.close(frame.as_ref()).await;
            pending::<Infallible>().await
        };
        let end = async { while let Ok(Some(_)) = receiver.receive().await {} };
        tokio::select! {
            biased;
            never = goodbye => match never {},
            () = end => {}
        }
        self.settle_first();
    }

    /// What waits and will not be sent.
    async fn unsent(&mut self) -> Vec<Message> {
        self.messages.end();
        let first = self.first.take().map(|first| first.message);
        let mut unsent = Vec::from_iter(first);
        while let Some(message) = self.messages.next().await {
            unsent.push(message);
        }
        unsent
    }

    /// Sees what the connection that is gone has done with the first message.
    fn settle_first(&mut self) {
        if let Some((sender, receiver)) = &self.socket {
            self.first = self
                .first
                .take()
                .and_then(|first| first.settle(sender, receiver));
        }
    }

    /// Tells that the first message is given up, if it is; else it would keep the others back for ever.
    async fn give_up_first(&mut self) {
        let max = self.reconnect.transfers_max;
        if !self
            .first
            .as_ref()
            .is_some_and(|first| first.is_given_up(max))
        {
            return;
        }
        // It is taken when there is room, so that it is not lost if this is dropped.
        let Ok(place) = self.events.reserve().await else {
            return pending().await;
        };
        if let Some(first) = self.first.take() {
            place.send(ReconnectEvent::NotSent {
                message: first.message,
                transfers: first.transfers,
            });
        }
    }

    /// Waits until there is room for an event. If nobody takes any more, the end is near.
    async fn tell(&mut self, event: ReconnectEvent) {
        if self.events.send(event).await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Hands messages to the program until the connection is lost.
async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    receiver: &mut Receiver<S>,
    events: &mpsc::Sender<ReconnectEvent>,
) -> Failure {
    loop {
        let Ok(place) = events.reserve().await else {
            return pending().await;
        };
        match receiver.receive().await {
            Ok(Some(message)) => place.send(ReconnectEvent::Message(message)),
            Ok(None) => return Failure::Closed(receiver.close_frame()),
            Err(error) => {
                return match (error, receiver.close_frame()) {
                    // What the server said of its end tells more than how the transport went down.
                    (LinkError::Eof | LinkError::Io(_), Some(frame)) => {
                        Failure::Closed(Some(frame))
                    }
                    (error, _) => Failure::Link(error),
                };
            }
        }
    }
}

/// Sends the messages that wait and those that come.
async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    sender: &Sender<S>,
    messages: &mut Queue,
    first: &mut Option<First>,
) -> Infallible {
    write_all(sender, messages, first).await;
    pending().await
}
