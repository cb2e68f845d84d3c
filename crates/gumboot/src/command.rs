//! The subcommands, and what they share: the status to exit with, the log, the signals to stop at.

mod client;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod echo;
pub(crate) mod passwd;
pub(crate) mod publish;
pub(crate) mod queue;
mod render;
mod say;
pub(crate) mod serve;
mod signals;
mod stdin;
mod stomp;
pub(crate) mod subscribe;
pub(crate) mod tls;
mod whose;

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    net::SocketAddr,
    num::NonZeroUsize,
    process::ExitCode,
    sync::Arc,
    thread::available_parallelism,
};

use gumboot_broker::{Config, Endpoints, Server, StartError};
use gumboot_websocket::proto;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
};
use tracing::warn;
use tracing_subscriber::filter::LevelFilter;

use self::serve::Data;
use crate::cli::Command;

/// Reads something of a running server again, and says in the log what came of it. It may take a while.
type Reload = Arc<dyn Fn() + Send + Sync>;

/// The status for what the user has to change: a flag, or an address that cannot be listened on.
pub(crate) const EXIT_USAGE: u8 = 2;

/// The status for a failure of the machine.
const EXIT_FAILURE: u8 = 1;

/// The variable that says how many threads serve where no flag does; the runtime knows it by this name.
const THREADS: &str = "TOKIO_WORKER_THREADS";

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Connect(args) => connect::run(args),
        Command::Publish(args) => publish::run(*args),
        Command::Subscribe(args) => subscribe::run(*args),
        Command::Queue(args) => queue::run(*args),
        Command::Config(args) => config::run(&args),
        Command::Passwd(args) => passwd::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Echo(args) => echo::run(&args),
    }
}

/// Sends the log to standard error.
fn log(level: LevelFilter) {
    let to_terminal = io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(to_terminal)
        .init();
}

/// Runs a server until Ctrl-C or SIGTERM, and prints what `addresses` says once it listens.
fn run_server(
    mut config: Config,
    data: Option<Data>,
    threads: Option<usize>,
    reload: Option<Reload>,
    addresses: impl FnOnce(&Server) -> String,
) -> ExitCode {
    allow_many_files();
    let is_guarded = config.users.is_some() || config.endpoints == Endpoints::Echo;
    let threads = match threads.map_or_else(|| threads_unless_told(env::var_os(THREADS)), Ok) {
        Ok(threads) => threads,
        Err(error) => return fail(EXIT_USAGE, &error),
    };
    let runtime = match runtime(threads) {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_FAILURE, &format!("cannot start: {error}")),
    };
    let exit = runtime.block_on(async {
        if let Some(data) = data
            && let Err(error) = data.open(&mut config).await
        {
            return fail(error.status, &error.text);
        }
        let server = match Server::bind(config).await {
            Ok(server) => server,
            Err(StartError::Bind(error)) => return fail(EXIT_USAGE, &error.to_string()),
            Err(error) => return fail(EXIT_FAILURE, &error.to_string()),
        };
        let stop = match stop() {
            Ok(stop) => stop,
            Err(error) => return fail(EXIT_FAILURE, &format!("cannot hear signals: {error}")),
        };
        if let Some(reload) = reload {
            match signal(SignalKind::hangup()) {
                Ok(hangups) => drop(tokio::spawn(reload_at_hangup(hangups, reload))),
                Err(error) => return fail(EXIT_FAILURE, &format!("cannot hear SIGHUP: {error}")),
            }
        }
        if !is_guarded {
            warn_if_open(&server);
        }
        // Nobody may be there to read it.
        let _ = io::stdout().write_all(addresses(&server).as_bytes());
        server.run(stop).await;
        ExitCode::SUCCESS
    });
    // What is left is not worth waiting for: connections that had not upgraded, or did not end in time.
    runtime.shutdown_background();
    exit
}

/// What the WebSockets of a server are set up with.
fn websocket_config(no_compress: bool) -> Arc<proto::Config> {
    let mut config = proto::Config::server();
    if no_compress {
        config.deflate = None;
    }
    Arc::new(config)
}

/// Reads it again at each SIGHUP, one after the other, where connections do not wait for it.
async fn reload_at_hangup(mut hangups: Signal, reload: Reload) {
    while hangups.recv().await.is_some() {
        let reload = Arc::clone(&reload);
        if let Err(error) = spawn_blocking(move || reload()).await {
            warn!(%error, "what SIGHUP began did not end");
        }
    }
}

/// Without users, what listens beyond this machine is open to all who reach it; that was asked for.
fn warn_if_open(server: &Server) {
    let at = server.addresses();
    if is_reachable([Some(at.http), at.stomp, at.stomps]) {
        warn!(
            "anyone who reaches this machine may do everything: there are no users and passwords"
        );
    }
}

/// Whether other machines reach one of these.
fn is_reachable(listening: [Option<SocketAddr>; 3]) -> bool {
    let mut listening = listening.into_iter().flatten();
    listening.any(|address| !address.ip().is_loopback())
}

/// Each connection is a file; the limit that a shell starts with is often 1,024.
fn allow_many_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!(%error, "the limit on open files stays as it is");
    }
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = match threads {
        // One thread has nobody to share its tasks with, and need not keep them where others could take them.
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).enable_all().build()
}

/// The threads that serve where no flag says it: as many as the variable says, or one per core.
fn threads_unless_told(variable: Option<OsString>) -> Result<usize, String> {
    let Some(variable) = variable else {
        return Ok(available_parallelism().map_or(1, NonZeroUsize::get));
    };
    let number = variable.to_str().and_then(|number| number.parse().ok());
    number
        .map(NonZeroUsize::get)
        .ok_or_else(|| format!("{THREADS} is no number of threads: {}", variable.display()))
}

/// Ready at Ctrl-C or SIGTERM.
fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Says in one line what is wrong.
fn fail(status: u8, message: &str) -> ExitCode {
    eprintln!("gumboot: {message}");
    ExitCode::from(status)
}

/// Says what is wrong, a line for each problem.
fn fail_each(status: u8, problems: &[String]) -> ExitCode {
    problems
        .iter()
        .for_each(|problem| eprintln!("gumboot: {problem}"));
    ExitCode::from(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_is_looked_at() {
        let (near, far) = ("127.0.0.1:1".parse().ok(), "192.0.2.1:1".parse().ok());
        assert!(!is_reachable([near, None, None]) && !is_reachable([near; 3]));
        for at in 0..3 {
            let mut listening = [near, None, None];
            listening[at] = far;
            assert!(is_reachable(listening), "{listening:?}");
        }
    }

    #[test]
    fn the_variable_says_how_many_threads_serve() {
        let threads = |variable: &str| threads_unless_told(Some(variable.into()));
        assert_eq!(threads("1"), Ok(1));
        assert_eq!(threads("7"), Ok(7));
        for wrong in ["", "0", "-1", "two", "99999999999999999999"] {
            let error = format!("{THREADS} is no number of threads: {wrong}");
            assert_eq!(threads(wrong), Err(error));
        }
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        assert_eq!(threads_unless_told(None), Ok(cores));
    }
}
