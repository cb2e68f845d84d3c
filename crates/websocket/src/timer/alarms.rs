//! The timers of a runtime: a list of who is to be woken when, and one task that waits for the nearest. An entry is much
//! smaller than a `Sleep` of tokio's, of which every connection would hold one.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    future::ready,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use slab::Slab;
use tokio::{
    runtime::{Handle, Id, RuntimeFlavor},
    sync::Notify,
    time::{sleep, timeout_at},
};

use super::now;

/// So many entries that mean nothing any more are left in the queue, and as many as mean something.
const STALE_MAX: usize = 64;

/// The room that is kept when the queue is swept, as a multiple of what is in use.
const SPARE_SHARE: usize = 4;

/// The alarms of each runtime that has any.
static RUNTIMES: Mutex<Vec<(Id, Arc<Alarms>)>> = Mutex::new(Vec::new());

/// Who is to be woken when. Times are in nanoseconds since `start`.
#[derive(Debug)]
pub(super) struct Alarms {
    start: Instant,
    /// Until when all have rung; all the time there is, once nobody waits for them any more.
    rung: AtomicU64,
    state: Mutex<State>,
    /// Told when the nearest is nearer than it was.
    hurry: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: Slab<Entry>,
    /// When which entry rings, the nearest first. What is not as its entry says means nothing any more.
    queue: BinaryHeap<Reverse<(u64, u32)>>,
    stale: usize,
}

#[derive(Debug)]
struct Entry {
    waker: Waker,
    at: u64,
}

impl Alarms {
    /// Those of the runtime that this is called in.
    ///
    /// # Panics
    /// There is no runtime of tokio's, or it keeps no time.
    pub(super) fn of_runtime() -> Arc<Self> {
        let runtime = Handle::current();
        let id = runtime.id();
        let mut runtimes = lock(&RUNTIMES);
        if let Some((_, alarms)) = runtimes.iter().find(|(of, _)| *of == id) {
            return Arc::clone(alarms);
        }
        // Where no time is kept, this panics here, not in the task.
        drop(sleep(Duration::ZERO));
        let alarms = Arc::new(Self {
            start: now(),
            rung: AtomicU64::new(0),
            state: Mutex::default(),
            hurry: Notify::new(),
        });
        runtimes.push((id, Arc::clone(&alarms)));
        drop(runtimes);
        runtime.spawn(Ringing(Arc::clone(&alarms)).run());
        alarms
    }

    /// A moment as these alarms count it.
    pub(super) fn time_of(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.start);
        // Never 0, which has always rung.
        u64::try_from(since.as_nanos()).map_or(u64::MAX - 1, |nanos| nanos.saturating_add(1))
    }

    /// Until when all have rung.
    #[inline]
    pub(super) fn rung(&self) -> u64 {
        self.rung.load(Ordering::Acquire)
    }

    /// Whether their runtime is gone.
    pub(super) fn are_over(&self) -> bool {
        self.rung() == u64::MAX
    }

    /// A new entry, and its key.
    pub(super) fn insert(&self, waker: &Waker, at: u64) -> u32 {
        let mut state = lock(&self.state);
        let waker = waker.clone();
        let key = state.entries.insert(Entry { waker, at });
        let key = u32::try_from(key).expect("no system has so many connections");
        self.enqueue(state, key, at);
        key
    }

    /// Whom an entry wakes from now on, and that it does so at this time or earlier; gives when.
    pub(super) fn reset(&self, key: u32, waker: &Waker, at: u64) -> u64 {
        let mut state = lock(&self.state);
        let rung = self.rung();
        let entry = &mut state.entries[key as usize];
        // The one before is dropped at the very end, when nothing is locked: it may be the last that holds a task.
        let _before = mem::replace(&mut entry.waker, waker.clone());
        let waits = entry.at > rung;
        if waits && entry.at <= at {
            let at = entry.at;
            drop(state);
            return at;
        }
        entry.at = at;
        state.stale += usize::from(waits);
        self.enqueue(state, key, at);
        at
    }

    /// An entry is gone.
    pub(super) fn remove(&self, key: u32) {
        let mut state = lock(&self.state);
        let entry = state.entries.remove(key as usize);
        if state.entries.is_empty() {
            *state = State::default();
        } else if entry.at > self.rung() {
            state.stale += 1;
            state.sweep();
        }
        drop(state);
        // As above.
        drop(entry);
    }

    fn enqueue(&self, mut state: MutexGuard<'_, State>, key: u32, at: u64) {
        state.queue.push(Reverse((at, key)));
        state.sweep();
        let is_nearest = state.queue.peek() == Some(&Reverse((at, key)));
        drop(state);
        if is_nearest {
            self.hurry.notify_one();
            free_from_lifo_slot();
        }
    }

    /// Wakes all whose time has come, and gives when the next one's will have.
    fn ring(&self) -> Option<Instant> {
        let mut state = lock(&self.state);
        let until = self.time_of(now());
        self.rung.store(until, Ordering::Release);
        let mut wakers = Vec::new();
        let next = loop {
            match state.queue.peek() {
                Some(&Reverse((at, _))) if at > until => break Some(at),
                None => break None,
                _ => {}
            }
            if let Some(Reverse(item)) = state.queue.pop() {
                match state.entry_of(item) {
                    Some(entry) => wakers.push(entry.waker.clone()),
                    None => state.stale = state.stale.saturating_sub(1),
                }
            }
        };
        drop(state);
        wake_each(wakers);
        // Not the nanosecond that `time_of` adds, for which the runtime would wait a millisecond.
        next.map(|at| self.start + Duration::from_nanos(at.saturating_sub(1)))
    }

    /// How many entries there are, and how many of the queue.
    #[cfg(test)]
    pub(super) fn lens(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.entries.len(), state.queue.len())
    }

    /// For how many entries there is room, and for how many of the queue.
    #[cfg(test)]
    pub(super) fn capacities(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.entries.capacity(), state.queue.capacity())
    }
}

impl State {
    /// The entry that an item of the queue means.
    fn entry_of(&self, (at, key): (u64, u32)) -> Option<&Entry> {
        let entry = self.entries.get(key as usize)?;
        (entry.at == at).then_some(entry)
    }

    /// Takes what means nothing any more out of the queue when there is much of it, and gives back the room of a peak.
    fn sweep(&mut self) {
        if self.stale > STALE_MAX && self.stale > self.queue.len() / 2 {
            let mut queue = mem::take(&mut self.queue).into_vec();
            queue.retain(|Reverse(item)| self.entry_of(*item).is_some());
            // An entry that was set to an earlier time, and then back, is there twice.
            queue.sort_unstable();
            queue.dedup();
            queue.shrink_to(SPARE_SHARE * queue.len());
            self.queue = queue.into();
            self.stale = 0;
            // No entry can move, so only the room behind the last of them can go.
            if self.entries.capacity() > SPARE_SHARE * self.entries.len() {
                self.entries.shrink_to_fit();
            }
        }
    }
}

/// The task that waits; it ends with its runtime.
struct Ringing(Arc<Alarms>);

impl Ringing {
    async fn run(self) {
        loop {
            let hurry = self.0.hurry.notified();
            match self.0.ring() {
                // Whichever it was that came, it is looked at anew.
                Some(next) => drop(timeout_at(next.into(), hurry).await),
                None => hurry.await,
            }
        }
    }
}

impl Drop for Ringing {
    fn drop(&mut self) {
        lock(&RUNTIMES).retain(|(_, alarms)| !Arc::ptr_eq(alarms, &self.0));
        let state = lock(&self.0.state);
        // Under the lock, so that whoever sets an alarm behind this knows.
        self.0.rung.store(u64::MAX, Ordering::Release);
        let wakers = state.entries.iter().map(|(_, entry)| entry.waker.clone());
        let wakers = wakers.collect();
        drop(state);
        // Nobody rings any more: each is to look for another list.
        wake_each(wakers);
    }
}

/// Wakes each, also where the waker of another panics.
fn wake_each(wakers: Vec<Waker>) {
    for waker in wakers {
        // The panic has been reported; what it was about is not ours.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// What a task has woken is put where only its own worker looks, to be run right after it. If the task then blocked its
/// thread, nobody would ring for anyone meanwhile: another task in that place moves [`Ringing`] to where all workers look.
fn free_from_lifo_slot() {
    let workers = Handle::try_current()
        .ok()
        .filter(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if let Some(runtime) = workers {
        drop(runtime.spawn(ready(())));
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
