//! A connection from its first byte on, in one task. What opens it is in a box, so that the task is no larger than the
//! session that follows, and that leaves no hole in the memory beside it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use gumboot_websocket::Link;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    session::Session,
    subprotocol::{echo::Echo, stomp::Stomp},
};

/// A WebSocket that stands.
#[expect(clippy::large_enum_variant, reason = "it is on its way to a task")]
pub(super) enum Opened<S> {
    Echo(Session<Link<S>, Echo>),
    Stomp(Session<Link<S>, Stomp>),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Opened<S> {
    /// Gives it a task of its own.
    pub(super) fn spawn(self) {
        match self {
            Self::Echo(session) => drop(tokio::spawn(session)),
            Self::Stomp(session) => drop(tokio::spawn(session)),
        }
    }
}

/// A session that a task has room for.
pub(super) trait Expected<S>: Sized {
    /// The session that was opened, if it is such a one; any other gets a task of its own.
    fn keep(opened: Opened<S>) -> Option<Self>;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Expected<S> for Session<Link<S>, Echo> {
    fn keep(opened: Opened<S>) -> Option<Self> {
        match opened {
            Opened::Echo(session) => Some(session),
            other @ Opened::Stomp(_) => {
                other.spawn();
                None
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Expected<S> for Session<Link<S>, Stomp> {
    fn keep(opened: Opened<S>) -> Option<Self> {
        match opened {
            Opened::Stomp(session) => Some(session),
            other @ Opened::Echo(_) => {
                other.spawn();
                None
            }
        }
    }
}

/// The task of a connection that most likely becomes a session of `P`.
#[expect(
    clippy::large_enum_variant,
    reason = "a session is what it is to have room for"
)]
pub(super) enum Opening<S, P> {
    /// Served until a WebSocket stands, if one does.
    Http(Pin<Box<dyn Future<Output = Option<Opened<S>>> + Send>>),
    Session(Session<Link<S>, P>),
}

impl<S, P> Future for Opening<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Unpin,
    Session<Link<S>, P>: Expected<S> + Future<Output = ()>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let opened = match &mut *self {
                Self::Session(session) => return Pin::new(session).poll(cx),
                Self::Http(http) => ready!(http.as_mut().poll(cx)),
            };
            match opened.and_then(Session::keep) {
                Some(session) => *self = Self::Session(session),
                None => return Poll::Ready(()),
            }
        }
    }
}
