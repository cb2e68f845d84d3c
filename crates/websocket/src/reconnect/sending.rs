//! The message that is being sent: put on a connection, and on the next one if it was not sent whole.

use gumboot_websocket_proto::{CloseCode, Message};
use tokio::io::{AsyncRead, AsyncWrite};

use super::queue::Queue;
use crate::split::{Receiver, Sender};

/// The codes by which a server takes no such message: its kind, its content, its length (RFC 6455 §7.4.1).
const REFUSING: [CloseCode; 3] = [
    CloseCode::UNSUPPORTED,
    CloseCode::INVALID_DATA,
    CloseCode::TOO_BIG,
];

/// The first of the messages that wait.
pub(super) struct First {
    pub(super) message: Message,
    /// Whether the connection that stands has it: it is to be written, and not to be put there again.
    is_queued: bool,
    /// How many connections were lost when they had sent a part of it.
    pub(super) transfers: u32,
    /// Whether the server closed the last of them with a code that is about the message.
    is_refused: bool,
}

impl First {
    fn new(message: Message) -> Self {
        Self {
            message,
            is_queued: false,
            transfers: 0,
            is_refused: false,
        }
    }

    /// What the connection that is gone leaves of it: nothing if it was sent.
    pub(super) fn settle<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        sender: &Sender<S>,
        receiver: &Receiver<S>,
    ) -> Option<Self> {
        if !self.is_queued {
            return Some(self);
        }
        if sender.is_all_written() {
            return None;
        }
        self.is_queued = false;
        if sender.take_bytes_out() > 0 {
            self.transfers = self.transfers.saturating_add(1);
            let close = receiver.close_frame();
            self.is_refused = close.is_some_and(|frame| REFUSING.contains(&frame.code()));
        }
        Some(self)
    }

    /// Whether it is not sent again: it would keep the others back for ever.
    pub(super) fn is_given_up(&self, transfers_max: Option<u32>) -> bool {
        self.is_refused || transfers_max.is_some_and(|max| self.transfers >= max.max(1))
    }
}

/// Sends messages, one after the other, until there are no more or the connection takes none. One that it does not take
/// whole stays in `first`.
pub(super) async fn write_all<S: AsyncRead + AsyncWrite + Unpin>(
    sender: &Sender<S>,
    messages: &mut Queue,
    first: &mut Option<First>,
) {
    loop {
        let current = match first {
            Some(first) => first,
            None => match messages.next().await {
                Some(message) => first.insert(First::new(message)),
                None => return,
            },
        };
        if !current.is_queued {
            if sender.queue(current.message.clone()).is_err() {
                return;
            }
            // What is written from here on is of this message, but for answers to pings.
            sender.take_bytes_out();
            current.is_queued = true;
        }
        sender.flush().await;
        if !sender.is_all_written() {
            return;
        }
        *first = None;
    }
}
