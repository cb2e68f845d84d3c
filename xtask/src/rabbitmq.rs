//! The Rust client of STOMP with RabbitMQ: Debian's package, started for this step on loopback only, and ended with it.
//! The cases are `crates/stomp/tests/others`.

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
    let node = Node::prepare(cx)?;
    let mut epmd = Command::new("epmd");
    epmd.args([
        "-address",
        "127.0.0.1",
        "-port",
        &node.epmd_port.to_string(),
    ]);
    // One that RabbitMQ started by itself would outlive it.
    let epmd = Server::start(cx, "epmd", &mut epmd)?;
    let mut command = Command::new(node.folder.path().join("server"));
    let rabbitmq = Server::start(cx, "rabbitmq", &mut command)?;
    let tested = node.test(cx, &rabbitmq);
    let stopped = rabbitmq.stop_within(STOP_BOUND);
    // Nothing is registered with it any more, so it takes this.
    let port = node.epmd_port.to_string();
    let mut end = Command::new("epmd");
    let ended = process::run_logged(cx, "epmd-end", end.args(["-port", &port, "-kill"]));
    drop(epmd);
    let version = tested?;
    stopped?;
    ended?;
    Ok(vec![format!("RabbitMQ {version}")])
}

/// A RabbitMQ that keeps all that it writes in one folder, and listens on free ports of loopback.
#[derive(Debug)]
struct Node {
    folder: Folder,
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

    /// Runs the cases once RabbitMQ listens, and gives its version.
    fn test(&self, cx: &Context, rabbitmq: &Server) -> Result<String, Failure> {
        rabbitmq.hear("completed with", START_BOUND)?;
        let ctl = self.folder.path().join("ctl");
        let version = process::capture(cx, Command::new(&ctl).arg("version"))?;
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
        Ok(version.trim().to_owned())
    }
}
