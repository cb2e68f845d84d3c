//! Producers and consumers that go on until the server is gone.

use std::{
    fmt::Write as _,
    io,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use fastrand::Rng;

use crate::{
    ledger::{Ledger, Name, Place, Verdict},
    server::Server,
    wire::{Frame, Wire},
};

/// The longest that a life of the server may take to do its share of work.
const LIFE_MAX: Duration = Duration::from_secs(120);

/// Messages that a consumer has and does not decide on, so that they come back.
const KEPT_MAX: u32 = 10;

/// What SUBSCRIBE says of a durable subscription, and CONNECT before it.
pub(crate) const READER: &str = "client-id:reader\n";
pub(crate) const DURABLE: &str = "durable-subscription-name:all\n";

/// What all clients share.
#[derive(Default)]
pub(crate) struct Shared {
    ledger: Mutex<Ledger>,
    happened: Condvar,
}

impl Shared {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_ledger(self) -> Ledger {
        self.ledger
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the ledger that another waits for.
    fn note(&self, with: impl FnOnce(&mut Ledger)) {
        with(&mut self.ledger());
        self.happened.notify_all();
    }

    /// Waits until so much more has happened.
    fn wait(&self, more: u64) {
        let ledger = self.ledger();
        let goal = ledger.events + more;
        let (ledger, waited) = self
            .happened
            .wait_timeout_while(ledger, LIFE_MAX, |ledger| ledger.events < goal)
            .unwrap_or_else(PoisonError::into_inner);
        let events = ledger.events;
        drop(ledger);
        assert!(
            !waited.timed_out(),
            "the server stands still at {events} of {goal}"
        );
    }
}

/// How the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Killed,
    InOrder,
}

/// Lets everybody work until so much has happened, and ends the server then.
pub(crate) fn live(
    shared: &Shared,
    server: Server,
    life: usize,
    events: u64,
    rng: &mut Rng,
    end: End,
) {
    let is_ending = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut start =
            |work: fn(&mut Client<'_>) -> io::Result<()>, name, is_websocket, headers| {
                let wire = Wire::open(&server, is_websocket, headers).expect("it listens");
                let mut client = Client {
                    shared,
                    wire,
                    life,
                    end,
                    name,
                    rng: Rng::with_seed(rng.u64(..)),
                };
                let is_ending = &is_ending;
                scope.spawn(move || {
                    if let Err(error) = work(&mut client)
                        && !is_ending.load(Ordering::SeqCst)
                    {
                        let fault = format!("{name} lost its connection: {error}");
                        client.shared.note(|ledger| ledger.fault(fault));
                    }
                });
            };
        start(|c| c.produce(Place::Work, 0), "producer 0", false, "");
        start(|c| c.produce(Place::Work, 1), "producer 1", true, "");
        start(|c| c.produce(Place::Orders, 0), "producer 2", true, "");
        start(|c| c.produce(Place::News, 0), "producer 3", false, "");
        start(|c| c.produce_in_transactions(), "producer 4", true, "");
        start(|c| c.work(), "worker 0", false, "");
        start(|c| c.work(), "worker 1", true, "");
        start(|c| c.send_on(), "forwarder", false, "");
        start(|c| c.read_news(), "reader", true, READER);
        shared.wait(events);
        is_ending.store(true, Ordering::SeqCst);
        match end {
            End::Killed => server.kill(),
            End::InOrder => server.stop(),
        }
    });
}

/// One of them.
struct Client<'a> {
    shared: &'a Shared,
    wire: Wire,
    life: usize,
    end: End,
    name: &'static str,
    rng: Rng,
}

impl Client<'_> {
    /// Sends some messages at a time, and waits for their receipts.
    fn produce(&mut self, place: Place, producer: u32) -> io::Result<()> {
        loop {
            let mut frames = String::new();
            let mut asked = Vec::new();
            for _ in 0..self.rng.usize(1..=16) {
                let name = self.shared.ledger().send(self.life, place, producer, None);
                let level = *self.rng.choice(&["", "stored", "synced"]).expect("one");
                send(
                    &mut frames,
                    name,
                    &format!("receipt:{name}\n{}", header(level)),
                );
                asked.push((name, if level.is_empty() { "synced" } else { level }));
            }
            self.wire.send(frames.as_bytes())?;
            while !asked.is_empty() {
                let receipt = self.receipt()?;
                let id = receipt.header("receipt-id").unwrap_or_default();
                let Some(at) = asked.iter().position(|(name, _)| name.to_string() == id) else {
                    self.fault(format!("nobody asked for the receipt {id:?}"));
                    continue;
                };
                let (name, level) = asked.swap_remove(at);
                let reached = receipt.header("receipt-level");
                self.shared
                    .note(|ledger| ledger.confirm(name, level, reached));
            }
        }
    }

    fn produce_in_transactions(&mut self) -> io::Result<()> {
        loop {
            let id = self.shared.ledger().transaction();
            let mut frames = format!("BEGIN\ntransaction:{id}\n\n\0");
            for _ in 0..self.rng.usize(2..=6) {
                let place = *self.rng.choice(&[Place::Work, Place::Orders]).expect("one");
                let name = self.shared.ledger().send(self.life, place, 9, Some(id));
                send(&mut frames, name, &format!("transaction:{id}\n"));
            }
            let is_aborted = self.rng.u32(..10) == 0;
            let end = if is_aborted { "ABORT" } else { "COMMIT" };
            if is_aborted {
                self.shared.ledger().abort(id);
            }
            let _ = write!(frames, "{end}\ntransaction:{id}\nreceipt:{id}\n\n\0");
            self.wire.send(frames.as_bytes())?;
            let receipt = self.receipt()?;
            if !is_aborted {
                let reached = receipt.header("receipt-level");
                self.shared
                    .note(|ledger| ledger.confirm_transaction(id, reached));
            }
        }
    }

    /// Takes messages, refuses some for good, lets others come again, and keeps a few.
    fn work(&mut self) -> io::Result<()> {
        self.subscribe("/queue/work", "prefetch-count:40\n")?;
        let mut kept = 0;
        loop {
            let (name, ack) = self.delivery()?;
            if kept < KEPT_MAX && self.rng.u32(..8) == 0 {
                kept += 1;
                continue;
            }
            let settle = if name.is_poison() {
                self.shared.ledger().decide(name, Verdict::Refused);
                format!("NACK\nid:{ack}\nrequeue:false\nreceipt:settled {name}\n\n\0")
            } else if name.comes_again() {
                format!("NACK\nid:{ack}\nreceipt:returned {name}\n\n\0")
            } else {
                self.shared.ledger().decide(name, Verdict::Taken);
                format!("ACK\nid:{ack}\nreceipt:settled {name}\n\n\0")
            };
            self.wire.send(settle.as_bytes())?;
        }
    }

    /// Sends messages on, each in a transaction with its acknowledgement.
    fn send_on(&mut self) -> io::Result<()> {
        self.subscribe("/queue/orders", "prefetch-count:20\n")?;
        loop {
            let (name, ack) = self.delivery()?;
            self.shared.ledger().decide(name, Verdict::Forwarded);
            let mut frames = format!("BEGIN\ntransaction:{name}\n\n\0");
            let body = name.body();
            let _ = write!(
                frames,
                "SEND\ndestination:/queue/done\ntransaction:{name}\n\n{body}\0\
                 ACK\nid:{ack}\ntransaction:{name}\n\n\0\
                 COMMIT\ntransaction:{name}\nreceipt:settled {name}\n\n\0"
            );
            self.wire.send(frames.as_bytes())?;
        }
    }

    fn read_news(&mut self) -> io::Result<()> {
        self.subscribe("/topic/news", DURABLE)?;
        loop {
            let (name, ack) = self.delivery()?;
            self.shared.ledger().decide(name, Verdict::Taken);
            let settle = format!("ACK\nid:{ack}\nreceipt:settled {name}\n\n\0");
            self.wire.send(settle.as_bytes())?;
        }
    }

    fn subscribe(&mut self, destination: &str, headers: &str) -> io::Result<()> {
        self.wire
            .send(subscription(destination, headers).as_bytes())?;
        self.receipt().map(drop)
    }

    fn receipt(&mut self) -> io::Result<Frame> {
        let frame = self.wire.receive()?;
        assert_eq!(frame.command, "RECEIPT", "{frame:?}");
        Ok(frame)
    }

    /// What comes next, and what to acknowledge. RECEIPTs before it are noted.
    fn delivery(&mut self) -> io::Result<(Name, String)> {
        loop {
            let frame = self.wire.receive()?;
            if frame.command == "RECEIPT" {
                self.settled(&frame);
            } else if let Some(delivery) = self.message(&frame) {
                return Ok(delivery);
            }
        }
    }

    fn message(&self, frame: &Frame) -> Option<(Name, String)> {
        let name = match Name::of_body(&frame.body) {
            Ok(name) => name,
            Err(problem) => {
                self.fault(problem);
                return None;
            }
        };
        let is_redelivered = frame.header("redelivered") == Some("true");
        let count = frame.header("delivery-count");
        let count = count.map_or(1, |count| count.parse().expect("a count is a number"));
        let ends_in_order = self.end == End::InOrder;
        self.shared.note(|ledger| {
            ledger.deliver(
                self.life,
                self.name,
                name,
                is_redelivered,
                count,
                ends_in_order,
            );
        });
        Some((
            name,
            frame
                .header("ack")
                .expect("it is to be acknowledged")
                .to_owned(),
        ))
    }

    fn settled(&self, receipt: &Frame) {
        let id = receipt.header("receipt-id").unwrap_or_default();
        let reached = receipt.header("receipt-level");
        let (what, name) = id.split_once(' ').unwrap_or_default();
        match (what, name.parse()) {
            ("settled", Ok(name)) => self
                .shared
                .note(|ledger| ledger.confirm_verdict(name, reached)),
            ("returned", Ok(name)) => self.shared.note(|ledger| ledger.confirm_return(name)),
            _ => self.fault(format!("nobody asked for the receipt {id:?}")),
        }
    }

    fn fault(&self, fault: String) {
        self.shared.note(|ledger| ledger.fault(fault));
    }
}

/// A SUBSCRIBE with the receipt `subscribed`.
pub(crate) fn subscription(destination: &str, headers: &str) -> String {
    format!(
        "SUBSCRIBE\nid:0\ndestination:{destination}\nack:client-individual\nreceipt:subscribed\n{headers}\n\0"
    )
}

fn send(frames: &mut String, name: Name, headers: &str) {
    let destination = name.place.destination();
    let body = name.body();
    let _ = write!(
        frames,
        "SEND\ndestination:{destination}\n{headers}\n{body}\0"
    );
}

fn header(level: &str) -> String {
    if level.is_empty() {
        String::new()
    } else {
        format!("receipt-level:{level}\n")
    }
}
