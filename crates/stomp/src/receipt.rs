//! The server's word that it has done what was asked, as a future.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use tokio::sync::oneshot;

use crate::error::Error;

/// Ready when the RECEIPT has come, or when it is known that it will not.
///
/// # Errors
/// [`Error::Refused`] if the server answered with ERROR, [`Error::ReceiptTimedOut`], [`Error::Unconfirmed`].
#[derive(Debug)]
#[must_use = "nothing is known before it is awaited"]
pub struct Receipt(oneshot::Receiver<Result<(), Error>>);

impl Receipt {
    pub(crate) fn new(receiver: oneshot::Receiver<Result<(), Error>>) -> Self {
        Self(receiver)
    }
}

impl Future for Receipt {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let told = ready!(pin!(&mut self.0).poll(cx));
        Poll::Ready(told.unwrap_or(Err(Error::Ended)))
    }
}
