//! The servers that are measured: each is started, killed and started again with what it has.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::context::{Context, Failure};
use crate::folder::{Folder, free_ports};
use crate::process::Server;
use crate::rabbitmq::Node;

/// How long Gumboot may take to start, with much on the disk.
const START_BOUND: Duration = Duration::from_secs(120);

/// Bounds that a million messages do not meet; nothing else differs from what holds by default.
const CONFIGURATION: &str = "\
[[queues]]
pattern = \"/queue/**\"
messages-max = 100_000_000
bytes-max = \"8 GiB\"

[limits.broker]
queued-bytes-max = \"16 GiB\"
";

/// A server that keeps durable messages, without users beside `guest`.
pub(super) trait Subject {
    /// Starts it, and waits until it listens.
    fn start(&mut self, cx: &Context) -> Result<(), Failure>;

    /// Starts it with what it has, and does not wait.
    fn restart(&mut self, cx: &Context) -> Result<(), Failure>;

    /// Ends it as a crash would.
    fn kill(&mut self);

    /// Has it without any message, and listening.
    fn begin_anew(&mut self, cx: &Context) -> Result<(), Failure>;

    /// Where it speaks STOMP, on loopback.
    fn port(&self) -> u16;

    /// Where it keeps messages.
    fn data(&self) -> PathBuf;
}

/// The program of this work tree, in its release build.
pub(super) struct Gumboot {
    program: PathBuf,
    configuration: PathBuf,
    data: PathBuf,
    port: u16,
    server: Option<Server>,
}

impl Gumboot {
    pub(super) fn new(folder: &Folder, program: PathBuf) -> Result<Self, Failure> {
        let [port] = free_ports()?;
        Ok(Self {
            program,
            configuration: folder.write("gumboot.toml", CONFIGURATION)?,
            data: folder.path().join("data"),
            port,
            server: None,
        })
    }
}

impl Subject for Gumboot {
    fn start(&mut self, cx: &Context) -> Result<(), Failure> {
        self.restart(cx)?;
        let server = self.server.as_ref().expect("it was started");
        server.address("stomp", START_BOUND).map(drop)
    }

    fn restart(&mut self, cx: &Context) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"])
            .args(["--stomp-listen", &format!("127.0.0.1:{}", self.port)])
            .arg("--config")
            .arg(&self.configuration)
            .arg("--data")
            .arg(&self.data);
        self.server = Some(Server::start(cx, "gumboot", &mut command)?);
        Ok(())
    }

    fn kill(&mut self) {
        self.server = None;
    }

    fn begin_anew(&mut self, cx: &Context) -> Result<(), Failure> {
        self.kill();
        Folder::empty(self.data.clone())?;
        self.start(cx)
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> PathBuf {
        self.data.clone()
    }
}

impl Subject for Node {
    fn start(&mut self, cx: &Context) -> Result<(), Failure> {
        self.restart(cx)?;
        self.listens()
    }

    fn restart(&mut self, cx: &Context) -> Result<(), Failure> {
        self.start(cx)
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn begin_anew(&mut self, cx: &Context) -> Result<(), Failure> {
        self.kill();
        Folder::empty(self.data())?;
        Subject::start(self, cx)
    }

    fn port(&self) -> u16 {
        self.stomp_port()
    }

    fn data(&self) -> PathBuf {
        self.data()
    }
}
