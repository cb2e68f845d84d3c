//! What handles tell the task of a session without waiting: that messages were taken, that a handle is gone, that the
//! session is to end.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
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

impl Shared {
    /// What waits to be taken.
    pub(crate) fn waiting(&self) -> Waiting {
        self.lock().waiting
    }

    /// A message waits.
    pub(crate) fn add(&self, more: Waiting) {
        let mut state = self.lock();
        state.waiting.messages += more.messages;
        state.waiting.bytes += more.bytes;
    }

    /// Messages were taken, or their subscription is gone.
    pub(crate) fn remove(&self, less: Waiting) {
        self.note(|state| {
            state.waiting.messages -= less.messages;
            state.waiting.bytes -= less.bytes;
        });
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

    fn note(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
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
