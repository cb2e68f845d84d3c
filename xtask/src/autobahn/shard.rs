//! A shard: some cases of a suite, run by a process of the Autobahn Testsuite against one of what is tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::judge::{Verdicts, results};
use super::{Role, Suite, read_json};
use crate::certificate::Certificate;
use crate::context::{Context, Failure};
use crate::process::{self, Server};

/// The name under which the suite reports on what it tests.
const AGENT: &str = "gumboot";

/// The longest that a server may take to listen. The suite's imports alone take seconds on a busy machine.
const START_BOUND: Duration = Duration::from_secs(60);

/// The longest that a shard may take, many times what the longest one does: one that hangs is named while the step still
/// has time for the others.
const SHARD_BOUND: Duration = Duration::from_secs(20 * 60);

/// How long the suite waits for a handshake to end, or for the connection to. A verdict is to say who did what, not how
/// busy the machine was.
const PATIENCE_SECONDS: u32 = 10;

/// What is tested, and what for.
#[derive(Debug)]
pub(super) struct Tested {
    pub(super) program: PathBuf,
    pub(super) client: PathBuf,
    /// The CPython that has the suite.
    pub(super) python: PathBuf,
    pub(super) certificate: Certificate,
}

/// Some cases of a suite.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) suite: &'static Suite,
    /// That of its folder and of its logs.
    pub(super) name: String,
    pub(super) cases: &'static [&'static str],
    pub(super) excluded: &'static [&'static str],
}

/// Where the shards have their folders.
pub(super) fn folder(cx: &Context) -> PathBuf {
    cx.peers().join("autobahn")
}

impl Shard {
    /// Runs the cases, and gives the verdict on each.
    pub(super) fn run(&self, cx: &Context, tested: &Tested) -> Result<Verdicts, Failure> {
        let cx = cx.within(SHARD_BOUND.min(cx.remaining()));
        // A report of an earlier run must not be taken for this one's.
        let reports = self.folder(&cx).join("reports");
        let _ = fs::remove_dir_all(&reports);
        match self.suite.role {
            Role::Server => self.run_as_client(&cx, tested),
            Role::Client => self.run_as_server(&cx, tested),
        }
        .map_err(|failure| self.named(failure))?;
        Ok(results(&read_json(&reports.join("index.json"))?[AGENT]))
    }

    /// The suite is the client of `gumboot echo`.
    fn run_as_client(&self, cx: &Context, tested: &Tested) -> Result<(), Failure> {
        let mut echo = Command::new(&tested.program);
        echo.args(["echo", "--listen", "127.0.0.1:0"]);
        if self.suite.tls {
            echo.arg("--tls-cert").arg(&tested.certificate.chain);
            echo.arg("--tls-key").arg(&tested.certificate.key);
        }
        let server = Server::start(cx, &self.log("echo"), &mut echo)?;
        let url = server.address("echo", START_BOUND)?;
        let settings = json!({"servers": [{"agent": AGENT, "url": url}]});
        let mut suite = self.suite_in(cx, tested, "fuzzingclient", settings)?;
        process::run_logged(cx, &self.log("suite"), &mut suite)?;
        server.stop()
    }

    /// The suite is the server of the example `autobahn_client`, which has it write the report at the end.
    fn run_as_server(&self, cx: &Context, tested: &Tested) -> Result<(), Failure> {
        // The port is one that the system chooses; loopback.py sees to that.
        let scheme = if self.suite.tls { "wss" } else { "ws" };
        let mut settings = json!({"url": format!("{scheme}://127.0.0.1:9001")});
        if self.suite.tls {
            settings["cert"] = json!(tested.certificate.chain);
            settings["key"] = json!(tested.certificate.key);
        }
        let mut suite = self.suite_in(cx, tested, "fuzzingserver", settings)?;
        suite.args(["--webport", "0"]);
        let server = Server::start(cx, &self.log("suite"), &mut suite)?;
        let url = server.address("suite", START_BOUND)?;
        let mut client = Command::new(&tested.client);
        client.args([&url, AGENT]);
        if self.suite.tls {
            client.arg(&tested.certificate.chain);
        }
        process::run_logged(cx, &self.log("client"), &mut client)?;
        server.stop()
    }

    /// The command that runs the suite in `mode`, with what both modes have in common added to `settings`.
    fn suite_in(
        &self,
        cx: &Context,
        tested: &Tested,
        mode: &str,
        mut settings: Value,
    ) -> Result<Command, Failure> {
        let folder = self.folder(cx);
        settings["outdir"] = json!(folder.join("reports"));
        settings["options"] = json!({
            "failByDrop": false,
            "openHandshakeTimeout": PATIENCE_SECONDS,
            "closeHandshakeTimeout": PATIENCE_SECONDS,
        });
        if self.suite.role == Role::Server {
            settings["options"]["serverConnectionDropTimeout"] = json!(PATIENCE_SECONDS);
        }
        settings["cases"] = json!(self.cases);
        settings["exclude-cases"] = json!(self.excluded);
        settings["exclude-agent-cases"] = json!({});
        let path = folder.join("settings.json");
        write(&path, &settings.to_string())?;
        let mut suite = Command::new(&tested.python);
        suite
            .arg("-u")
            .arg(cx.root.join("peers/autobahn/loopback.py"));
        suite.args(["--mode", mode, "--spec"]).arg(&path);
        suite
            .current_dir(&folder)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(suite)
    }

    fn folder(&self, cx: &Context) -> PathBuf {
        folder(cx).join(&self.name)
    }

    fn log(&self, part: &str) -> String {
        format!("autobahn-{}-{part}", self.name)
    }

    fn named(&self, failure: Failure) -> Failure {
        let (Failure::Broken(reason) | Failure::Missing(reason)) = failure;
        Failure::Broken(format!("{}: {reason}", self.name))
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    process::create(path)?;
    fs::write(path, text)
        .map_err(|error| Failure::Broken(format!("cannot write {}: {error}", path.display())))
}
