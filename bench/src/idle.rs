//! Connections that wait: how much memory of the server's process each has, before it has seen a message and after, and
//! what it costs to open one.

use serde_json::{Value, json};

use crate::{
    Failure,
    body::Body,
    client::{
        Client, Connector, READ_BYTES, ServerArgs,
        deflate::{Inflater, deflate},
        frame::Role,
        text,
    },
    process::Process,
    progress::progress,
    stomp::{Account, log_in, replies, send_frame, subscribe},
};

/// How many connections there are before memory is looked at: a server makes some things only once.
const WARM_UP: u64 = 100;

/// Messages of a size that servers compress.
const BYTES: usize = 256;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    /// WebSocket with an echo
    Echo,
    /// An echo of bytes, without WebSocket
    Raw,
    /// STOMP, all subscribed to one topic
    Stomp,
    /// STOMP, each subscribed to a topic of its own
    StompOwn,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    account: Account,
    /// What is spoken
    #[arg(long, value_enum, default_value = "echo")]
    protocol: Protocol,
    /// How many connections
    #[arg(long, default_value_t = 10_000)]
    connections: u64,
}

pub(crate) fn run(args: &Args) -> Result<Value, Failure> {
    rlimit::increase_nofile_limit(args.connections + WARM_UP + 64)?;
    let server = Process::of(args.server.pid)?;
    let mut load = Load::new(args)?;
    load.connect(WARM_UP)?;
    load.exchange_all("warming up")?;
    let before = server.settled_memory()?;
    let cpu_before = server.cpu()?;
    load.connect(args.connections)?;
    let opening = server.cpu()?.saturating_sub(cpu_before);
    let connected = server.settled_memory()?;
    load.exchange_all("messages")?;
    let after_message = server.settled_memory()?;
    let each = |bytes: u64| (bytes as f64 - before as f64) / args.connections as f64;
    Ok(json!({
        "connections": args.connections,
        "bytes_connected": each(connected),
        "bytes_after_message": each(after_message),
        "cpu_ns_to_open": opening.as_nanos() as f64 / args.connections as f64,
    }))
}

/// All connections.
#[derive(Debug)]
struct Load<'a> {
    args: &'a Args,
    connector: Connector,
    clients: Vec<Client>,
    body: Body,
    number: u64,
    buffer: Vec<u8>,
    inflater: Inflater,
}

impl<'a> Load<'a> {
    fn new(args: &'a Args) -> Result<Self, Failure> {
        Ok(Self {
            args,
            connector: Connector::new(&args.server)?,
            clients: Vec::new(),
            body: Body::new(BYTES)?,
            number: 0,
            buffer: vec![0; READ_BYTES],
            inflater: Inflater::default(),
        })
    }

    fn connect(&mut self, count: u64) -> Result<(), Failure> {
        let bar = progress("connected", count)?;
        for _ in 0..count {
            let client = self.open()?;
            self.clients.push(client);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn open(&self) -> Result<Client, Failure> {
        match self.args.protocol {
            Protocol::Raw => self.connector.connect(),
            Protocol::Echo => self.connector.open(None),
            Protocol::Stomp | Protocol::StompOwn => {
                let mut client = log_in(&self.connector, &self.args.account)?;
                subscribe(&mut client, &self.destination(self.clients.len()), "auto")?;
                Ok(client)
            }
        }
    }

    fn destination(&self, index: usize) -> String {
        match self.args.protocol {
            Protocol::StompOwn => format!("/topic/bench.{index}"),
            _ => "/topic/bench".to_owned(),
        }
    }

    /// Has a message go over each connection: an echo, or a MESSAGE of a topic.
    fn exchange_all(&mut self, what: &'static str) -> Result<(), Failure> {
        let bar = progress(what, self.clients.len() as u64)?;
        for index in 0..self.clients.len() {
            if index == 0 || self.args.protocol != Protocol::Stomp {
                self.number += 1;
                self.send(index)?;
            }
            self.receive(index)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn send(&mut self, index: usize) -> Result<(), Failure> {
        let destination = self.destination(index);
        let body = self.body.with(self.number);
        let mut payload = Vec::new();
        match self.args.protocol {
            Protocol::Raw => return self.clients[index].send(body),
            Protocol::Echo => payload.extend_from_slice(body),
            Protocol::Stomp | Protocol::StompOwn => {
                send_frame(&mut payload, &destination, None, body);
            }
        }
        let mut wire = Vec::new();
        if self.args.server.compress {
            let payload = deflate(&payload)?;
            let mut frame = text(&payload);
            frame.compressed = true;
            frame.write(Role::Client, &mut wire);
        } else {
            text(&payload).write(Role::Client, &mut wire);
        }
        self.clients[index].send(&wire)
    }

    /// Waits for the message on a connection, and holds it against what was sent.
    fn receive(&mut self, index: usize) -> Result<(), Failure> {
        let Self {
            args,
            clients,
            body,
            buffer,
            inflater,
            ..
        } = self;
        let client = &mut clients[index];
        let number = self.number;
        let check = |came: &[u8]| match body.number(came) == Some(number) {
            true => Ok(()),
            false => Err(format!(
                "another message came: {}",
                String::from_utf8_lossy(came)
            )),
        };
        if args.protocol == Protocol::Raw {
            let mut filled = 0;
            while filled < BYTES {
                filled += client.read(&mut buffer[filled..BYTES])?;
            }
            return Ok(check(&buffer[..BYTES])?);
        }
        let mut come = false;
        while !come {
            client.receive(buffer, |compressed, payload| {
                let payload = match compressed {
                    true => inflater.inflate_alone(payload)?,
                    false => payload,
                };
                if args.protocol == Protocol::Echo {
                    come = true;
                    return Ok(check(payload)?);
                }
                replies(payload, |reply| {
                    come = true;
                    Ok(check(reply.body)?)
                })
            })?;
        }
        Ok(())
    }
}
