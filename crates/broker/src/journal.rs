//! What a store keeps of the broker, which works in memory all the same.
//!
//! There are two halves. The [`Recorder`] is inside the hub's lock, and collects what commands did. The [`Writer`] is one
//! task: it takes all that was recorded, makes one batch of it and waits until the store has it; what comes meanwhile is the
//! next batch. A RECEIPT waits for the [`Ticket`] of the batch in which the effects of its command are. When the server
//! starts, [`restore`] reads it all back.

pub(crate) mod durability;
mod fitting;
pub(crate) mod health;
mod octets;
mod places;
mod plan;
mod record;
mod recorder;
pub(crate) mod restore;
mod room;
pub(crate) mod space;
mod ticket;
mod turn;
pub(crate) mod writer;

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use gumboot_store::limits::BATCH_BYTES_MAX;
use tokio::sync::Notify;
use tracing::error;

use self::space::Written;
pub(crate) use self::{
    recorder::{Operation, Recorded, Recorder},
    room::{Room, Seen},
    ticket::{Confirmed, Noted, Ticket, Unconfirmed},
    turn::Turn,
};

/// The bytes of a message that is kept at most, as they count where bytes are bounded: a batch has room for it, and for
/// what is written beside it.
pub(crate) const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX / 2;

/// What sessions and the writer know of each other.
#[derive(Debug)]
pub(crate) struct Journal {
    /// For the writer: there is something to write, or the end is asked for.
    filled: Notify,
    is_ending: AtomicBool,
    /// Whether all sessions had ended by then.
    is_quiet: AtomicBool,
    /// What waits for the writer, and who waits for that to be less.
    pub(crate) room: Room,
    failure: OnceLock<String>,
    /// Whether the disk is nearly full.
    is_low: AtomicBool,
    /// Whether the store takes longer than it should.
    is_late: AtomicBool,
    written: Written,
}

/// Why nothing durable is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The store has failed.
    Failed,
    /// A transaction does more than can be kept at once.
    Long,
    /// The disk is nearly full.
    Low,
    /// The message is longer than [`MESSAGE_BYTES_MAX`].
    TooLong,
}

impl NotTaken {
    /// What the sender is told.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Failed => {
                "the store of the server has failed: nothing is kept until the server is started again"
            }
            Self::Low => {
                "the disk of the server is nearly full: nothing more is kept until there is room"
            }
            Self::Long => {
                "the transaction does more, in queues and durable subscriptions, than the server can keep at once"
            }
            Self::TooLong => {
                "the message is longer than the server can keep: persistent:false helps, but not where there is a history"
            }
        }
    }
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            filled: Notify::new(),
            is_ending: AtomicBool::new(false),
            is_quiet: AtomicBool::new(false),
            room: Room::default(),
            failure: OnceLock::new(),
            is_low: AtomicBool::new(false),
            is_late: AtomicBool::new(false),
            written: Written::default(),
        }
    }

    /// Whether the store has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Whether a message of so many bytes can be kept.
    pub(crate) fn admits(&self, bytes: usize) -> Result<(), NotTaken> {
        if self.has_failed() {
            Err(NotTaken::Failed)
        } else if self.is_low.load(Ordering::Relaxed) {
            Err(NotTaken::Low)
        } else if bytes > MESSAGE_BYTES_MAX {
            Err(NotTaken::TooLong)
        } else {
            Ok(())
        }
    }

    /// Whether a transaction that does so many changes is kept as one.
    pub(crate) fn admits_changes(&self, changes: usize) -> Result<(), NotTaken> {
        if self.has_failed() || changes <= fitting::CHANGES_MAX {
            Ok(())
        } else {
            Err(NotTaken::Long)
        }
    }

    /// The writer is to write what is left, and to end; and to mark that as an end in order if all sessions have ended.
    pub(crate) fn end(&self, is_quiet: bool) {
        self.is_quiet.store(is_quiet, Ordering::SeqCst);
        self.is_ending.store(true, Ordering::SeqCst);
        self.filled.notify_one();
    }

    /// Whether the store takes longer than it should.
    fn is_late(&self) -> bool {
        self.is_late.load(Ordering::Relaxed)
    }

    /// The writer has something to do.
    pub(crate) fn wake_writer(&self) {
        self.filled.notify_one();
    }

    /// The store has failed, once and for all.
    fn fail(&self, cause: &dyn fmt::Display) {
        error!(%cause, "the store has failed: from now on nothing is kept, and nothing confirmed");
        let _ = self.failure.set(cause.to_string());
    }
}
