//! How many WebSockets a server takes, and the end of all of them: one value for every way in, also for servers that
//! others wrote, which forget a connection once it is upgraded.

use std::{
    error, fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use gumboot_websocket_proto::handshake::server::Refusal;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

/// What lets WebSockets in, counts them, and sends all of them away when the server goes down. Clones are the same gate.
///
/// ```
/// use std::time::Duration;
/// use gumboot_websocket::{Acceptor, Gate, GateLimits};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), gumboot_websocket::DrainTimedOut> {
/// let gate = Gate::new(GateLimits { connections_max: 10_000, ..GateLimits::default() });
/// let acceptor = Acceptor::new().gate(&gate); // ... serves until the program is told to stop
/// gate.drain(Duration::from_secs(4)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: GateLimits,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    /// Whether the server goes down. Each turn and seat listens; when nobody does any more, all have left.
    draining: watch::Sender<bool>,
}

/// What a [`Gate`] lets through at a time; one more is answered with 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// WebSockets, from the answer that accepts them to their end. Default 1,000,000.
    pub connections_max: usize,
    /// Opening handshakes under way, which are not WebSockets yet. Default 1,024.
    pub handshakes_max: usize,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            connections_max: 1_000_000,
            handshakes_max: 1_024,
        }
    }
}

/// An opening handshake that is counted until this is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    /// The gate waits for this to be dropped.
    _present: watch::Receiver<bool>,
}

/// The place of a WebSocket, given back when it is dropped. A [`Socket`](crate::Socket) has one if it was let in by a
/// [`Gate`].
pub struct Seat {
    _permit: OwnedSemaphorePermit,
    /// The gate waits for this to be dropped.
    _present: watch::Receiver<bool>,
    /// Ready when the gate drains; `None` once it was.
    told: Option<Told>,
}

type Told = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Some connections did not end in time. They are cut off when the program ends, or their sockets are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainTimedOut {
    /// How many.
    pub connections: usize,
}

impl fmt::Display for DrainTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connections did not end in time", self.connections)
    }
}

impl error::Error for DrainTimedOut {}

impl Gate {
    /// A gate that is open.
    #[must_use]
    pub fn new(limits: GateLimits) -> Self {
        let semaphore = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared {
            connections: semaphore(limits.connections_max),
            handshakes: semaphore(limits.handshakes_max),
            limits,
            draining: watch::Sender::new(false),
        }))
    }

    /// Counts a handshake. For who reads requests by other means than an [`Acceptor`](crate::Acceptor), which does it.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] if too many are under way, or the server goes down.
    pub fn try_begin(&self) -> Result<Turn, Refusal> {
        let (permit, present) = self.enter(&self.0.handshakes)?;
        Ok(Turn {
            _permit: permit,
            _present: present,
        })
    }

    /// Takes the place of a WebSocket. It is to be taken before the answer that accepts it, so that a drain misses
    /// nobody. An [`Acceptor`](crate::Acceptor) does it.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] if there is none left, or the server goes down.
    pub fn try_sit(&self) -> Result<Seat, Refusal> {
        let (permit, present) = self.enter(&self.0.connections)?;
        let mut draining = present.clone();
        Ok(Seat {
            _permit: permit,
            _present: present,
            told: Some(Box::pin(async move {
                // An error says that the gate is gone: nobody can drain it any more.
                if draining.wait_for(|draining| *draining).await.is_err() {
                    std::future::pending::<()>().await;
                }
            })),
        })
    }

    fn enter(
        &self,
        places: &Arc<Semaphore>,
    ) -> Result<(OwnedSemaphorePermit, watch::Receiver<bool>), Refusal> {
        let permit = Arc::clone(places).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::Unavailable)?;
        // In this order: a drain that this does not see yet sees this.
        let present = self.0.draining.subscribe();
        if *present.borrow() {
            return Err(Refusal::Unavailable);
        }
        Ok((permit, present))
    }

    /// The WebSockets at this moment.
    #[must_use]
    pub fn connections(&self) -> usize {
        taken(&self.0.connections, self.0.limits.connections_max)
    }

    /// The handshakes under way at this moment.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        taken(&self.0.handshakes, self.0.limits.handshakes_max)
    }

    /// Whether the gate was told to drain: nobody is let in any more.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }

    /// Lets nobody in from now on, has every [`Socket`](crate::Socket) send a Close with 1001, and waits until all of
    /// them were dropped. For that, programs must go on to receive until the socket says that it has ended, also when a
    /// `send` fails. A handshake under way is waited for as well, so that it gets its answer; it is no error if one is
    /// still not over then.
    ///
    /// # Errors
    /// [`DrainTimedOut`] if some WebSockets are left after `wait_max`.
    pub async fn drain(&self, wait_max: Duration) -> Result<(), DrainTimedOut> {
        self.0.draining.send_replace(true);
        if timeout(wait_max, self.0.draining.closed()).await.is_ok() {
            return Ok(());
        }
        match self.connections() {
            0 => Ok(()),
            connections => Err(DrainTimedOut { connections }),
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(GateLimits::default())
    }
}

impl Seat {
    /// Ready once the server goes down, else the task is woken then. For who drives a [`Link`](crate::Link) by hand; a
    /// [`Socket`](crate::Socket) sees to it itself.
    pub fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(told) = &mut self.told else {
            return Poll::Ready(());
        };
        std::task::ready!(told.as_mut().poll(cx));
        self.told = None;
        Poll::Ready(())
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("is_told", &self.told.is_none())
            .finish_non_exhaustive()
    }
}

fn taken(semaphore: &Semaphore, max: usize) -> usize {
    max.min(Semaphore::MAX_PERMITS) - semaphore.available_permits()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::*;

    fn gate(connections_max: usize, handshakes_max: usize) -> Gate {
        Gate::new(GateLimits {
            connections_max,
            handshakes_max,
        })
    }

    #[test]
    fn as_many_as_the_limits_say() {
        let gate = gate(2, 1);
        let turn = gate.try_begin().unwrap();
        assert_eq!(gate.try_begin().unwrap_err(), Refusal::Unavailable);
        let seats = [gate.try_sit().unwrap(), gate.try_sit().unwrap()];
        assert_eq!(gate.try_sit().unwrap_err(), Refusal::Unavailable);
        assert_eq!((gate.connections(), gate.handshakes()), (2, 1));
        drop((turn, seats));
        assert_eq!((gate.connections(), gate.handshakes()), (0, 0));
        assert!(gate.try_begin().is_ok() && gate.try_sit().is_ok());
    }

    #[test]
    fn a_limit_beyond_what_can_be_counted_is_none() {
        let gate = gate(usize::MAX, usize::MAX);
        let _seat = gate.try_sit().unwrap();
        assert_eq!(gate.connections(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_tells_each_and_waits_for_all() {
        let gate = gate(9, 9);
        let mut seats: Vec<_> = (0..3).map(|_| gate.try_sit().unwrap()).collect();
        let told = tokio::spawn(async move {
            for seat in &mut seats {
                poll_fn(|cx| seat.poll_draining(cx)).await;
            }
            seats
        });
        tokio::task::yield_now().await;
        assert!(!told.is_finished());
        let wait_max = Duration::from_secs(1);
        let timed_out = gate.drain(wait_max).await.unwrap_err();
        assert_eq!(timed_out.connections, 3);
        let mut seats = told.await.unwrap();
        assert!(gate.is_draining());
        assert!(gate.try_begin().is_err() && gate.try_sit().is_err());
        seats.pop();
        let timed_out = gate.drain(wait_max).await.unwrap_err();
        assert_eq!(timed_out.connections, 2);
        let drained = tokio::spawn({
            let gate = gate.clone();
            async move { gate.drain(wait_max).await }
        });
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(seats);
        drained.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_handshakes_but_does_not_fail_for_them() {
        let gate = gate(9, 9);
        let turn = gate.try_begin().unwrap();
        let wait_max = Duration::from_secs(1);
        let drained = tokio::spawn({
            let gate = gate.clone();
            async move { gate.drain(wait_max).await }
        });
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(turn);
        let begun = Instant::now();
        drained.await.unwrap().unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);

        let gate = Gate::default();
        let _turn = gate.try_begin().unwrap();
        gate.drain(wait_max).await.unwrap();
        assert_eq!(begun.elapsed(), wait_max);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_that_is_gone_drains_nobody() {
        let mut seat = gate(1, 1).try_sit().unwrap();
        let told = poll_fn(|cx| seat.poll_draining(cx));
        assert!(timeout(Duration::from_secs(60), told).await.is_err());
    }
}
