//! What handles tell the task of a session without waiting: that messages were taken, that a handle is gone, that the
//! session is to end.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use crate::request::Done;

/// Shared by the task of a session and all its handles.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: Waiting,
    notes: Notes,
    waker: Option<Waker>,
    /// The task is gone: nobody reads notes any more.
    has_ended: bool,
}

/// Messages that have arrived and were not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// What the task has not seen yet.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Subscriptions whose handle was dropped.
    pub(crate) unsubscribed: Vec<u32>,
    /// Transactions whose handle was dropped.
    pub(crate) aborted: Vec<u64>,
    /// The session is to end.
    pub(crate) leave: Leave,
}

/// Whether the session is to end, and who wants to know that it has.
#[derive(Debug, Default)]
pub(crate) enum Leave {
    #[default]
    No,
    Yes(Vec<Done>),
}

/// The room that a message takes while it waits.
#[derive(Debug)]
pub(crate) struct Room {
    shared: Arc<Shared>,
    message: Waiting,
}

impl Drop for Room {
    fn drop(&mut self) {
        let Waiting { messages, bytes } = self.message;
        self.shared.note(|state| {
            state.waiting.messages -= messages;
            state.waiting.bytes -= bytes;
        });
    }
}

impl Shared {
    /// What waits to be taken.
    pub(crate) fn waiting(&self) -> Waiting {
        self.lock().waiting
    }

    /// Counts a message that waits, until what this gives is dropped.
    pub(crate) fn add(self: &Arc<Self>, message: Waiting) -> Room {
        let mut state = self.lock();
        state.waiting.messages += message.messages;
        state.waiting.bytes += message.bytes;
        Room {
            shared: Arc::clone(self),
            message,
        }
    }

    pub(crate) fn unsubscribe(&self, id: u32) {
        self.note(|state| state.notes.unsubscribed.push(id));
    }

    pub(crate) fn abort(&self, transaction: u64) {
        self.note(|state| state.notes.aborted.push(transaction));
    }

    /// Ends the session; `done` is told when it has.
    pub(crate) fn leave(&self, done: Option<Done>) {
        self.note(|state| {
            if let Leave::No = state.notes.leave {
                state.notes.leave = Leave::Yes(Vec::new());
            }
            if let Leave::Yes(waiting) = &mut state.notes.leave {
                waiting.extend(done);
            }
        });
    }

    /// What is new; the task is woken when there is more, or when a message was taken.
    pub(crate) fn poll_notes(&self, cx: &mut Context<'_>) -> Notes {
        let mut state = self.lock();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        mem::take(&mut state.notes)
    }

    /// The task ends, after its last state was told: who still wants to know of the end sees that.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        let notes = mem::take(&mut state.notes);
        drop(state);
        drop(notes);
    }

    fn note(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.has_ended {
            return;
        }
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
