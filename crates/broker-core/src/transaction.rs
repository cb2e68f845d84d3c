//! A transaction that is open: what it will do. Nothing of it has an effect before COMMIT, except that deliveries which
//! it acknowledges cannot be acknowledged otherwise.

use crate::{
    destination::Destination, error::Refusal, limits::Limits, message::Properties,
    queue::ConsumerKey, queues::Verdict, time::Timestamp,
};

#[derive(Debug)]
pub(crate) struct Transaction<M> {
    /// The client's name for it.
    pub(crate) id: Box<str>,
    /// When it is too old, and a number that no other has.
    pub(crate) deadline: (Timestamp, u64),
    pub(crate) sends: Vec<Send<M>>,
    pub(crate) verdicts: Vec<Decision>,
    /// The bytes of what it sends.
    pub(crate) bytes: usize,
}

/// A SEND in a transaction.
#[derive(Debug)]
pub(crate) struct Send<M> {
    pub(crate) destination: Destination,
    pub(crate) message: M,
    pub(crate) properties: Properties,
}

/// An ACK or NACK in a transaction.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) consumer: ConsumerKey,
    /// The deliveries that it is for, in order. Nobody else acknowledges them meanwhile.
    pub(crate) numbers: Vec<u64>,
    pub(crate) verdict: Verdict,
}

impl<M> Transaction<M> {
    pub(crate) fn new(id: &str, deadline: (Timestamp, u64)) -> Self {
        Self {
            id: id.into(),
            deadline,
            sends: Vec::new(),
            verdicts: Vec::new(),
            bytes: 0,
        }
    }

    /// Whether it takes another operation, with a message of so many bytes.
    pub(crate) fn check_room(&self, bytes: usize, limits: &Limits) -> Result<(), Refusal> {
        let count = self.sends.len() + self.verdicts.len();
        let fits = count < limits.transaction_operations_max
            && self.bytes.saturating_add(bytes) <= limits.transaction_bytes_max;
        if fits {
            Ok(())
        } else {
            Err(Refusal::TransactionFull)
        }
    }

    pub(crate) fn send(&mut self, send: Send<M>) {
        self.bytes += send.properties.bytes;
        self.sends.push(send);
    }
}
