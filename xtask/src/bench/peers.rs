//! The echo servers that Gumboot is measured beside. They are built and installed for measurements only: those in Rust
//! from the workspace `bench/peers`, those in JavaScript from the packages that are named there.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Bench;
use super::pinned::Pinned;
use crate::certificate::Certificate;
use crate::context::Failure;
use crate::{cargo, install, process};

/// What a server is asked to speak.
#[derive(Debug, Clone, Copy)]
pub(super) enum Speaks<'a> {
    Plain,
    Compressed,
    Tls(&'a Certificate),
}

/// An echo server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server {
    /// The floors: TCP, or TLS, without a protocol above it.
    RawEpoll,
    RawTokio,
    /// The floors of memory: frames, with one buffer for all connections.
    FramesEpoll,
    FramesTokio,
    Gumboot,
    Tungstenite,
    Fastwebsockets,
    TokioWebsockets,
    Yawc,
    Ws,
    Bun,
}

use Server::{
    Bun, Fastwebsockets, FramesEpoll, FramesTokio, Gumboot, RawEpoll, RawTokio, TokioWebsockets,
    Tungstenite, Ws, Yawc,
};

impl Server {
    pub(super) const ALL: &[Self] = &[
        RawEpoll,
        RawTokio,
        FramesEpoll,
        FramesTokio,
        Gumboot,
        Tungstenite,
        Fastwebsockets,
        TokioWebsockets,
        Yawc,
        Ws,
        Bun,
    ];
    pub(super) const PLAIN: &[Self] = &[
        RawEpoll,
        RawTokio,
        Gumboot,
        Tungstenite,
        Fastwebsockets,
        TokioWebsockets,
        Yawc,
        Ws,
        Bun,
    ];
    pub(super) const COMPRESSED: &[Self] = &[RawEpoll, RawTokio, Gumboot, Yawc, Ws, Bun];
    pub(super) const TLS: &[Self] = &[RawTokio, Gumboot, Tungstenite, Ws, Bun];

    /// As it stands in tables, and as crates and packages are named.
    pub(super) fn name(self) -> &'static str {
        match self {
            RawEpoll => "raw-epoll",
            RawTokio => "raw-tokio",
            FramesEpoll => "frames-epoll",
            FramesTokio => "frames-tokio",
            Gumboot => "gumboot",
            Tungstenite => "tokio-tungstenite",
            Fastwebsockets => "fastwebsockets",
            TokioWebsockets => "tokio-websockets",
            Yawc => "yawc",
            Ws => "ws",
            Bun => "bun",
        }
    }

    /// Whether it only sends back bytes.
    pub(super) fn is_raw(self) -> bool {
        matches!(self, RawEpoll | RawTokio)
    }

    fn is_javascript(self) -> bool {
        matches!(self, Ws | Bun)
    }
}

/// What could be built and installed.
#[derive(Debug)]
pub(super) struct Peers {
    /// The folder with the programs in Rust.
    rust: Option<PathBuf>,
    node_modules: Option<PathBuf>,
    /// A sentence for what is not there, and the versions of what is.
    pub(super) remarks: Vec<String>,
}

impl Peers {
    /// Builds and installs what is wanted; what cannot be had is said, and is left out.
    pub(super) fn prepare(bench: &Bench<'_>, wanted: &[Server]) -> Self {
        let mut peers = Self {
            rust: None,
            node_modules: None,
            remarks: Vec::new(),
        };
        let mut versions = BTreeMap::new();
        let is_of_rust = |server: &Server| !server.is_javascript() && *server != Gumboot;
        if wanted.iter().any(is_of_rust) {
            peers.rust = peers.had("servers in Rust", build(bench));
            versions.extend(locked_versions(bench));
        }
        if wanted.iter().any(|server| server.is_javascript()) {
            peers.node_modules = peers.had("servers in JavaScript", packages(bench));
            versions.extend(package_versions(bench));
        }
        let versions: Vec<String> = wanted
            .iter()
            .filter(|server| peers.has(**server))
            .filter_map(|server| {
                Some(format!(
                    "{} {}",
                    server.name(),
                    versions.get(server.name())?
                ))
            })
            .collect();
        if !versions.is_empty() {
            let remark = format!("Beside it: {}.", versions.join(", "));
            peers.remarks.insert(0, remark);
        }
        peers
    }

    fn had<T>(&mut self, what: &str, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(had) => Some(had),
            Err(Failure::Broken(reason) | Failure::Missing(reason)) => {
                let remark =
                    format!("NOT MEASURED, since they cannot be had here: {what}: {reason}.");
                eprintln!("{remark}");
                self.remarks.push(remark);
                None
            }
        }
    }

    /// Whether the server can be started.
    pub(super) fn has(&self, server: Server) -> bool {
        match server {
            Gumboot => true,
            Ws | Bun => self.node_modules.is_some(),
            _ => self.rust.is_some(),
        }
    }

    /// Starts a server on the core of servers.
    pub(super) fn start(
        &self,
        bench: &Bench<'_>,
        server: Server,
        speaks: Speaks<'_>,
    ) -> Result<Pinned, Failure> {
        if server == Gumboot {
            return start_gumboot(bench, speaks);
        }
        let mut command = self.command(bench, server, "")?;
        match speaks {
            Speaks::Plain => {}
            Speaks::Compressed => drop(command.arg("--compress")),
            Speaks::Tls(certificate) => {
                command
                    .arg("--tls")
                    .arg(&certificate.chain)
                    .arg(&certificate.key);
            }
        }
        Pinned::start(bench.cx, server.name(), &mut command, "listening")
    }

    /// Starts the form of a server that sends a message of one connection to all others.
    pub(super) fn start_broadcast(
        &self,
        bench: &Bench<'_>,
        server: Server,
        compress: bool,
    ) -> Result<Pinned, Failure> {
        let mut command = self.command(bench, server, "broadcast")?;
        if compress {
            command.arg("--compress");
        }
        Pinned::start(bench.cx, server.name(), &mut command, "listening")
    }

    /// The command of a server; a form other than the echo is part of the name.
    fn command(&self, bench: &Bench<'_>, server: Server, form: &str) -> Result<Command, Failure> {
        let named = |name: &str, join: &str, end: &str| match form {
            "" => format!("{name}{end}"),
            form => format!("{name}{join}{form}{end}"),
        };
        let missing = || Failure::Missing(format!("{} is not installed", server.name()));
        let cores = bench.cores;
        if !server.is_javascript() {
            let folder = self.rust.as_ref().ok_or_else(missing)?;
            return Ok(cores.for_server(folder.join(named(server.name(), "-", ""))));
        }
        let modules = self.node_modules.as_ref().ok_or_else(missing)?;
        let scripts = bench.cx.root.join("bench/peers/js");
        let mut command = match server {
            Bun => cores.for_server(modules.join(".bin/bun")),
            _ => cores.for_server("node"),
        };
        command.arg(scripts.join(match server {
            Bun => named("bun", "_", ".js"),
            _ => named("ws", "_", ".mjs"),
        }));
        command.env("GUMBOOT_NODE_MODULES", modules);
        Ok(command)
    }
}

fn start_gumboot(bench: &Bench<'_>, speaks: Speaks<'_>) -> Result<Pinned, Failure> {
    let mut arguments = vec!["echo", "--listen", "127.0.0.1:0"];
    if let Speaks::Tls(Certificate { chain, key }) = speaks {
        for (flag, path) in [("--tls-cert", chain), ("--tls-key", key)] {
            let path = path.to_str();
            let path = path.ok_or_else(|| Failure::Broken("a path is not UTF-8".into()))?;
            arguments.extend([flag, path]);
        }
    }
    bench.start_gumboot(&arguments, "echo")
}

/// Builds the workspace of the servers in Rust, and gives the folder with the programs.
fn build(bench: &Bench<'_>) -> Result<PathBuf, Failure> {
    let cx = bench.cx;
    let target = cx.target.join("bench/peers");
    let mut command = cargo::cargo(cx);
    command.args(["build", "--release", "--locked", "--manifest-path"]);
    command.arg(cx.root.join("bench/peers/Cargo.toml"));
    command.arg("--target-dir").arg(&target);
    process::run_logged(cx, "bench-peers", &mut command)?;
    Ok(target.join("release"))
}

/// Installs the packages of the servers in JavaScript.
fn packages(bench: &Bench<'_>) -> Result<PathBuf, Failure> {
    let modules = install::npm_packages(bench.cx, "bench/peers", "bench-npm")?;
    if process::runs(bench.cx, modules.join(".bin/bun"), "--version") {
        Ok(modules)
    } else {
        Err(Failure::Missing("npm's bun does not run here".into()))
    }
}

/// The versions in a Cargo.lock, by name.
fn locked_versions(bench: &Bench<'_>) -> BTreeMap<String, String> {
    let lock = fs::read_to_string(bench.cx.root.join("bench/peers/Cargo.lock"));
    versions_in_lock(&lock.unwrap_or_default())
}

fn versions_in_lock(lock: &str) -> BTreeMap<String, String> {
    let value = |line: &str, key: &str| {
        let value = line.strip_prefix(key)?.strip_prefix(" = ")?;
        Some(value.trim_matches('"').to_owned())
    };
    let lines: Vec<&str> = lock.lines().collect();
    let pairs = lines.windows(2);
    pairs
        .filter_map(|pair| Some((value(pair[0], "name")?, value(pair[1], "version")?)))
        .collect()
}

/// The versions that a package.json wants, each of which is exact.
fn package_versions(bench: &Bench<'_>) -> BTreeMap<String, String> {
    let package = fs::read_to_string(bench.cx.root.join("bench/peers/package.json"));
    let package: Value = serde_json::from_str(&package.unwrap_or_default()).unwrap_or_default();
    let dependencies = package["dependencies"].as_object();
    let versions = dependencies.into_iter().flatten();
    versions
        .filter_map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_a_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n\n\
                    [[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        let versions = versions_in_lock(lock);
        assert_eq!(versions.len(), 2);
        assert_eq!(versions["a"], "1.2.3");
    }
}
