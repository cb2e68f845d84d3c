//! What a program hears of a connection that is made anew: messages, and why it was lost.

use std::{error, fmt, time::Duration};

use gumboot_websocket_proto::{CloseCode, CloseFrame, Message};

use crate::{client::ConnectError, pipe::LinkError};

/// One thing after the other of what happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent {
    /// The end: there will be no connection any more, and this is the last event.
    GivenUp {
        /// What ended it.
        failure: Failure,
        /// The messages that wait and were not sent.
        unsent: Vec<Message>,
    },
    /// A message from the server.
    Message(Message),
    /// A message is given up, and those behind it go on: the server closed the connection in the midst of it with 1003,
    /// 1007 or 1009, or as many as [`Reconnect::transfers_max`](crate::Reconnect::transfers_max) connections were lost
    /// in the midst of it. The failure follows, in [`ReconnectEvent::Waiting`].
    NotSent {
        /// The message.
        message: Message,
        /// How many connections were lost when they had sent a part of it.
        transfers: u32,
    },
    /// A connection stands, and the program's part of its opening is done.
    Open {
        /// The subprotocol that was chosen.
        protocol: Option<String>,
        /// The extensions that were agreed on, in the words of the server.
        extensions: String,
    },
    /// There is no connection: the one that stood was lost, or an attempt has failed.
    Waiting {
        /// Why.
        failure: Failure,
        /// The number of the next attempt since a connection stood, from 1.
        attempt: u32,
        /// How long until then.
        wait: Duration,
    },
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The server closed the connection, with this body of its Close.
    Closed(Option<CloseFrame>),
    /// None could be opened.
    Connect(ConnectError),
    /// One that stood has failed.
    Link(LinkError),
    /// The program's part of the opening has failed.
    OnOpen(OnOpenError),
    /// The program's part of the opening took longer than
    /// [`Reconnect::on_open_wait_max`](crate::Reconnect::on_open_wait_max).
    OnOpenTimedOut,
}

/// What the program's part of the opening may fail with.
pub type OnOpenError = Box<dyn error::Error + Send + Sync>;

/// Which part of its life a connection that is made anew is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconnectState {
    /// It is being opened, the program's part of that included.
    Connecting,
    /// It is given up, or was closed.
    Ended,
    /// It stands.
    Open,
    /// The next attempt is awaited.
    Waiting,
}

/// A message that was not taken, since there is no room for it or the end has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotQueued {
    /// There will be no connection any more.
    Ended(Message),
    /// As many as [`Reconnect::queue_messages_max`](crate::Reconnect::queue_messages_max) wait already.
    Full(Message),
}

impl Failure {
    /// Whether another attempt may succeed although nothing was changed: [`ConnectError::is_temporary`] says so, or a
    /// connection was lost, and not because the server closed it with 1000, being done.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Closed(Some(frame)) => frame.code() != CloseCode::NORMAL,
            Self::Connect(error) => error.is_temporary(),
            Self::Closed(None) | Self::Link(_) | Self::OnOpen(_) | Self::OnOpenTimedOut => true,
        }
    }
}

impl NotQueued {
    /// The message again.
    #[must_use]
    pub fn into_message(self) -> Message {
        match self {
            Self::Ended(message) | Self::Full(message) => message,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(Some(frame)) => {
                write!(f, "the server closed the connection with {}", frame.code())?;
                match frame.reason() {
                    "" => Ok(()),
                    reason => write!(f, ": {reason}"),
                }
            }
            Self::Closed(None) => f.write_str("the server closed the connection"),
            Self::Connect(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::OnOpen(error) => error.fmt(f),
            Self::OnOpenTimedOut => f.write_str("the opening was not finished in time"),
        }
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Link(error) => Some(error),
            Self::OnOpen(error) => Some(&**error),
            Self::Closed(_) | Self::OnOpenTimedOut => None,
        }
    }
}

impl fmt::Display for NotQueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended(_) => "there will be no connection any more",
            Self::Full(_) => "too many messages wait already",
        })
    }
}

impl error::Error for NotQueued {}
