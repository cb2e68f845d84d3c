//! `gumboot echo`: only the echo server, on every path.

use std::{net::SocketAddr, num::NonZeroUsize, process::ExitCode};

use gumboot_broker::{Config, Endpoints, OriginPolicy};
use tracing_subscriber::filter::LevelFilter;

use super::{EXIT_USAGE, fail, log, run_server, serve::reachable, tls, websocket_config};

/// What was typed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,
    /// The threads that serve; by default one per core
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    tls: tls::TlsArgs,
    /// Agree to no compression
    #[arg(long)]
    no_compress: bool,
    /// How much to log, to standard error: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    log(args.log);
    let mut origins = OriginPolicy::same_origin();
    if args.listen.ip().is_loopback() {
        origins = origins.loopback_only();
    }
    let secure = match args.tls.read() {
        Ok(secure) => secure,
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    let scheme = if secure.is_some() { "wss" } else { "ws" };
    if secure.is_some() {
        origins = origins.https_only();
    }
    let reload = secure.clone().map(tls::reload);
    let config = Config {
        listen: args.listen,
        tls: secure,
        stomp_listen: None,
        endpoints: Endpoints::Echo,
        origins,
        websocket: websocket_config(args.no_compress),
        ..Config::default()
    };
    run_server(
        config,
        None,
        args.threads.map(NonZeroUsize::get),
        reload,
        |server| {
            let address = reachable(server.addresses().http);
            format!("echo       {scheme}://{address}/\n")
        },
    )
}
