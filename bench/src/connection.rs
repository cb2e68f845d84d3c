//! A STOMP session over TCP, with frames written by hand.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use crate::{
    Failure,
    reply::{Replies, Reply},
    target::Target,
};

/// How long a server may say nothing that is waited for.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// What arrives.
#[derive(Debug)]
pub(crate) struct Incoming {
    stream: OwnedReadHalf,
    replies: Replies,
}

/// Connects and logs in.
pub(crate) async fn connect(target: &Target) -> Result<(Incoming, OwnedWriteHalf), Failure> {
    let stream = TcpStream::connect(target.server).await?;
    stream.set_nodelay(true)?;
    let (stream, mut outgoing) = stream.into_split();
    let mut incoming = Incoming {
        stream,
        replies: Replies::default(),
    };
    let Target {
        login, passcode, ..
    } = target;
    let connect =
        format!("CONNECT\naccept-version:1.2\nhost:/\nlogin:{login}\npasscode:{passcode}\n\n\0");
    outgoing.write_all(connect.as_bytes()).await?;
    incoming.next(|reply| expect(reply, b"CONNECTED")).await??;
    Ok((incoming, outgoing))
}

/// Subscribes, and waits until the server has done it.
pub(crate) async fn subscribe(
    incoming: &mut Incoming,
    outgoing: &mut OwnedWriteHalf,
    destination: &str,
) -> Result<(), Failure> {
    let subscribe =
        format!("SUBSCRIBE\nid:0\ndestination:{destination}\nack:auto\nreceipt:subscribed\n\n\0");
    outgoing.write_all(subscribe.as_bytes()).await?;
    incoming.next(|reply| expect(reply, b"RECEIPT")).await?
}

/// Holds a frame against the command that should come.
pub(crate) fn expect(reply: &Reply<'_>, command: &[u8]) -> Result<(), Failure> {
    if reply.command == command {
        Ok(())
    } else {
        let command = String::from_utf8_lossy(command);
        Err(format!("in place of {command} came: {}", reply.shown()).into())
    }
}

impl Incoming {
    /// Waits for the next frame, and gives what is made of it.
    pub(crate) async fn next<T>(
        &mut self,
        read: impl FnOnce(&Reply<'_>) -> T,
    ) -> Result<T, Failure> {
        loop {
            // The frame is looked for again after more has come, since it lies in the buffer.
            if let Some(reply) = self.replies.next() {
                return Ok(read(&reply));
            }
            self.fill().await?;
        }
    }

    /// Waits for more, and gives each whole frame to a function.
    pub(crate) async fn next_all(
        &mut self,
        mut read: impl FnMut(&Reply<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.fill().await?;
        while let Some(reply) = self.replies.next() {
            read(&reply)?;
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let room = self.replies.room();
        room.reserve(READ_BYTES);
        let read = timeout(SILENCE_MAX, self.stream.read_buf(room)).await;
        match read.map_err(|_| "the server says nothing")?? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(()),
        }
    }
}
