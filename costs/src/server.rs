//! The program under test: started, asked where it listens, and killed: how it ends is not what counts.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::Failure;

/// Which server the program is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Echo,
    Broker,
}

/// A running program; it ends with this.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open: the program may go on to write there.
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Subject {
    /// The arguments of the program.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Echo => &["echo", "--listen", "127.0.0.1:0", "--log", "error"],
            Self::Broker => &[
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--stomp-listen",
                "off",
                "--log",
                "error",
            ],
        }
    }
}

/// A command that runs on one core only: then the server has one thread that serves, on every machine.
pub(crate) fn on_core(core: usize, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", &core.to_string()])
        .arg(program.as_ref());
    command
}

impl Server {
    /// Starts `command`, the program with the arguments of its subject; what it has to say against it goes to `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, Failure> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?);
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot run {command:?}: {error}"))?;
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let address = address(&mut stdout);
        let mut server = Self {
            child,
            _stdout: stdout,
            address: ([127, 0, 0, 1], 0).into(),
        };
        server.address =
            address.map_err(|error| format!("{command:?}: {error}; see {}", log.display()))?;
        Ok(server)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line of the echo, which both servers print; all have been printed at once.
fn address(stdout: &mut impl BufRead) -> Result<SocketAddr, Failure> {
    let mut line = String::new();
    loop {
        line.clear();
        if stdout.read_line(&mut line)? == 0 {
            return Err("it ended without an address".into());
        }
        if let Some(url) = line.strip_prefix("echo ") {
            let authority = url
                .trim()
                .split('/')
                .nth(2)
                .ok_or("an echo without an address")?;
            return Ok(authority.parse()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_what_the_program_prints() {
        let mut text = "gumboot 0.1.0\necho       ws://127.0.0.1:4711/echo\n".as_bytes();
        assert_eq!(address(&mut text).expect("there is one").port(), 4711);
        assert!(address(&mut &b"websocket ws://127.0.0.1:1/\n"[..]).is_err());
    }
}
