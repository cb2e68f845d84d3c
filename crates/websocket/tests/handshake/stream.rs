//! A stream in memory whose peer follows a script: it says its pieces one read at a time, then ends the stream.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a peer says to the head that it heard.
type Answer<'a> = Box<dyn FnOnce(&[u8]) -> Vec<Vec<u8>> + 'a>;

/// The stream, for the end that is tested.
pub(crate) struct Scripted<'a> {
    /// Until it is called, the peer is silent.
    answer: Option<Answer<'a>>,
    pieces: VecDeque<Vec<u8>>,
    /// Whether the next read finds nothing yet, as it does between two pieces.
    is_pause: bool,
    written: Written,
}

/// What the tested end has said so far.
pub(crate) type Written = Rc<RefCell<Vec<u8>>>;

impl<'a> Scripted<'a> {
    /// A peer that speaks first.
    pub(crate) fn speaking(pieces: &[&[u8]]) -> Self {
        Self {
            answer: None,
            pieces: pieces.iter().map(|piece| piece.to_vec()).collect(),
            is_pause: false,
            written: Written::default(),
        }
    }

    /// A peer that hears a whole head before it says what `answer` makes of it.
    pub(crate) fn answering(answer: impl FnOnce(&[u8]) -> Vec<Vec<u8>> + 'a) -> Self {
        Self {
            answer: Some(Box::new(answer)),
            ..Self::speaking(&[])
        }
    }

    /// What the tested end has said, also when the stream is gone.
    pub(crate) fn written(&self) -> Written {
        Rc::clone(&self.written)
    }
}

impl AsyncRead for Scripted<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answer.is_some() {
            if !self.written.borrow().ends_with(b"\r\n\r\n") {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let answer = self.answer.take().expect("it was there");
            let pieces = answer(&self.written.borrow());
            self.pieces = pieces.into();
        }
        if std::mem::replace(&mut self.is_pause, false) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(mut piece) = self.pieces.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if rest.is_empty() {
                self.is_pause = true;
            } else {
                self.pieces.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
