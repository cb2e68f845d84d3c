//! The real server as a child, which is killed.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) stomp: SocketAddr,
}

impl Server {
    /// Starts one that keeps what it has in `data`, or, without that, nowhere; and waits until it listens.
    pub(crate) fn start(data: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gumboot"));
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--stomp-listen", "127.0.0.1:0"]);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut address = |name: &str| -> SocketAddr {
            let line = lines
                .by_ref()
                .map(|line| line.expect("its output is text"))
                .find(|line| line.starts_with(name))
                .unwrap_or_else(|| panic!("the server does not start: it printed no {name}"));
            let address = line[name.len()..].trim().trim_start_matches("http://");
            let address = address.trim_end_matches('/');
            address
                .parse()
                .unwrap_or_else(|_| panic!("no address in {line:?}"))
        };
        Self {
            http: address("console "),
            stomp: address("stomp "),
            child,
        }
    }

    /// Ends it, as a loss of power of this process alone would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is our child");
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) {
        let script = format!("kill -s TERM {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &script]).status();
        assert!(sent.expect("there is a shell").success());
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "it ended with {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; otherwise it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
