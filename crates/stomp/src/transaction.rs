//! A transaction: what is asked in it takes effect together, or not at all.

use crate::{error::Error, incoming::Message, outgoing::Outgoing, request::Kind, session::Session};

/// A transaction. It is aborted when it is dropped, and ends with its connection.
#[derive(Debug)]
pub struct Transaction {
    session: Session,
    id: u64,
    is_over: bool,
}

impl Transaction {
    pub(crate) fn new(session: Session, id: u64) -> Self {
        Self {
            session,
            id,
            is_over: false,
        }
    }

    /// Sends a message when the transaction is committed.
    ///
    /// # Errors
    /// [`Error::TransactionLost`], [`Error::Header`], [`Error::Ended`].
    pub async fn send(&self, message: Outgoing) -> Result<(), Error> {
        let sending = self.session.sending(message, Some(self.id)).await?;
        self.session.tell(sending).await
    }

    /// Acknowledges a message when the transaction is committed.
    ///
    /// # Errors
    /// [`Error::TransactionLost`], [`Error::MessageStale`], [`Error::AckNotAsked`], [`Error::Ended`].
    pub async fn ack(&self, message: &Message) -> Result<(), Error> {
        let ack = message.acknowledge_in(Some(self.id), true, &[])?;
        self.session.tell(ack).await
    }

    /// Says, when the transaction is committed, that a message was not consumed.
    ///
    /// # Errors
    /// As [`Transaction::ack`]; and [`Error::NotInVersion`] in STOMP 1.0.
    pub async fn nack(&self, message: &Message) -> Result<(), Error> {
        let nack = message.acknowledge_in(Some(self.id), false, &[])?;
        self.session.tell(nack).await
    }

    /// Commits; ready when the server has confirmed it.
    ///
    /// # Errors
    /// [`Error::Refused`]: nothing of it took effect. [`Error::TransactionLost`]: as well. [`Error::Unconfirmed`] and
    /// [`Error::ReceiptTimedOut`]: all of it did, or nothing.
    pub async fn commit(mut self) -> Result<(), Error> {
        let receipt = self.session.ask(Kind::Commit(self.id)).await?;
        self.is_over = true;
        receipt.await
    }

    /// Gives it up; ready when the server has confirmed it.
    ///
    /// # Errors
    /// As [`Transaction::commit`], but nothing of it takes effect in any case.
    pub async fn abort(mut self) -> Result<(), Error> {
        let receipt = self.session.ask(Kind::Abort(self.id)).await?;
        self.is_over = true;
        receipt.await
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_over {
            self.session.handle().shared.abort(self.id);
        }
    }
}
