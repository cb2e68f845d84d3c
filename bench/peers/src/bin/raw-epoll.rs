//! The floor on epoll, without a runtime: sends back whatever comes over TCP. One buffer serves all connections; what a
//! connection does not take at once is kept, and nothing is read from it until it has taken that.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use gumboot_bench_peers::{Failure, listen, wait};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use slab::Slab;

const READ_BYTES: usize = 1024 * 1024;
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    kept: Vec<u8>,
}

/// What a connection waits for now.
enum Next {
    Read,
    Write,
    Nothing,
}

fn main() -> Result<(), Failure> {
    let listener = listen()?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut connections = Slab::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut events = [EpollEvent::empty(); 512];
    loop {
        let count = wait(&epoll, &mut events)?;
        for event in &events[..count] {
            if event.data() == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let entry = connections.vacant_entry();
                epoll.add(
                    &stream,
                    EpollEvent::new(EpollFlags::EPOLLIN, entry.key() as u64),
                )?;
                let kept = Vec::new();
                entry.insert(Connection { stream, kept });
                continue;
            }
            let key = event.data() as usize;
            let connection: &mut Connection = &mut connections[key];
            let wrote = !connection.kept.is_empty();
            let interest = match connection.turn(&mut buffer) {
                Next::Nothing => {
                    connections.remove(key);
                    continue;
                }
                Next::Read if wrote => EpollFlags::EPOLLIN,
                Next::Write if !wrote => EpollFlags::EPOLLOUT,
                Next::Read | Next::Write => continue,
            };
            let mut event = EpollEvent::new(interest, key as u64);
            epoll.modify(&connection.stream, &mut event)?;
        }
    }
}

impl Connection {
    /// Writes what was kept, or reads once and writes that.
    fn turn(&mut self, buffer: &mut [u8]) -> Next {
        if !self.kept.is_empty() {
            let kept = std::mem::take(&mut self.kept);
            return self.write(&kept);
        }
        match self.stream.read(buffer) {
            Ok(0) => Next::Nothing,
            Ok(read) => self.write(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Next::Read,
            Err(_) => Next::Nothing,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Next {
        match self.stream.write(bytes) {
            Ok(written) if written == bytes.len() => Next::Read,
            Ok(written) => {
                self.kept = bytes[written..].to_vec();
                Next::Write
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.kept = bytes.to_vec();
                Next::Write
            }
            Err(_) => Next::Nothing,
        }
    }
}
