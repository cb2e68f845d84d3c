//! The messages that wait for a connection: a bounded queue whose end loses none and waits for nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gumboot_websocket_proto::Message;
use tokio::sync::mpsc;

use super::event::NotQueued;

/// Puts messages into the queue.
#[derive(Debug, Clone)]
pub(super) struct QueueSender {
    places: mpsc::Sender<Message>,
    end: End,
}

/// Takes messages out of the queue. When it is dropped, the queue has ended.
#[derive(Debug)]
pub(super) struct Queue {
    messages: mpsc::Receiver<Message>,
    end: End,
}

/// Whether the queue has ended. It is held while a message goes in: what is not in at the end never will be, also where
/// a sender that nobody polls has a place.
#[derive(Debug, Clone, Default)]
struct End(Arc<Mutex<bool>>);

impl End {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue with room for `messages_max`.
pub(super) fn queue(messages_max: usize) -> (QueueSender, Queue) {
    let (places, messages) = mpsc::channel(messages_max);
    let end = End::default();
    let sender = QueueSender {
        places,
        end: end.clone(),
    };
    (sender, Queue { messages, end })
}

impl QueueSender {
    /// Waits for room.
    pub(super) async fn send(&self, message: Message) -> Result<(), NotQueued> {
        match self.places.reserve().await {
            Ok(place) => self.put(place, message),
            Err(_) => Err(NotQueued::Ended(message)),
        }
    }

    pub(super) fn try_send(&self, message: Message) -> Result<(), NotQueued> {
        match self.places.try_reserve() {
            Ok(place) => self.put(place, message),
            Err(mpsc::error::TrySendError::Closed(())) => Err(NotQueued::Ended(message)),
            Err(mpsc::error::TrySendError::Full(())) => Err(NotQueued::Full(message)),
        }
    }

    fn put(&self, place: mpsc::Permit<'_, Message>, message: Message) -> Result<(), NotQueued> {
        let has_ended = self.end.lock();
        if *has_ended {
            return Err(NotQueued::Ended(message));
        }
        place.send(message);
        Ok(())
    }
}

impl Queue {
    /// The next message; `None` if there will be none. Nothing is lost if it is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let has_ended = *self.end.lock();
        match has_ended {
            // Not `recv`, which waits for every place that was given to a sender.
            true => self.messages.try_recv().ok(),
            false => self.messages.recv().await,
        }
    }

    /// Takes no more messages in; those that are in it can still be taken out.
    pub(super) fn end(&mut self) {
        *self.end.lock() = true;
        self.messages.close();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.end();
    }
}
