//! The floor of memory on epoll, without a runtime: see `frames`.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use gumboot_bench_peers::{
    Failure,
    frames::{READ_BYTES, answer},
    listen, wait,
};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use slab::Slab;

const LISTENER: u64 = u64::MAX;

fn main() -> Result<(), Failure> {
    let listener = listen()?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut connections: Slab<TcpStream> = Slab::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut out = Vec::with_capacity(READ_BYTES);
    let mut events = [EpollEvent::empty(); 512];
    loop {
        let count = wait(&epoll, &mut events)?;
        for event in &events[..count] {
            if event.data() == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let entry = connections.vacant_entry();
                let event = EpollEvent::new(EpollFlags::EPOLLIN, entry.key() as u64);
                epoll.add(&stream, event)?;
                entry.insert(stream);
                continue;
            }
            let key = event.data() as usize;
            if turn(&mut connections[key], &mut buffer, &mut out).is_err() {
                connections.remove(key);
            }
        }
    }
}

fn turn(stream: &mut TcpStream, buffer: &mut [u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let read = stream.read(buffer)?;
    if read == 0 {
        return Err("the end".into());
    }
    out.clear();
    answer(&mut buffer[..read], out)?;
    Ok(stream.write_all(out)?)
}
