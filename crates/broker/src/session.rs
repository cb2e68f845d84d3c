//! One connection, one task: read, send what others have for it, write, keep time; in that order, nothing in between.

pub(crate) mod tcp;
pub(crate) mod websocket;

/// The rounds of a connection before other tasks of its thread get their turn.
const ROUNDS_MAX: u32 = 16;
