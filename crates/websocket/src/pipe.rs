//! A socket as connections use it: reads into the thread's scratch buffer, vectored writes that must make progress, one
//! timer, and an end that lets the last bytes arrive.

use std::{
    error, fmt, io,
    io::IoSlice,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::BufMut;
use gumboot_websocket_proto::{
    Connection, Error as ProtocolError, Lending, TransmitBuffer, TransmitQueue,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::{
    scratch,
    timer::{Timer, now, sooner},
};

/// While more bytes than this wait to be written, nothing is read: a peer that does not take answers gets no more.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;

/// How long what was given to the transport may make no progress, be it a write, a flush or the end of our direction,
/// until the connection is dropped.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(30);

/// Once a connection ends, what still waits is to leave at so many bytes a second at least, with [`WRITE_STALL_MAX`] on
/// top: who takes a little now and then does not hold it for ever.
pub const END_BYTES_PER_SECOND_MIN: usize = 4 * 1024;

/// How long a closed connection waits for the peer's end, so that the last bytes reach it.
pub const LINGER_MAX: Duration = Duration::from_secs(2);

/// What a peer still sends after the end is dropped by so many reads, before other tasks of the thread get their turn.
const DISCARDS_MAX: u32 = 16;

/// The slices that one write takes at most.
const SLICES_MAX: usize = 64;

/// Why a connection has ended before it was closed in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer ended the transport.
    Eof,
    /// The transport failed.
    Io(io::Error),
    /// The peer broke the protocol, passed a limit or kept silent.
    Protocol(ProtocolError),
    /// The peer takes no bytes any more, or the last ones too slowly ([`END_BYTES_PER_SECOND_MIN`]).
    WriteStalled,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eof => f.write_str("the peer ended the connection without closing it"),
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::WriteStalled => f.write_str("the peer takes no bytes any more, or too slowly"),
        }
    }
}

impl error::Error for LinkError {}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProtocolError> for LinkError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

/// What has bytes to write.
pub trait Transmit {
    /// The bytes that wait.
    fn bytes_pending(&self) -> usize;
    /// Fills `slices` with what is next and gives how many were filled.
    fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize;
    /// Takes away bytes that were written.
    fn transmitted(&mut self, now: Instant, count: usize);
    /// Takes an empty buffer for what will be queued.
    fn lend_buffer(&mut self, buffer: Box<TransmitBuffer>);
    /// Gives the buffer away when nothing waits in it.
    fn reclaim_buffer(&mut self) -> Option<Box<TransmitBuffer>>;
}

impl Transmit for Connection {
    fn bytes_pending(&self) -> usize {
        Self::bytes_pending(self)
    }

    fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        Self::poll_transmit(self, slices)
    }

    fn transmitted(&mut self, now: Instant, count: usize) {
        Self::transmitted(self, now, count);
    }

    fn lend_buffer(&mut self, buffer: Box<TransmitBuffer>) {
        Self::lend_buffer(self, buffer);
    }

    fn reclaim_buffer(&mut self) -> Option<Box<TransmitBuffer>> {
        Self::reclaim_buffer(self)
    }
}

impl Transmit for Lending<'_> {
    fn bytes_pending(&self) -> usize {
        self.connection().bytes_pending()
    }

    fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        Self::poll_transmit(self, slices)
    }

    fn transmitted(&mut self, now: Instant, count: usize) {
        Self::transmitted(self, now, count);
    }

    fn lend_buffer(&mut self, buffer: Box<TransmitBuffer>) {
        Self::lend_buffer(self, buffer);
    }

    fn reclaim_buffer(&mut self) -> Option<Box<TransmitBuffer>> {
        Self::reclaim_buffer(self)
    }
}

impl Transmit for TransmitQueue {
    fn bytes_pending(&self) -> usize {
        Self::bytes_pending(self)
    }

    fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        Self::poll_transmit(self, slices)
    }

    fn transmitted(&mut self, _: Instant, count: usize) {
        Self::transmitted(self, count);
    }

    fn lend_buffer(&mut self, buffer: Box<TransmitBuffer>) {
        self.lend(buffer);
    }

    fn reclaim_buffer(&mut self) -> Option<Box<TransmitBuffer>> {
        self.reclaim()
    }
}

/// A socket, with what it takes to use it well.
#[derive(Debug)]
pub struct Pipe<S> {
    io: S,
    timer: Timer,
    /// Whether the transport has passed on all that it took.
    is_flushed: bool,
    /// Whether the last read had room for more than there was.
    is_drained: bool,
    /// None while all is well, as it mostly is.
    trouble: Option<Box<Trouble>>,
    traffic: Traffic,
}

/// What is known of a socket that does not take what is written, or that ends.
#[derive(Debug, Default)]
struct Trouble {
    /// Since when nothing was taken of what is to be written or flushed.
    write_blocked: Option<Instant>,
    /// Until when the last bytes may be on their way, once they are known to be the last.
    last_until: Option<Instant>,
    ending: Ending,
}

/// Bytes that went over a pipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that were read.
    pub bytes_in: u64,
    /// Bytes that were written.
    pub bytes_out: u64,
}

/// How far the end of the transport has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Ending {
    /// What waits is written.
    #[default]
    Flush,
    /// Our direction is shut, until this instant at the latest.
    Shutdown(Instant),
    /// The peer's last bytes are read and dropped, until its end or this instant.
    Linger(Instant),
    /// Nothing more goes either way.
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pipe<S> {
    /// A pipe over a socket.
    pub fn new(io: S) -> Self {
        Self {
            io,
            timer: Timer::default(),
            is_flushed: true,
            is_drained: false,
            trouble: None,
            traffic: Traffic::default(),
        }
    }

    /// The socket.
    pub fn io(&self) -> &S {
        &self.io
    }

    /// Reads once and gives what was read to `take`.
    ///
    /// # Errors
    /// [`LinkError::Eof`] at the end, [`LinkError::Io`].
    pub fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut [u8]) -> T,
    ) -> Poll<Result<T, LinkError>> {
        scratch::lend_read(|buffer| {
            let read = ready!(self.poll_read_slice(cx, buffer));
            Poll::Ready(read.map(take))
        })
    }

    /// Reads once to the front of `buffer`, and gives what was read.
    ///
    /// # Errors
    /// As [`Pipe::poll_read`].
    #[inline]
    pub fn poll_read_slice<'a>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &'a mut [u8],
    ) -> Poll<Result<&'a mut [u8], LinkError>> {
        let start = buffer.as_ptr();
        let mut read_buf = ReadBuf::new(buffer);
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut read_buf));
        // What is in this buffer otherwise was read from another connection.
        assert_eq!(
            read_buf.filled().as_ptr(),
            start,
            "the transport has filled another buffer"
        );
        self.is_drained = read_buf.remaining() > 0;
        let count = self.count_read(read.map(|()| read_buf.filled().len()));
        Poll::Ready(count.map(|count| &mut buffer[..count]))
    }

    /// Reads once onto the end of `buffer`, without clearing it first.
    ///
    /// # Errors
    /// As [`Pipe::poll_read`].
    pub fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        mut buffer: impl BufMut,
    ) -> Poll<Result<usize, LinkError>> {
        let read = ready!(pin!(self.io.read_buf(&mut buffer)).poll(cx));
        self.is_drained = buffer.has_remaining_mut();
        Poll::Ready(self.count_read(read))
    }

    /// Writes what waits; ready when the transport has passed all of it on.
    ///
    /// # Errors
    /// [`LinkError::Io`]; [`LinkError::WriteStalled`] if the transport itself gave the peer up.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        out: &mut impl Transmit,
    ) -> Poll<Result<(), LinkError>> {
        while out.bytes_pending() > 0 {
            match self.poll_write_once(cx, out) {
                Poll::Ready(Ok(count)) => {
                    if let Some(trouble) = &mut self.trouble {
                        trouble.write_blocked = None;
                    }
                    self.is_flushed = false;
                    self.traffic.bytes_out += count as u64;
                    out.transmitted(now, count);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.write_failed(error))),
                Poll::Pending => {
                    self.trouble().write_blocked.get_or_insert(now);
                    return Poll::Pending;
                }
            }
        }
        if let Some(buffer) = out.reclaim_buffer() {
            scratch::give_write(buffer);
        }
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.is_flushed = true;
                self.trouble.take_if(|trouble| {
                    (trouble.write_blocked, trouble.last_until) = (None, None);
                    trouble.ending == Ending::Flush
                });
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.write_failed(error))),
            // TLS takes some bytes that the socket does not.
            Poll::Pending => {
                self.trouble().write_blocked.get_or_insert(now);
                Poll::Pending
            }
        }
    }

    /// Whether the last read brought less than it had room for: most likely there is nothing left to read.
    pub fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// Whether the transport has passed on all that it took.
    pub fn is_flushed(&self) -> bool {
        self.is_flushed
    }

    /// Says that the `bytes` that wait are the last: from the first time on, [`Pipe::poll_timer`] bounds how long they may
    /// take in all.
    pub fn begin_last(&mut self, now: Instant, bytes: usize) {
        if bytes > 0 {
            let seconds = bytes.div_ceil(END_BYTES_PER_SECOND_MIN) as u64;
            let wait_max = WRITE_STALL_MAX + Duration::from_secs(seconds);
            self.trouble().last_until.get_or_insert(now + wait_max);
        }
    }

    /// Ready when `deadline` has passed or a write has stalled for too long; else the task is woken then.
    ///
    /// # Errors
    /// [`LinkError::WriteStalled`]
    #[inline]
    pub fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<Instant>,
    ) -> Poll<Result<(), LinkError>> {
        let stall = self.trouble.as_ref().and_then(|trouble| {
            let stall = trouble.write_blocked.map(|since| since + WRITE_STALL_MAX);
            sooner(stall, trouble.last_until)
        });
        let Some(next) = sooner(deadline, stall) else {
            return Poll::Pending;
        };
        ready!(self.timer.poll(cx, next));
        if stall == Some(next) {
            self.trouble().ending = Ending::Over;
            return Poll::Ready(Err(LinkError::WriteStalled));
        }
        Poll::Ready(Ok(()))
    }

    /// Finishes the transport: writes what waits, shuts our direction, and waits for the peer's end, bounded in time.
    ///
    /// # Errors
    /// Once, if what waits could not be written: as [`Pipe::poll_write`] and [`Pipe::poll_timer`].
    pub fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut impl Transmit,
    ) -> Poll<Result<(), LinkError>> {
        loop {
            match self.trouble().ending {
                Ending::Flush => {
                    let now = now();
                    self.begin_last(now, out.bytes_pending());
                    match self.poll_write(cx, now, out) {
                        Poll::Ready(written) => {
                            written?;
                            self.trouble().ending = Ending::Shutdown(now + WRITE_STALL_MAX);
                        }
                        Poll::Pending => ready!(self.poll_timer(cx, None))?,
                    }
                }
                Ending::Shutdown(until) => {
                    self.trouble().ending = match Pin::new(&mut self.io).poll_shutdown(cx) {
                        Poll::Ready(Ok(())) => Ending::Linger(now() + LINGER_MAX),
                        Poll::Ready(Err(_)) => Ending::Over,
                        Poll::Pending => {
                            ready!(self.timer.poll(cx, until));
                            Ending::Over
                        }
                    };
                }
                Ending::Linger(until) => {
                    // By the clock, since the runtime lets no timer ring for a task that has read all it may.
                    if now() < until && self.poll_discard(cx).is_pending() {
                        ready!(self.timer.poll(cx, until));
                    }
                    self.trouble().ending = Ending::Over;
                }
                Ending::Over => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Nothing more goes either way: [`Pipe::poll_end`] is ready at once.
    pub fn abandon(&mut self) {
        self.trouble().ending = Ending::Over;
    }

    /// The bytes that went over the pipe since the last call.
    pub fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_default()
    }

    fn write_failed(&mut self, error: io::Error) -> LinkError {
        self.trouble().ending = Ending::Over;
        match error.kind() {
            io::ErrorKind::TimedOut => LinkError::WriteStalled,
            _ => LinkError::Io(error),
        }
    }

    fn count_read(&mut self, read: io::Result<usize>) -> Result<usize, LinkError> {
        let failure = match read {
            Ok(0) => LinkError::Eof,
            Ok(count) => {
                self.traffic.bytes_in += count as u64;
                return Ok(count);
            }
            Err(error) => {
                self.trouble().ending = Ending::Over;
                LinkError::Io(error)
            }
        };
        Err(failure)
    }

    fn poll_write_once(
        &mut self,
        cx: &mut Context<'_>,
        out: &impl Transmit,
    ) -> Poll<io::Result<usize>> {
        // Mostly all lies in one place, or a header before its payload, and a list of 64 would take longer to clear than
        // these to write.
        let mut few = [IoSlice::new(&[]); 3];
        let io = Pin::new(&mut self.io);
        let written = match out.poll_transmit(&mut few) {
            1 => ready!(io.poll_write(cx, &few[0]))?,
            2 => ready!(io.poll_write_vectored(cx, &few[..2]))?,
            _ => ready!(self.poll_write_vectored(cx, out))?,
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        out: &impl Transmit,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = out.poll_transmit(&mut slices);
        Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count])
    }

    /// Reads and drops, some at a time; ready at the peer's end.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..DISCARDS_MAX {
            match self.poll_read(cx, |_| ()) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
