//! Messages that a server sends back: how many per second, how long each takes, and what they cost the server. One thread
//! with epoll has all connections; each keeps a fixed number of messages in flight, and for all that one read brings, the
//! next are sent by one write. Every echo is held against what was sent, byte for byte.

mod client;
mod handshake;
mod incoming;
mod payload;
mod script;
mod stream;
mod window;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use self::{
    client::Client,
    payload::Kind,
    script::{Carrier, Script},
    stream::Connector,
    window::{Measured, Window},
};
use crate::{Failure, calls::Calls, process::Process};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the echo is
    #[arg(long, value_name = "ADDR")]
    server: SocketAddr,
    /// The process of the server, of which CPU time is measured
    #[arg(long)]
    pid: Option<u32>,
    /// How many connections
    #[arg(long, default_value = "50")]
    connections: NonZeroUsize,
    /// How long a message is
    #[arg(long, default_value = "32")]
    bytes: NonZeroUsize,
    /// What a message is
    #[arg(long, value_enum, default_value_t = Kind::Binary)]
    kind: Kind,
    /// How many messages each connection has on the way
    #[arg(long, default_value = "1")]
    in_flight: NonZeroUsize,
    /// How long to measure
    #[arg(long, default_value_t = 400)]
    milliseconds: u64,
    /// How long to load before that
    #[arg(long, default_value_t = 100)]
    warm_up_milliseconds: u64,
    /// The server sends back bytes: the same frames go over TCP without a handshake
    #[arg(long, conflicts_with = "compress")]
    raw: bool,
    /// Messages are compressed, and must come back compressed
    #[arg(long)]
    compress: bool,
    /// Over TLS, with a server named localhost that has this certificate
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Count the system calls of the server, with strace, which slows it down
    #[arg(long, requires = "pid")]
    count_calls: bool,
}

pub(crate) fn run(args: &Args) -> Result<Value, Failure> {
    let carrier = match (args.raw, args.compress) {
        (true, _) => Carrier::Raw,
        (_, true) => Carrier::Compressed,
        _ => Carrier::Plain,
    };
    let script = Script::new(args.kind, args.bytes.get(), carrier)?;
    let connector = Connector::new(args.server, args.tls_ca.as_deref())?;
    let mut clients = Vec::new();
    for _ in 0..args.connections.get() {
        clients.push(Client::connect(&connector, &script)?);
    }
    let mut window = Window::new(clients, &script, args.in_flight.get())?;
    window.load(Duration::from_millis(args.warm_up_milliseconds), None)?;
    let length = Duration::from_millis(args.milliseconds);
    match args.pid {
        Some(pid) if args.count_calls => counted(&mut window, length, args, pid),
        pid => {
            let server = pid.map(Process::of).transpose()?;
            let measured = window.load(length, server.as_ref())?;
            window.drain()?;
            Ok(figures(&measured))
        }
    }
}

fn figures(measured: &Measured) -> Value {
    let seconds = measured.length.as_secs_f64();
    let per_message = |time: Duration| time.as_nanos() as f64 / measured.messages;
    measured.waits.add_to(json!({
        "messages": measured.messages,
        "seconds": seconds,
        "messages_per_second": measured.messages / seconds,
        "cpu_ns_per_message": measured.server_cpu.map(per_message),
        "load_cpu_ns_per_message": per_message(measured.load_cpu),
    }))
}

/// How often calls are counted if too few were seen to be likely.
const COUNTED_MAX: usize = 3;

/// Calls are counted from a time at which nothing is on the way until everything is back.
fn counted(
    window: &mut Window<'_>,
    length: Duration,
    args: &Args,
    pid: u32,
) -> Result<Value, Failure> {
    let mut left = COUNTED_MAX;
    loop {
        left -= 1;
        window.drain()?;
        let calls = Calls::of(pid)?;
        let before = window.echoes();
        window.load(length, None)?;
        window.drain()?;
        let messages = window.echoes() - before;
        let calls = calls.finish()?;
        // One call is for one connection, which has no more than these on the way.
        if calls.is_likely(messages, args.in_flight.get()) || left == 0 {
            return Ok(calls.per("message", messages as f64));
        }
    }
}
