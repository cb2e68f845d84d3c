//! Producers and consumers of one queue, over WebSocket: how many messages pass, how long each takes, and what it costs
//! the server. Each producer has so many messages under way and no more, and each message has to come once.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::{
    Failure,
    body::Body,
    calls::Calls,
    client::{Client, Connector, READ_BYTES, ServerArgs, deflate::Inflater, frame::Role, text},
    connection::SILENCE_MAX,
    events::Events,
    process::Process,
    progress::progress,
    reply::Reply,
    stomp::{Account, log_in, replies, send_frame, subscribe},
    target::number,
    waits::Waits,
};

/// How consumers acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ack {
    Auto,
    ClientIndividual,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    account: Account,
    /// The queue
    #[arg(long, default_value = "/queue/bench")]
    destination: String,
    /// How many producers
    #[arg(long, default_value_t = 1)]
    producers: usize,
    /// How many consumers
    #[arg(long, default_value_t = 1)]
    consumers: usize,
    /// Ask for a receipt of each message
    #[arg(long)]
    receipts: bool,
    /// How consumers acknowledge
    #[arg(long, value_enum, default_value = "auto")]
    ack: Ack,
    /// How long a body is
    #[arg(long, default_value_t = 128)]
    bytes: usize,
    /// How many messages each producer has under way
    #[arg(long, default_value_t = 64)]
    window: usize,
    /// How long to measure
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How long to send before
    #[arg(long, default_value_t = 0.5)]
    warm_up_seconds: f64,
    /// Count the system calls of the server, with strace, which slows it down
    #[arg(long)]
    count_calls: bool,
}

pub(crate) fn run(args: &Args) -> Result<Value, Failure> {
    let server = Process::of(args.server.pid)?;
    let mut load = Load::connect(args)?;
    let bar = progress("messages", 0)?;
    load.run_for(args.warm_up_seconds, &bar)?;
    if args.count_calls {
        return counted(&mut load, &bar);
    }
    load.ledger.waits.reset();
    let (begin, cpu_before) = (Instant::now(), server.cpu()?);
    load.run_for(args.seconds, &bar)?;
    let (cpu, taken) = (server.cpu()? - cpu_before, begin.elapsed());
    bar.finish_and_clear();
    let waits = load.ledger.waits.clone();
    load.drain(SILENCE_MAX)?;
    let messages = waits.len() as f64;
    Ok(waits.add_to(json!({
        "messages": messages,
        "messages_per_second": messages / taken.as_secs_f64(),
        "cpu_ns_per_message": cpu.as_nanos() as f64 / messages,
    })))
}

/// Calls are counted from a time at which nothing is under way until all has come.
fn counted(load: &mut Load<'_>, bar: &ProgressBar) -> Result<Value, Failure> {
    load.drain(SILENCE_MAX)?;
    load.ledger.waits.reset();
    let calls = Calls::of(load.args.server.pid)?;
    load.run_for(load.args.seconds, bar)?;
    load.drain(SILENCE_MAX)?;
    bar.finish_and_clear();
    Ok(calls
        .finish()?
        .per("message", load.ledger.waits.len() as f64))
}

#[derive(Debug)]
struct Load<'a> {
    args: &'a Args,
    /// The producers, and behind them the consumers.
    clients: Vec<Client>,
    events: Events,
    buffer: Vec<u8>,
    inflater: Inflater,
    body: Body,
    ledger: Ledger,
}

impl<'a> Load<'a> {
    fn connect(args: &'a Args) -> Result<Self, Failure> {
        let connector = Connector::new(&args.server)?;
        let events = Events::new()?;
        let mut clients = Vec::new();
        for index in 0..args.producers + args.consumers {
            let mut client = log_in(&connector, &args.account)?;
            if index >= args.producers {
                let ack = match args.ack {
                    Ack::Auto => "auto",
                    Ack::ClientIndividual => "client-individual",
                };
                subscribe(&mut client, &args.destination, ack)?;
            }
            events.add(&client, index)?;
            clients.push(client);
        }
        Ok(Self {
            args,
            clients,
            events,
            buffer: vec![0; READ_BYTES],
            inflater: Inflater::default(),
            body: Body::new(args.bytes)?,
            ledger: Ledger::new(args.producers * args.window, args.receipts)?,
        })
    }

    fn run_for(&mut self, seconds: f64, bar: &ProgressBar) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < end {
            self.produce()?;
            for index in self.events.wait()? {
                self.receive(index)?;
            }
            bar.set_position(self.ledger.waits.len());
        }
        Ok(())
    }

    /// Awaits all that is under way: what does not come would only make the window smaller. A server may send pings all
    /// the while, so it has so long and no longer.
    fn drain(&mut self, bound: Duration) -> Result<(), Failure> {
        let end = Instant::now() + bound;
        while self.ledger.under_way() > 0 {
            let ready = self.events.wait_until(end)?;
            if ready.is_empty() {
                let missing = self.ledger.under_way();
                return Err(
                    format!("{missing} messages have not come, or not their receipts").into(),
                );
            }
            for index in ready {
                self.receive(index)?;
            }
        }
        Ok(())
    }

    /// Each producer sends as many as it may, at once.
    fn produce(&mut self) -> Result<(), Failure> {
        let mut free = std::mem::take(&mut self.ledger.free);
        free.sort_unstable();
        for slots in free.chunk_by(|a, b| a / self.args.window == b / self.args.window) {
            let mut wire = Vec::new();
            for slot in slots {
                let number = self.ledger.begin(*slot, Instant::now());
                let receipt = self.args.receipts.then_some(number);
                let mut payload = Vec::new();
                let body = self.body.with(number);
                send_frame(&mut payload, &self.args.destination, receipt, body);
                text(&payload).write(Role::Client, &mut wire);
            }
            self.clients[slots[0] / self.args.window].send(&wire)?;
        }
        Ok(())
    }

    fn receive(&mut self, index: usize) -> Result<(), Failure> {
        let Self {
            args,
            clients,
            buffer,
            inflater,
            body,
            ledger,
            ..
        } = self;
        let mut acks = Vec::new();
        clients[index].receive(buffer, |compressed, payload| {
            let payload = match compressed {
                true => inflater.inflate_alone(payload)?,
                false => payload,
            };
            replies(payload, |reply| {
                if args.ack == Ack::ClientIndividual && reply.command == b"MESSAGE" {
                    acknowledge(&mut acks, reply)?;
                }
                ledger.take(reply, body)
            })
        })?;
        if acks.is_empty() {
            return Ok(());
        }
        clients[index].send(&acks)
    }
}

fn acknowledge(to: &mut Vec<u8>, reply: &Reply<'_>) -> Result<(), Failure> {
    let id = reply.header("ack").ok_or("a MESSAGE has no ack")?;
    let mut payload = b"ACK\nid:".to_vec();
    payload.extend_from_slice(id);
    payload.extend_from_slice(b"\n\n\0");
    text(&payload).write(Role::Client, to);
    Ok(())
}

/// What is under way. A message's number is that of its slot, plus as many times the slots as it was used before.
#[derive(Debug)]
struct Ledger {
    slots: Vec<Slot>,
    free: Vec<usize>,
    with_receipts: bool,
    /// From when a message is sent until a consumer has it.
    waits: Waits,
}

#[derive(Debug, Clone)]
struct Slot {
    number: u64,
    sent: Instant,
    consumed: bool,
    confirmed: bool,
}

impl Ledger {
    fn new(slots: usize, with_receipts: bool) -> Result<Self, Failure> {
        let slot = |index: usize| Slot {
            number: index as u64,
            sent: Instant::now(),
            consumed: true,
            confirmed: true,
        };
        Ok(Self {
            slots: (0..slots).map(slot).collect(),
            free: (0..slots).collect(),
            with_receipts,
            waits: Waits::new()?,
        })
    }

    fn under_way(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The number of the message that a slot has from now on.
    fn begin(&mut self, slot: usize, now: Instant) -> u64 {
        let turn = self.slots.len() as u64;
        let slot = &mut self.slots[slot];
        slot.number += turn;
        slot.sent = now;
        slot.consumed = false;
        slot.confirmed = !self.with_receipts;
        slot.number
    }

    fn take(&mut self, reply: &Reply<'_>, body: &Body) -> Result<(), Failure> {
        let (number, is_message) = match reply.command {
            b"MESSAGE" => (body.number(reply.body), true),
            b"RECEIPT" => (reply.header("receipt-id").and_then(number), false),
            _ => (None, false),
        };
        let found = number.and_then(|number| {
            let index = usize::try_from(number).ok()? % self.slots.len();
            let slot = &mut self.slots[index];
            let done = if is_message {
                &mut slot.consumed
            } else {
                &mut slot.confirmed
            };
            let expected = slot.number == number && !*done;
            *done |= expected;
            expected.then_some(index)
        });
        let index = found.ok_or_else(|| format!("unexpected: {}", reply.shown()))?;
        let slot = &self.slots[index];
        if is_message {
            self.waits.record(slot.sent.elapsed(), 1);
        }
        if slot.consumed && slot.confirmed {
            self.free.push(index);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
    };

    use clap::Parser;

    use super::*;
    use crate::reply::parse;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// Two messages under way, and the server's end of the one connection.
    fn two_under_way<'a>(args: &'a Args, listener: &TcpListener) -> (Load<'a>, TcpStream) {
        let client = Connector::new(&args.server).and_then(|connector| connector.connect());
        let client = client.expect("somebody listens");
        let (server, _) = listener.accept().expect("somebody has connected");
        let events = Events::new().expect("there is room");
        events.add(&client, 0).expect("there is room");
        let mut ledger = Ledger::new(2, false).expect("it has room");
        for slot in std::mem::take(&mut ledger.free) {
            ledger.begin(slot, Instant::now());
        }
        let load = Load {
            args,
            clients: vec![client],
            events,
            buffer: vec![0; READ_BYTES],
            inflater: Inflater::default(),
            body: Body::new(args.bytes).expect("it is long enough"),
            ledger,
        };
        (load, server)
    }

    #[test]
    fn a_message_that_does_not_come_is_missed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let at = listener.local_addr().expect("it listens").to_string();
        let line = Line::parse_from(["queue", "--server", &at, "--pid", "0"]);
        for numbers in [&[2, 3][..], &[3], &[]] {
            let (mut load, mut server) = two_under_way(&line.args, &listener);
            let mut wire = Vec::new();
            for number in numbers {
                let message = [b"MESSAGE\n\n", load.body.with(*number), b"\0"].concat();
                text(&message).write(Role::Server, &mut wire);
            }
            server.write_all(&wire).expect("there is room");
            // All that was sent is there to be read, so there is nothing to wait for.
            let drained = load.drain(Duration::ZERO);
            let drained = drained.map_err(|failure| failure.to_string());
            let missing = 2 - numbers.len();
            let failure = format!("{missing} messages have not come, or not their receipts");
            let expected = if missing == 0 { Ok(()) } else { Err(failure) };
            assert_eq!(drained, expected);
        }
    }

    #[test]
    fn a_message_comes_once_and_is_confirmed_once() {
        let mut body = Body::new(64).expect("it is long enough");
        let mut ledger = Ledger::new(2, true).expect("it has room");
        ledger.free.clear();
        let number = ledger.begin(1, Instant::now());
        let message = [b"MESSAGE\ncontent-length:64\n\n", body.with(number), b"\0"].concat();
        let receipt = format!("RECEIPT\nreceipt-id:{number}\n\n\0");
        let other = format!("RECEIPT\nreceipt-id:{}\n\n\0", number + 2);
        let mut take = |frame: &[u8]| {
            let (reply, _) = parse(frame).expect("it is whole");
            ledger.take(&reply, &body)?;
            Ok::<_, Failure>(ledger.free.clone())
        };
        assert!(take(other.as_bytes()).is_err(), "nobody sent it");
        assert_eq!(take(&message).ok(), Some(vec![]));
        assert!(take(&message).is_err(), "a second time");
        assert_eq!(take(receipt.as_bytes()).ok(), Some(vec![1]));
        assert!(take(receipt.as_bytes()).is_err(), "a second time");
        assert!(take(b"ERROR\nmessage:no\n\n\0").is_err());
    }
}
