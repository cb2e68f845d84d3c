//! The servers of STOMP over WebSocket that the scenarios of fan-out, queues and idle connections start.

use std::process::Command;

use super::Bench;
use super::pinned::Pinned;
use crate::context::Failure;
use crate::rabbitmq;

/// Where a server is and which process it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    port: u16,
    id: u32,
}

impl Place {
    pub(super) fn of(server: &Pinned) -> Self {
        Self {
            port: server.port,
            id: server.id(),
        }
    }

    /// What every load on it is told.
    pub(super) fn tell(self, load: &mut Command) {
        load.args(["--server", &format!("127.0.0.1:{}", self.port)]);
        load.args(["--pid", &self.id.to_string()]);
    }
}

/// Our own, in memory only and with nothing to configure.
pub(super) fn gumboot(bench: &Bench<'_>) -> Result<Pinned, Failure> {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--stomp-listen", "off"];
    bench.start_gumboot(&arguments, "websocket")
}

/// Does something while RabbitMQ's Web STOMP runs on the core of servers, if it is installed, wanted and starts; the text
/// is what there is to say of it. That it does not end as it should changes nothing in what was measured.
pub(super) fn with_rabbitmq<T>(
    bench: &Bench<'_>,
    act: impl FnOnce(Option<Place>, String) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if !rabbitmq::is_installed() || !bench.is_wanted(RABBITMQ) {
        return act(
            None,
            "RabbitMQ: not measured, since it is not installed or not wanted.".to_owned(),
        );
    }
    let cx = bench.cx;
    let mut act = Some(act);
    let mut acted = None;
    let ran = rabbitmq::with_node_through(cx, &bench.cores.server_wrapper(), |node| {
        node.listens()?;
        let place = node.id().map(|id| Place {
            port: node.web_port(),
            id,
        });
        let remark = format!(
            "RabbitMQ: {}, as Debian has it, with its plugin Web STOMP.",
            node.version(cx)?
        );
        acted = act.take().map(|act| act(place, remark));
        Ok(())
    });
    let reason = match ran {
        Ok(()) => String::new(),
        Err(Failure::Broken(reason) | Failure::Missing(reason)) => {
            eprintln!("RabbitMQ: {reason}");
            reason
        }
    };
    match (acted, act) {
        (Some(acted), _) => acted,
        (None, Some(act)) => act(
            None,
            format!("RabbitMQ: NOT MEASURED, since it does not run here: {reason}."),
        ),
        (None, None) => Err(Failure::Broken(reason)),
    }
}

/// As it stands in tables.
pub(super) const RABBITMQ: &str = "rabbitmq";
