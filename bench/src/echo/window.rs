//! Time in which all connections are loaded, and what happened in it.

use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::{client::Client, script::Script};
use crate::{Failure, events::wait, process::Process, waits::Waits};

/// How long a server may say nothing that is waited for.
const SILENCE_MS_MAX: u16 = 10_000;

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;

/// How many connections are told at once to have something.
const EVENTS_MAX: usize = 512;

/// All connections to a server.
#[derive(Debug)]
pub(super) struct Window<'a> {
    script: &'a Script,
    in_flight: usize,
    clients: Vec<Client>,
    epoll: Epoll,
    buffer: Vec<u8>,
}

/// What happened while a load lasted.
#[derive(Debug)]
pub(super) struct Measured {
    /// How many messages came back, with parts of those that were on their way at the beginning and the end.
    pub(super) messages: f64,
    pub(super) length: Duration,
    pub(super) server_cpu: Option<Duration>,
    pub(super) load_cpu: Duration,
    /// From the sending of a message until its echo is whole.
    pub(super) waits: Waits,
}

impl<'a> Window<'a> {
    pub(super) fn new(
        clients: Vec<Client>,
        script: &'a Script,
        in_flight: usize,
    ) -> Result<Self, Failure> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        for (index, client) in clients.iter().enumerate() {
            epoll.add(client, EpollEvent::new(flags, index as u64))?;
        }
        Ok(Self {
            script,
            in_flight,
            clients,
            epoll,
            buffer: vec![0; READ_BYTES],
        })
    }

    /// How many messages have come back so far.
    pub(super) fn echoes(&self) -> u64 {
        self.clients.iter().map(Client::echoes).sum()
    }

    /// Keeps all connections loaded for this time. What is on the way at its end still is.
    pub(super) fn load(
        &mut self,
        length: Duration,
        server: Option<&Process>,
    ) -> Result<Measured, Failure> {
        let mut waits = Waits::new()?;
        let load = Process::of(std::process::id())?;
        for client in &mut self.clients {
            let missing = self.in_flight - client.in_flight();
            client.send(self.script, missing, Instant::now())?;
        }
        let messages_before = self.progress();
        let cpu_before = (server.map(Process::cpu).transpose()?, load.cpu()?);
        let begin = Instant::now();
        while begin.elapsed() < length {
            self.turn(Some(&mut waits))?;
        }
        let cpu_after = (server.map(Process::cpu).transpose()?, load.cpu()?);
        let length = begin.elapsed();
        let used = |(before, after): (Duration, Duration)| after.saturating_sub(before);
        Ok(Measured {
            messages: self.progress() - messages_before,
            length,
            server_cpu: cpu_before.0.zip(cpu_after.0).map(used),
            load_cpu: used((cpu_before.1, cpu_after.1)),
            waits,
        })
    }

    /// Waits until nothing is on the way.
    pub(super) fn drain(&mut self) -> Result<(), Failure> {
        while self.clients.iter().any(|client| client.in_flight() > 0) {
            self.turn(None)?;
        }
        Ok(())
    }

    fn progress(&self) -> f64 {
        let clients = self.clients.iter();
        clients.map(|client| client.progress(self.script)).sum()
    }

    /// Does what can be done now, once; what has come back is sent anew where `waits` are recorded.
    fn turn(&mut self, mut waits: Option<&mut Waits>) -> Result<(), Failure> {
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        let count = wait(&self.epoll, &mut events, SILENCE_MS_MAX.into())?;
        if count == 0 {
            return Err("the server says nothing".into());
        }
        for event in &events[..count] {
            let client = &mut self.clients[event.data() as usize];
            if !event.events().contains(EpollFlags::EPOLLIN) {
                client.write(self.script)?;
                continue;
            }
            let now = Instant::now();
            let whole = client.read(self.script, &mut self.buffer, |sent| {
                if let Some(waits) = &mut waits {
                    waits.record(now.duration_since(sent), 1);
                }
            })?;
            match waits {
                Some(_) if whole > 0 => client.send(self.script, whole, now)?,
                _ => client.write(self.script)?,
            }
        }
        Ok(())
    }
}
