//! Which core the servers have and which the load, so that neither takes time from the other: all that is measured of a
//! server is measured on one core.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::Bench;
use crate::context::{Context, Failure};
use crate::process::Server;

/// How long a server may take to listen.
const START_BOUND: Duration = Duration::from_secs(20);

/// The numbers of two cores, as the kernel counts them; both are the same where there is only one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cores {
    server: usize,
    load: usize,
}

impl Cores {
    /// Of those that this process may use the last for servers and the first, which often has the system's own work, for
    /// the load.
    pub(super) fn choose() -> Result<Self, Failure> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let list = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cores = list.map(allowed).unwrap_or_default();
        match (cores.first(), cores.last()) {
            (Some(&load), Some(&server)) => Ok(Self { server, load }),
            _ => Err(Failure::Missing(
                "/proc does not say which cores there are; measurements need Linux".into(),
            )),
        }
    }

    /// What to know of the figures, if the load takes time from the server.
    pub(super) fn remark(self) -> Option<String> {
        (self.server == self.load).then(|| {
            "There is one core only: server and load share it, and rates are lower.".into()
        })
    }

    /// A command on the core of the load.
    pub(super) fn for_load(self, program: impl AsRef<OsStr>) -> Command {
        on_core(self.load, program)
    }

    /// What runs a program on the core of the servers.
    pub(super) fn server_wrapper(self) -> [String; 3] {
        ["taskset".into(), "-c".into(), self.server.to_string()]
    }

    /// A command on the core of the servers.
    pub(super) fn for_server(self, program: impl AsRef<OsStr>) -> Command {
        on_core(self.server, program)
    }
}

/// The program replaces `taskset`, so the process is its own.
fn on_core(core: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// The cores of a list as the kernel writes it, such as `0-2,5`.
fn allowed(list: &str) -> Vec<usize> {
    let ranges = list.split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    });
    ranges.flatten().collect()
}

/// A server on its core, which listens; it is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Pinned {
    server: Server,
    /// Where it listens, on loopback.
    pub(super) port: u16,
}

impl Pinned {
    /// Starts a command of [`Cores::for_server`], whose line that begins with `word` goes on with an address or URL with a
    /// port. Its log is `bench-NAME.log`.
    pub(super) fn start(
        cx: &Context,
        name: &str,
        command: &mut Command,
        word: &str,
    ) -> Result<Self, Failure> {
        let server = Server::start(cx, &format!("bench-{name}"), command)?;
        let address = server.address(word, START_BOUND)?;
        let port = port(&address)
            .ok_or_else(|| Failure::Broken(format!("{name} listens where? at `{address}`")))?;
        Ok(Self { server, port })
    }

    /// Of the process, whose CPU time, calls and memory are measured.
    pub(super) fn id(&self) -> u32 {
        self.server.id()
    }

    /// What every load on it is told: where it listens and which process it is.
    pub(super) fn tell(&self, load: &mut Command) {
        load.args(["--server", &format!("127.0.0.1:{}", self.port)]);
        load.args(["--pid", &self.id().to_string()]);
    }
}

fn port(address: &str) -> Option<u16> {
    let (_, after) = address.trim_end_matches('/').rsplit_once(':')?;
    after.split('/').next()?.parse().ok()
}

impl Bench<'_> {
    /// Starts `gumboot` with these arguments, as one that logs only what goes wrong, and waits for the line of `word`.
    pub(super) fn start_gumboot(&self, arguments: &[&str], word: &str) -> Result<Pinned, Failure> {
        let mut command = self.cores.for_server(PathBuf::from(&self.gumboot));
        command.args(arguments).args(["--log", "warn"]);
        Pinned::start(self.cx, "gumboot", &mut command, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_read_as_the_kernel_lists_them() {
        assert_eq!(allowed("\t0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(allowed("3"), [3]);
        assert!(allowed("").is_empty());
    }

    #[test]
    fn the_port_is_found_in_addresses_and_urls() {
        assert_eq!(port("127.0.0.1:80"), Some(80));
        assert_eq!(port("ws://127.0.0.1:9001/"), Some(9001));
        assert_eq!(port("wss://[::1]:9001/ws"), Some(9001));
        assert_eq!(port("nowhere"), None);
    }
}
