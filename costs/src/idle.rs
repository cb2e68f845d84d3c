//! What an idle connection costs: memory that the process has and no file stands behind, by how much it grows with
//! many connections. All are to one server, one after the other.

mod tls;

use std::{fs, net::SocketAddr, path::Path, process::Command};

use gumboot_testkit::{BINARY, MASK, StompPeer, WebSocketPeer, encode_frame};

use crate::{
    Failure,
    messages::{deflated_frame, log_in, open_deflated},
    metric::{Cost, Metric},
    payload,
    server::{Server, Subject, on_core},
};

/// How many connections there are before those that count, for what is allocated once and for tables that have grown.
const AHEAD: usize = 200;

/// How many connections count.
const COUNT: usize = 2_000;

/// Open files beside the connections.
const FILES_BESIDE: u64 = 50;

const MESSAGE_BYTES: usize = 128;
const JSON_BYTES: usize = 1_024;

/// Clients that say nothing, and one message that each sends or gets.
trait Clients {
    /// Opens one more.
    fn open(&mut self) -> Result<(), Failure>;

    /// Has each send or get a message, and awaits what comes of it.
    fn message(&mut self) -> Result<(), Failure>;
}

/// A server, and its clients, of which none is connected yet.
type Started = (Server, Box<dyn Clients>);

/// Something to measure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    start: fn(Setup<'_>) -> Result<Started, Failure>,
}

/// Where a server comes from.
#[derive(Debug, Clone, Copy)]
struct Setup<'a> {
    core: usize,
    program: &'a Path,
    folder: &'a Path,
    name: &'a str,
}

/// Every case.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "idle-echo",
        start: echo,
    },
    Case {
        name: "idle-echo-deflate",
        start: echo_deflated,
    },
    Case {
        name: "idle-echo-tls",
        start: echo_tls,
    },
    Case {
        name: "idle-stomp",
        start: stomp,
    },
];

/// The names of all cases.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name)
}

impl Case {
    /// Measures the case, with the server on this core.
    pub(crate) fn measure(
        &self,
        core: usize,
        program: &Path,
        folder: &Path,
    ) -> Result<[Cost; 2], Failure> {
        allow_files()?;
        let (server, mut clients) = (self.start)(Setup {
            core,
            program,
            folder,
            name: self.name,
        })?;
        for _ in 0..AHEAD {
            clients.open()?;
        }
        clients.message()?;
        let before = memory(&server)?;
        for _ in 0..COUNT {
            clients.open()?;
        }
        let connected = memory(&server)?;
        clients.message()?;
        let after_message = memory(&server)?;
        let cost = |metric, bytes: u64| Cost {
            case: self.name,
            metric,
            measured: bytes.saturating_sub(before) as f64 / COUNT as f64,
        };
        Ok([
            cost(Metric::BytesConnected, connected),
            cost(Metric::BytesAfterMessage, after_message),
        ])
    }
}

/// Sees to it that all connections can be open.
fn allow_files() -> Result<(), Failure> {
    let needed = (AHEAD + COUNT) as u64 + FILES_BESIDE;
    let allowed = rlimit::increase_nofile_limit(needed)?;
    match allowed >= needed {
        true => Ok(()),
        false => Err(format!("{needed} open files are needed, and {allowed} allowed").into()),
    }
}

/// The bytes of a process that are in memory, and are no copy of what is in a file.
fn memory(server: &Server) -> Result<u64, Failure> {
    anonymous(&fs::read_to_string(format!(
        "/proc/{}/smaps_rollup",
        server.id()
    ))?)
}

fn anonymous(rollup: &str) -> Result<u64, Failure> {
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes = kilobytes.ok_or("the kernel does not say how much memory a process has")?;
    Ok(kilobytes.parse::<u64>()? * 1_024)
}

impl Setup<'_> {
    fn start(self, subject: Subject, more: impl FnOnce(&mut Command)) -> Result<Server, Failure> {
        let mut command = on_core(self.core, self.program);
        more(command.args(subject.arguments()));
        Server::start(command, &self.folder.join(self.name).with_extension("log"))
    }
}

fn echo(setup: Setup<'_>) -> Result<Started, Failure> {
    let server = setup.start(Subject::Echo, |_| {})?;
    let open = |at| WebSocketPeer::open(at, "/echo", "none");
    let clients = Echo {
        at: server.address,
        open,
        wire: encode_frame(BINARY, &[b'x'; MESSAGE_BYTES], Some(MASK)),
        peers: Vec::new(),
    };
    Ok((server, Box::new(clients)))
}

fn echo_deflated(setup: Setup<'_>) -> Result<Started, Failure> {
    let server = setup.start(Subject::Echo, |_| {})?;
    let clients = Echo {
        at: server.address,
        open: open_deflated,
        wire: deflated_frame(&payload::json(JSON_BYTES)),
        peers: Vec::new(),
    };
    Ok((server, Box::new(clients)))
}

fn echo_tls(setup: Setup<'_>) -> Result<Started, Failure> {
    let certificate = tls::Certificate::make(setup.folder)?;
    let server = setup.start(Subject::Echo, |command| certificate.give_to(command))?;
    let clients = certificate.clients(server.address)?;
    Ok((server, Box::new(clients)))
}

fn stomp(setup: Setup<'_>) -> Result<Started, Failure> {
    let server = setup.start(Subject::Broker, |_| {})?;
    let publisher = log_in(server.address, NO_BEATS);
    let clients = Stomp {
        at: server.address,
        publisher,
        peers: Vec::new(),
    };
    Ok((server, Box::new(clients)))
}

/// Each sends a message and gets it back.
struct Echo {
    at: SocketAddr,
    open: fn(SocketAddr) -> WebSocketPeer,
    wire: Vec<u8>,
    peers: Vec<WebSocketPeer>,
}

impl Clients for Echo {
    fn open(&mut self) -> Result<(), Failure> {
        self.peers.push((self.open)(self.at));
        Ok(())
    }

    fn message(&mut self) -> Result<(), Failure> {
        for peer in &mut self.peers {
            peer.tcp().send(&self.wire);
            peer.receive();
        }
        Ok(())
    }
}

/// Each has logged in, with heart-beats, and subscribed to a topic; all get one message.
struct Stomp {
    at: SocketAddr,
    publisher: StompPeer,
    peers: Vec<StompPeer>,
}

const NO_BEATS: &str = "0,0";

/// Both sides promise to be heard, but not while this measures.
const RARE_BEATS: &str = "120000,120000";

const TOPIC: &str = "/topic/prices";

impl Clients for Stomp {
    fn open(&mut self) -> Result<(), Failure> {
        let mut peer = log_in(self.at, RARE_BEATS);
        peer.subscribe("0", TOPIC);
        self.peers.push(peer);
        Ok(())
    }

    fn message(&mut self) -> Result<(), Failure> {
        let body = "x".repeat(MESSAGE_BYTES);
        self.publisher.publish(TOPIC, &body);
        for peer in &mut self.peers {
            peer.expect_message(&body);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_what_the_kernel_says() {
        let rollup =
            "55d0-7ffe ---p 0 00:00 0 [rollup]\nRss:  900 kB\nAnonymous:             320 kB\n";
        assert_eq!(anonymous(rollup).expect("it is there"), 320 * 1_024);
        assert!(anonymous("Rss: 900 kB\n").is_err());
    }
}
