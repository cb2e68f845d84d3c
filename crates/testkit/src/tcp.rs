//! A TCP stream as tests use it: blocking, with every wait bounded, and with an orderly end told from a reset.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

/// The longest that a test waits for anything that is not to take long.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// One end of a TCP connection.
#[derive(Debug)]
pub struct TcpPeer {
    stream: TcpStream,
    /// What was read and not taken yet.
    received: Vec<u8>,
}

impl TcpPeer {
    /// Connects to `address`.
    ///
    /// # Panics
    /// If nobody listens there.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect_timeout(&address, WAIT_MAX).expect("someone listens"))
    }

    /// The other end of the next connection to `listener`.
    ///
    /// # Panics
    /// If nobody can connect.
    #[must_use]
    pub fn accept(listener: &TcpListener) -> Self {
        Self::new(listener.accept().expect("someone connects").0)
    }

    fn new(stream: TcpStream) -> Self {
        let set = || {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(WAIT_MAX))?;
            stream.set_write_timeout(Some(WAIT_MAX))
        };
        set().expect("a connected stream has these options");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends `bytes`.
    ///
    /// # Panics
    /// If the peer does not take them.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the peer takes the bytes");
    }

    /// Sends `bytes` to a peer that may have ended the connection already.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        // What the peer thinks of them is told by what it answers.
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends `bytes` again and again until the peer has taken none for `wait`; gives how many it took.
    ///
    /// # Panics
    /// If the peer takes more than `bytes_max`, or ends the connection.
    #[track_caller]
    pub fn send_until_blocked(&mut self, bytes: &[u8], wait: Duration, bytes_max: usize) -> usize {
        self.stream
            .set_write_timeout(Some(wait))
            .expect("a wait is not zero");
        let mut sent = 0;
        let blocked = loop {
            match self.stream.write(&bytes[sent % bytes.len()..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error.kind(),
            }
            assert!(sent <= bytes_max, "the peer takes whatever is sent");
        };
        assert!(
            matches!(blocked, ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{blocked:?} instead of a blocked write"
        );
        sent
    }

    /// Ends our direction.
    pub fn send_end(&mut self) {
        // A peer that has ended both directions already needs no telling.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next `count` bytes.
    ///
    /// # Panics
    /// If they do not come.
    #[track_caller]
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            assert!(self.fill(), "the end after {:?}", self.received_text());
        }
        self.received.drain(..count).collect()
    }

    /// The bytes up to and with the next `mark`.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn read_until(&mut self, mark: &[u8]) -> Vec<u8> {
        let mut searched = 0;
        loop {
            let rest = &self.received[searched..];
            if let Some(at) = rest.windows(mark.len()).position(|bytes| bytes == mark) {
                return self.read(searched + at + mark.len());
            }
            searched = self.received.len().saturating_sub(mark.len() - 1);
            assert!(self.fill(), "the end after {:?}", self.received_text());
        }
    }

    /// All that still comes until the peer's orderly end.
    ///
    /// # Panics
    /// If the connection is reset, or the end does not come.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.received)
    }

    /// The peer's orderly end, which is to come next.
    ///
    /// # Panics
    /// If anything else comes.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let rest = self.read_to_end();
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// For `wait` nothing is to come, not even the end.
    ///
    /// # Panics
    /// If something does.
    #[track_caller]
    pub fn expect_silence(&mut self, wait: Duration) {
        let set = |wait| self.stream.set_read_timeout(Some(wait));
        set(wait).expect("a wait is not zero");
        let peeked = self.stream.peek(&mut [0]);
        set(WAIT_MAX).expect("a wait is not zero");
        let is_silent = peeked
            .as_ref()
            .is_err_and(|error| is_wait_over(error.kind()));
        assert!(is_silent && self.received.is_empty(), "{peeked:?} bytes");
    }

    /// Reads once; false at the peer's end.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if is_wait_over(error.kind()) => {
                panic!("nothing for {WAIT_MAX:?} after {:?}", self.received_text())
            }
            Err(error) => panic!("{error} after {:?}", self.received_text()),
        }
    }

    fn received_text(&self) -> String {
        let start = &self.received[..self.received.len().min(400)];
        String::from_utf8_lossy(start).into_owned()
    }
}

fn is_wait_over(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
