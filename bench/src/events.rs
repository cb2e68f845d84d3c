//! Many connections on one thread: which of them have something to read.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};

use crate::{Failure, connection::SILENCE_MAX};

/// How many are told at once.
const EVENTS: usize = 1_024;

/// A set of connections, each with a number.
#[derive(Debug)]
pub(crate) struct Events {
    epoll: Epoll,
    ready: Vec<EpollEvent>,
}

impl Events {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            ready: vec![EpollEvent::empty(); EVENTS],
        })
    }

    pub(crate) fn add(&self, connection: impl AsFd, number: usize) -> Result<(), Failure> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::try_from(number)?);
        Ok(self.epoll.add(connection, event)?)
    }

    /// Waits until some have something to read, and gives their numbers; a read of each does not wait then.
    pub(crate) fn wait(&mut self) -> Result<Vec<usize>, Failure> {
        match self.wait_within(Some(SILENCE_MAX))? {
            0 => Err("the server says nothing".into()),
            count => Ok(self.numbers(count)),
        }
    }

    /// As [`Events::wait`], but gives none if it takes longer.
    pub(crate) fn wait_until(&mut self, end: Instant) -> Result<Vec<usize>, Failure> {
        let count = self.wait_within(Some(end.saturating_duration_since(Instant::now())))?;
        Ok(self.numbers(count))
    }

    /// As [`Events::wait`], however long it takes.
    pub(crate) fn wait_long(&mut self) -> Result<Vec<usize>, Failure> {
        let count = self.wait_within(None)?;
        Ok(self.numbers(count))
    }

    fn wait_within(&mut self, bound: Option<Duration>) -> Result<usize, Failure> {
        let bound = bound.map_or(Ok(EpollTimeout::NONE), EpollTimeout::try_from)?;
        wait(&self.epoll, &mut self.ready, bound)
    }

    /// The numbers are those of `add`, so they are indexes.
    fn numbers(&self, count: usize) -> Vec<usize> {
        let ready = self.ready[..count].iter();
        ready.map(|event| event.data() as usize).collect()
    }
}

/// Waits for events, how many of which it gives. Whoever stops this process for a while interrupts the wait, which then
/// begins anew.
pub(crate) fn wait(
    epoll: &Epoll,
    events: &mut [EpollEvent],
    bound: EpollTimeout,
) -> Result<usize, Failure> {
    loop {
        match epoll.wait(events, bound) {
            Err(Errno::EINTR) => {}
            count => return Ok(count?),
        }
    }
}
