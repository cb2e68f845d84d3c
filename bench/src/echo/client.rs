//! One connection, with messages on the way.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

use super::{
    handshake,
    incoming::Incoming,
    script::{Carrier, Script},
    stream::{Connector, Stream},
};
use crate::Failure;

#[derive(Debug)]
pub(super) struct Client {
    stream: Stream,
    /// How many bytes are sent, and up to which they may be.
    sent: u64,
    due: u64,
    /// When each message was given to the connection whose echo has not come.
    waiting: VecDeque<Instant>,
    /// How many messages are or will be sent, and how many have come back.
    messages: u64,
    echoes: u64,
    incoming: Incoming,
}

impl Client {
    pub(super) fn connect(connector: &Connector, script: &Script) -> Result<Self, Failure> {
        let mut stream = connector.connect()?;
        if script.carrier != Carrier::Raw {
            handshake::open(&mut stream, script.carrier == Carrier::Compressed)?;
        }
        stream.stop_waiting()?;
        Ok(Self {
            stream,
            sent: 0,
            due: 0,
            waiting: VecDeque::new(),
            messages: 0,
            echoes: 0,
            incoming: Incoming::new(script),
        })
    }

    /// How many messages have come back.
    pub(super) fn echoes(&self) -> u64 {
        self.echoes
    }

    /// The same, with the part of one that is on its way.
    pub(super) fn progress(&self, script: &Script) -> f64 {
        self.incoming.progress(script, self.echoes)
    }

    /// How many messages are on the way.
    pub(super) fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// Sends so many messages more, or as much of them as the connection takes now.
    pub(super) fn send(
        &mut self,
        script: &Script,
        messages: usize,
        now: Instant,
    ) -> io::Result<()> {
        self.waiting.extend(std::iter::repeat_n(now, messages));
        self.messages += messages as u64;
        self.due = script.sent.begin(self.messages);
        self.write(script)
    }

    /// Writes what is due, or as much as the connection takes now.
    pub(super) fn write(&mut self, script: &Script) -> io::Result<()> {
        while self.sent < self.due {
            match self.stream.write(script.sent.piece(self.sent, self.due)) {
                Ok(written) => self.sent += written as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.stream.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads what has come, and tells when each message was sent whose echo is whole now. Gives how many these are.
    pub(super) fn read(
        &mut self,
        script: &Script,
        buffer: &mut [u8],
        mut tell: impl FnMut(Instant),
    ) -> Result<usize, Failure> {
        let mut whole = 0;
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has closed a connection".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            let echoes = self.incoming.take(script, self.echoes, &buffer[..read])?;
            self.echoes += echoes;
            for _ in 0..echoes {
                let sent = self.waiting.pop_front();
                tell(sent.ok_or("wrong echo: of a message that was not sent")?);
            }
            whole += echoes as usize;
            if read < buffer.len() && self.stream.gives_all() {
                break;
            }
        }
        Ok(whole)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
