//! A [`Socket`] as a `Stream` of messages and a `Sink` for them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_sink::Sink;
use gumboot_websocket_proto::{Message, SendError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{pipe::LinkError, socket::Socket};

/// Ends after the closing handshake; an error, if that was not completed, comes once before the end.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Socket<S> {
    type Item = Result<Message, LinkError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_receive(cx).map(Result::transpose)
    }
}

/// Ready while no more than [`PENDING_BYTES_MAX`](crate::PENDING_BYTES_MAX) wait to be written. Closing sends a Close
/// without a body; what the peer answers, and the end, come through the stream.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Socket<S> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_room(cx).map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.get_mut().queue(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Self::poll_flush(self.get_mut(), cx).map(Ok)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let socket = self.get_mut();
        socket.queue_close(None);
        Self::poll_flush(socket, cx).map(Ok)
    }
}
