//! One publisher and many subscribers: what a delivery costs the server, and how long it takes. Each message goes out
//! when all subscribers have the one before, or some messages at once when they have those before. Every delivery is
//! held against what was sent, in full.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::{
    Failure,
    body::Body,
    calls::Calls,
    client::{Client, Connector, READ_BYTES, ServerArgs, deflate::Inflater, frame::Role, text},
    connection::expect,
    events::Events,
    process::Process,
    progress::progress,
    stomp::{Account, log_in, replies, send_frame, subscribe},
    waits::Waits,
};

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    /// STOMP, all subscribed to one topic
    Stomp,
    /// WebSocket: the server sends a message of one connection to all others
    Websocket,
    /// Bytes: so does the server, with MESSAGEs as they would be on the wire
    Floor,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    account: Account,
    /// What is spoken
    #[arg(long, value_enum, default_value = "stomp")]
    protocol: Protocol,
    /// The topic
    #[arg(long, default_value = "/topic/bench")]
    destination: String,
    /// How many subscribers
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// How long a body is
    #[arg(long, default_value_t = 128)]
    bytes: usize,
    /// How many messages go out at once
    #[arg(long, default_value_t = 1)]
    burst: u64,
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
    rlimit::increase_nofile_limit(args.subscribers as u64 + 64)?;
    let server = Process::of(args.server.pid)?;
    let mut load = Load::connect(args)?;
    let bar = progress("deliveries", 0)?;
    load.publish_for(args.warm_up_seconds, &bar)?;
    load.waits.reset();
    if args.count_calls {
        let calls = Calls::of(args.server.pid)?;
        load.publish_for(args.seconds, &bar)?;
        bar.finish_and_clear();
        return Ok(calls.finish()?.per("delivery", load.waits.len() as f64));
    }
    let (begin, cpu_before) = (Instant::now(), server.cpu()?);
    load.publish_for(args.seconds, &bar)?;
    let (cpu, taken) = (server.cpu()? - cpu_before, begin.elapsed());
    bar.finish_and_clear();
    let deliveries = load.waits.len() as f64;
    Ok(load.waits.add_to(json!({
        "subscribers": args.subscribers,
        "deliveries": deliveries,
        "deliveries_per_second": deliveries / taken.as_secs_f64(),
        "cpu_ns_per_delivery": cpu.as_nanos() as f64 / deliveries,
    })))
}

#[derive(Debug)]
struct Load<'a> {
    args: &'a Args,
    publisher: Client,
    subscribers: Vec<Subscriber>,
    events: Events,
    buffer: Vec<u8>,
    expected: Expected,
    /// From the sending of a burst until a subscriber has the message.
    waits: Waits,
}

#[derive(Debug)]
struct Subscriber {
    client: Client,
    /// The number of the message that comes next.
    next: u64,
}

impl<'a> Load<'a> {
    fn connect(args: &'a Args) -> Result<Self, Failure> {
        let connector = Connector::new(&args.server)?;
        let events = Events::new()?;
        let mut subscribers = Vec::new();
        let bar = progress("subscribed", args.subscribers as u64)?;
        for number in 0..args.subscribers {
            let client = open(args, &connector, Role::Server)?;
            events.add(&client, number)?;
            subscribers.push(Subscriber { client, next: 0 });
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Self {
            args,
            publisher: open(args, &connector, Role::Client)?,
            subscribers,
            events,
            buffer: vec![0; READ_BYTES],
            expected: Expected::new(args)?,
            waits: Waits::new()?,
        })
    }

    fn publish_for(&mut self, seconds: f64, bar: &ProgressBar) -> Result<(), Failure> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs_f64(seconds) {
            self.publish_once()?;
            bar.set_position(self.waits.len());
        }
        Ok(())
    }

    /// Sends a burst, and waits until all have it.
    fn publish_once(&mut self) -> Result<(), Failure> {
        let wire = self.expected.burst(self.args);
        let sent = Instant::now();
        self.publisher.send(&wire)?;
        let mut left = self.args.burst * self.subscribers.len() as u64;
        while left > 0 {
            for number in self.events.wait()? {
                let subscriber = &mut self.subscribers[number];
                let before = subscriber.next;
                let expected = &mut self.expected;
                subscriber
                    .client
                    .receive(&mut self.buffer, |compressed, payload| {
                        expected.check(&mut subscriber.next, compressed, payload)
                    })?;
                let count = subscriber.next - before;
                self.waits.record(sent.elapsed(), count);
                left -= count;
            }
        }
        Ok(())
    }
}

/// A subscriber, or the publisher, whose part is that of a client.
fn open(args: &Args, connector: &Connector, role: Role) -> Result<Client, Failure> {
    match args.protocol {
        Protocol::Floor => connector.connect(),
        Protocol::Websocket => connector.open(None),
        Protocol::Stomp => {
            let mut client = log_in(connector, &args.account)?;
            if role == Role::Server {
                subscribe(&mut client, &args.destination, "auto")?;
            }
            Ok(client)
        }
    }
}

/// What subscribers have to get.
#[derive(Debug)]
struct Expected {
    body: Body,
    is_stomp: bool,
    /// The number of the burst's first message.
    first: u64,
    end: u64,
    /// Of each message of the burst, the payload that was looked at last: most subscribers get the very same.
    known: Vec<Option<(bool, Vec<u8>)>>,
    inflater: Inflater,
}

impl Expected {
    fn new(args: &Args) -> Result<Self, Failure> {
        Ok(Self {
            body: Body::new(args.bytes)?,
            is_stomp: args.protocol != Protocol::Websocket,
            first: 0,
            end: 0,
            known: Vec::new(),
            inflater: Inflater::default(),
        })
    }

    /// The next burst, as the publisher sends it.
    fn burst(&mut self, args: &Args) -> Vec<u8> {
        self.first = self.end;
        self.end += args.burst;
        self.known = vec![None; (self.end - self.first) as usize];
        let mut wire = Vec::new();
        for number in self.first..self.end {
            let body = self.body.with(number);
            let mut payload = Vec::new();
            match args.protocol {
                Protocol::Websocket => payload.extend_from_slice(body),
                Protocol::Stomp => send_frame(&mut payload, &args.destination, None, body),
                Protocol::Floor => message_frame(&mut payload, &args.destination, number, body),
            }
            let role = match args.protocol {
                Protocol::Floor => Role::Server,
                _ => Role::Client,
            };
            text(&payload).write(role, &mut wire);
        }
        wire
    }

    /// Holds a message against the one that comes next, and counts it.
    fn check(&mut self, next: &mut u64, compressed: bool, payload: &[u8]) -> Result<(), Failure> {
        let known = next.checked_sub(self.first);
        let known = known.and_then(|index| self.known.get_mut(usize::try_from(index).ok()?));
        let known = known.ok_or("more messages come than were sent")?;
        if let Some((was_compressed, bytes)) = known
            && *was_compressed == compressed
            && bytes == payload
        {
            *next += 1;
            return Ok(());
        }
        let inflated = match compressed {
            true => self.inflater.inflate_alone(payload)?,
            false => payload,
        };
        let mut check_body = |body: &[u8]| match self.body.number(body) == Some(*next) {
            true => {
                *next += 1;
                Ok(())
            }
            false => Err(format!(
                "in place of message {next} came: {}",
                String::from_utf8_lossy(body)
            )),
        };
        let mut count = 0;
        if self.is_stomp {
            replies(inflated, |reply| {
                expect(reply, b"MESSAGE")?;
                count += 1;
                Ok(check_body(reply.body)?)
            })?;
        } else {
            check_body(inflated)?;
            count = 1;
        }
        // Only what is one message may be taken for one when it comes again.
        if count == 1 {
            *known = Some((compressed, payload.to_vec()));
        }
        Ok(())
    }
}

/// A MESSAGE as servers send it, for the floor.
fn message_frame(to: &mut Vec<u8>, destination: &str, number: u64, body: &[u8]) {
    let head = format!(
        "MESSAGE\nsubscription:0\nmessage-id:{number}\ndestination:{destination}\ncontent-length:{}\n\n",
        body.len()
    );
    to.extend_from_slice(head.as_bytes());
    to.extend_from_slice(body);
    to.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{deflate::deflate, frame};

    fn args(protocol: Protocol, burst: u64) -> Args {
        Args {
            server: ServerArgs::of(([127, 0, 0, 1], 1).into()),
            account: Account::default(),
            protocol,
            destination: "/topic/t".to_owned(),
            subscribers: 1,
            bytes: 128,
            burst,
            seconds: 1.0,
            warm_up_seconds: 0.0,
            count_calls: false,
        }
    }

    fn payloads(wire: &[u8]) -> Vec<Vec<u8>> {
        let mut at = 0;
        let mut found = Vec::new();
        while let Some((frame, length)) = frame::read(&wire[at..]).expect("it is good") {
            found.push(frame.payload.to_vec());
            at += length;
        }
        found
    }

    #[test]
    fn deliveries_are_held_against_what_was_sent() {
        let args = args(Protocol::Floor, 2);
        let mut expected = Expected::new(&args).expect("it is long enough");
        let first = payloads(&expected.burst(&args));
        let second = payloads(&expected.burst(&args));
        let mut next = 2;
        for (compressed, payload) in [
            (false, second[0].clone()),
            (true, deflate(&second[1]).expect("it is")),
        ] {
            for wrong in &first {
                assert!(
                    expected.check(&mut next, false, wrong).is_err(),
                    "one of before"
                );
            }
            let (mut others, before) = (next, next);
            for next in [&mut next, &mut others] {
                expected
                    .check(next, compressed, &payload)
                    .expect("it is the one");
                assert_eq!(*next, before + 1);
            }
        }
        let again = expected.check(&mut next, false, &second[1]);
        assert!(again.is_err(), "more than were sent");
    }

    #[test]
    fn a_body_that_is_wrong_is_seen() {
        let args = args(Protocol::Websocket, 1);
        let mut expected = Expected::new(&args).expect("it is long enough");
        expected.burst(&args);
        let mut body = Body::new(128).expect("it is long enough").with(0).to_vec();
        assert!(expected.check(&mut 0, false, &body).is_ok());
        body[100] ^= 1;
        assert!(expected.check(&mut 0, false, &body).is_err());
        assert!(expected.check(&mut 0, false, &body[..127]).is_err());
    }
}
