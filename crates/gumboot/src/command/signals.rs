//! Ctrl-C and SIGTERM, for subcommands that end in their own way.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell adds to the number of a signal that has ended a program.
const STATUS_BASE: u8 = 128;

/// Ctrl-C, where it is no key, and SIGTERM.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// One that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caught {
    Interrupt,
    Terminate,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn recv(&mut self) -> Caught {
        tokio::select! {
            _ = self.interrupt.recv() => Caught::Interrupt,
            _ = self.terminate.recv() => Caught::Terminate,
        }
    }
}

impl Caught {
    /// The status that a shell gives a program which such a signal has ended.
    pub(super) fn status(self) -> u8 {
        STATUS_BASE
            + match self {
                Self::Interrupt => 2,
                Self::Terminate => 15,
            }
    }
}
