//! The Rust client of STOMP with RabbitMQ: Debian's package, started for this step on loopback only, and ended with it.
//! The cases are `crates/stomp/tests/others`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::context::{Context, Failure, Outcome};
use crate::folder::{Folder, free_ports};
use crate::process::Server;
use crate::{cargo, install, process};

/// Debian's scripts, which run as any user; those in PATH are for the service.
const SCRIPTS: &str = "/usr/lib/rabbitmq/bin";

/// How long RabbitMQ may take to start.
const START_BOUND: Duration = Duration::from_secs(120);

/// How long RabbitMQ may take to end: it closes queues in order.
const STOP_BOUND: Duration = Duration::from_secs(60);

const PLUGINS: &str = "[rabbitmq_stomp,rabbitmq_web_stomp].\n";

pub(crate) fn check(cx: &Context) -> Outcome {
    install::rabbitmq(cx)?;
    let version = with_node(cx, |node| node.test(cx))?;
    Ok(vec![format!("RabbitMQ {version}")])
}

/// Whether it is on this machine.
pub(crate) fn is_installed() -> bool {
    Path::new(SCRIPTS).join("rabbitmq-server").exists()
}

/// Does something with a RabbitMQ that has nothing yet; it runs from then on, until that is done.
pub(crate) fn with_node<T>(
    cx: &Context,
    act: impl FnOnce(&mut Node) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_node_through(cx, &[], act)
}

/// As [`with_node`]; the program runs through others that take it as their argument, such as `taskset -c 0`.
pub(crate) fn with_node_through<T>(
    cx: &Context,
    wrapper: &[String],
    act: impl FnOnce(&mut Node) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut node = Node::prepare(cx)?;
    node.wrapper = wrapper.to_vec();
    let mut epmd = Command::new("epmd");
    epmd.args([
        "-address",
        "127.0.0.1",
        "-port",
        &node.epmd_port.to_string(),
    ]);
    // One that RabbitMQ started by itself would outlive it.
    let epmd = Server::start(cx, "epmd", &mut epmd)?;
    node.start(cx)?;
    let acted = act(&mut node);
    let stopped = node
        .server
        .take()
        .map_or(Ok(()), |server| server.stop_within(STOP_BOUND));
    // Nothing is registered with it any more, so it takes this.
    let port = node.epmd_port.to_string();
    let mut end = Command::new("epmd");
    let ended = process::run_logged(cx, "epmd-end", end.args(["-port", &port, "-kill"]));
    drop(epmd);
    let acted = acted?;
    stopped?;
    ended?;
    Ok(acted)
}

/// A RabbitMQ that keeps all that it writes in one folder, and listens on free ports of loopback.
#[derive(Debug)]
pub(crate) struct Node {
    folder: Folder,
    /// What its program is an argument of.
    wrapper: Vec<String>,
    server: Option<Server>,
    epmd_port: u16,
    stomp_port: u16,
    web_port: u16,
}

impl Node {
    /// Writes its configuration into an empty folder.
    fn prepare(cx: &Context) -> Result<Self, Failure> {
        let [epmd_port, stomp_port, web_port, distribution_port] = free_ports()?;
        let node = Self {
            folder: Folder::empty(cx.peers().join("rabbitmq"))?,
            wrapper: Vec::new(),
            server: None,
            epmd_port,
            stomp_port,
            web_port,
        };
        node.folder.write("rabbitmq.conf", &node.configuration())?;
        node.folder.write("enabled_plugins", PLUGINS)?;
        for (name, script) in [("server", "rabbitmq-server"), ("ctl", "rabbitmqctl")] {
            let text = format!(
                "#!/bin/sh\n{}exec {SCRIPTS}/{script} \"$@\"\n",
                node.environment(distribution_port)
            );
            node.folder.write_program(name, &text)?;
        }
        Ok(node)
    }

    fn configuration(&self) -> String {
        let (stomp, web) = (self.stomp_port, self.web_port);
        // Frames of text, which are the default, break bodies that are no text.
        format!(
            "listeners.tcp = none\n\
             stomp.listeners.tcp.1 = 127.0.0.1:{stomp}\n\
             web_stomp.tcp.ip = 127.0.0.1\n\
             web_stomp.tcp.port = {web}\n\
             web_stomp.ws_frame = binary\n"
        )
    }

    /// What both scripts are told: nothing of the service's own configuration, and no address but loopback.
    fn environment(&self, distribution_port: u16) -> String {
        let folder = self.folder.path().display();
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
        let variables = [
            ("HOME", folder.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("ERL_EPMD_PORT", self.epmd_port.to_string()),
            (
                "RABBITMQ_ADVANCED_CONFIG_FILE",
                format!("{folder}/advanced.config"),
            ),
            ("RABBITMQ_CONFIG_FILE", format!("{folder}/rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
            ("RABBITMQ_CTL_ERL_ARGS", loopback.to_owned()),
            ("RABBITMQ_DIST_PORT", distribution_port.to_string()),
            (
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                format!("{folder}/enabled_plugins"),
            ),
            ("RABBITMQ_GENERATED_CONFIG_DIR", format!("{folder}/config")),
            ("RABBITMQ_LOG_BASE", format!("{folder}/log")),
            ("RABBITMQ_MNESIA_BASE", format!("{folder}/mnesia")),
            ("RABBITMQ_NODENAME", "gumboot@localhost".to_owned()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback.to_owned()),
        ];
        let lines = variables.map(|(name, value)| format!("export {name}='{value}'\n"));
        lines.concat()
    }

    /// Starts it, with what it has; it may take a while until it listens.
    pub(crate) fn start(&mut self, cx: &Context) -> Result<(), Failure> {
        let program = self.folder.path().join("server");
        let mut command = match self.wrapper.split_first() {
            None => Command::new(program),
            Some((first, others)) => {
                let mut command = Command::new(first);
                command.args(others).arg(program);
                command
            }
        };
        self.server = Some(Server::start(cx, "rabbitmq", &mut command)?);
        Ok(())
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    /// Waits until it listens.
    pub(crate) fn listens(&self) -> Result<(), Failure> {
        let server = self.server.as_ref();
        server.map_or(Ok(()), |server| {
            server.hear("completed with", START_BOUND).map(drop)
        })
    }

    pub(crate) fn stomp_port(&self) -> u16 {
        self.stomp_port
    }

    pub(crate) fn web_port(&self) -> u16 {
        self.web_port
    }

    /// Of its process, which has others below it; none if it does not run.
    pub(crate) fn id(&self) -> Option<u32> {
        self.server.as_ref().map(Server::id)
    }

    /// Where it keeps messages.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("mnesia")
    }

    pub(crate) fn version(&self, cx: &Context) -> Result<String, Failure> {
        let ctl = self.folder.path().join("ctl");
        let version = process::capture(cx, Command::new(&ctl).arg("version"))?;
        Ok(version.trim().to_owned())
    }

    /// Runs the cases once RabbitMQ listens, and gives its version.
    fn test(&self, cx: &Context) -> Result<String, Failure> {
        self.listens()?;
        let ctl = self.folder.path().join("ctl");
        let version = self.version(cx)?;
        let mut tests = cargo::cargo(cx);
        tests
            .args(["test", "--package", "gumboot-stomp", "--test", "others"])
            .env(
                "GUMBOOT_RABBITMQ_STOMP",
                format!("stomp://127.0.0.1:{}", self.stomp_port),
            )
            .env(
                "GUMBOOT_RABBITMQ_WEB",
                format!("ws://127.0.0.1:{}/ws", self.web_port),
            )
            .env("GUMBOOT_RABBITMQ_CTL", ctl);
        process::run(cx, &mut tests)?;
        Ok(version)
    }
}
