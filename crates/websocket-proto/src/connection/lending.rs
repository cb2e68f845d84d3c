//! Answers that need no copy of what they answer: an input is fed, written from, and only then given back.
//!
//! Such an answer is a range of the input, which must not outlive it. So the input is lent to a [`Lending`], which feeds
//! it once, has it unchanged while there is something to write, and copies what has not been written when it is dropped.

use std::{io::IoSlice, time::Instant};

use super::{Connection, Input, TransmitBuffer};

/// A connection together with an input that it has taken, in which long payloads of
/// [`send_back`](Connection::send_back) still lie. What waits is best written before it is dropped: what was not
/// written is copied then.
#[derive(Debug)]
pub struct Lending<'a> {
    connection: &'a mut Connection,
    bytes: &'a mut [u8],
}

impl<'a> Lending<'a> {
    /// Lets `feed` give an input of `bytes` to the connection, and answer what is in it.
    pub fn feed<T>(
        connection: &'a mut Connection,
        bytes: &'a mut [u8],
        feed: impl FnOnce(&mut Connection, &mut Input<'_>) -> T,
    ) -> (Self, T) {
        connection.transmit.borrow_from(bytes);
        // First, so that nothing stays lent if `feed` panics.
        let mut lending = Self { connection, bytes };
        let Self { connection, bytes } = &mut lending;
        let fed = feed(connection, &mut Input::new(bytes));
        (lending, fed)
    }

    /// Whether something waits that lies in the input.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        self.connection.transmit.is_lent()
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        self.connection
    }

    /// As [`Connection::poll_transmit`].
    pub fn poll_transmit<'b>(&'b self, slices: &mut [IoSlice<'b>]) -> usize {
        let transmit = &self.connection.transmit;
        transmit.poll_transmit_with(self.bytes, slices)
    }

    /// As [`Connection::transmitted`].
    pub fn transmitted(&mut self, now: Instant, count: usize) {
        self.connection.transmitted(now, count);
    }

    /// As [`Connection::lend_buffer`].
    pub fn lend_buffer(&mut self, buffer: Box<TransmitBuffer>) {
        self.connection.lend_buffer(buffer);
    }

    /// As [`Connection::reclaim_buffer`].
    pub fn reclaim_buffer(&mut self) -> Option<Box<TransmitBuffer>> {
        self.connection.reclaim_buffer()
    }
}

impl Drop for Lending<'_> {
    fn drop(&mut self) {
        self.connection.transmit.own(self.bytes);
    }
}

#[cfg(test)]
mod tests;
