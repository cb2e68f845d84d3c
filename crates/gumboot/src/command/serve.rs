//! `gumboot serve`: the server.

mod data;
mod layers;
mod reload;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use gumboot_broker::Server;
use tracing_subscriber::filter::LevelFilter;

pub(crate) use self::{
    data::{Data, FREE_SPACE_MIN},
    layers::of_process,
};
use super::{EXIT_USAGE, fail_each, log, run_server, tls::TlsArgs};
use crate::config::{Secret, StompListen};

/// What was typed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Args {
    /// The configuration file, in TOML: what flags and GUMBOOT_* variables leave open
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to serve the console and WebSocket [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where to serve STOMP over TCP; `off` for nowhere [default: 127.0.0.1:61613]
    #[arg(long, value_name = "ADDR")]
    stomp_listen: Option<StompListen>,
    /// Where to serve STOMP over TLS, with the certificate; `off` for nowhere [default: off]
    #[arg(long, value_name = "ADDR")]
    stomps_listen: Option<StompListen>,
    /// A further origin, such as `https://example.com`, whose pages may connect; `*` for all
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    #[command(flatten)]
    tls: TlsArgs,
    /// A user who may do everything, for a try: others on this machine see the password in the list of processes
    #[arg(long, value_name = "NAME:PASSWORD")]
    user: Vec<Secret>,
    /// Let everyone do everything, also from other machines
    #[arg(long)]
    allow_anonymous: bool,
    /// Where to keep queues and durable subscriptions, so that they outlive the server [default: in memory only]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Agree to no compression
    #[arg(long)]
    no_compress: bool,
    /// Do not tell STOMP clients the server's name and version
    #[arg(long)]
    hide_server: bool,
    /// How much to log, to standard error: off, error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log: Option<LevelFilter>,
    /// Whether to compress, if the flag or a variable says it.
    #[arg(skip)]
    compress: Option<bool>,
    /// Whether to hide the server's name, if the flag or a variable says it.
    #[arg(skip)]
    hidden: Option<bool>,
    /// Whether everyone may do everything, if the flag or a variable says it.
    #[arg(skip)]
    anonymous: Option<bool>,
    /// The variables that were taken for flags.
    #[arg(skip)]
    variables: Vec<&'static str>,
}

impl Args {
    /// As if only this had been typed.
    pub(crate) fn of_file(config: PathBuf) -> Self {
        Self {
            config: Some(config),
            ..Self::default()
        }
    }
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let resolved = match args.clone().resolve(&of_process) {
        Ok(resolved) => resolved,
        Err(problems) => return fail_each(EXIT_USAGE, &problems),
    };
    log(resolved.log);
    let reload = reload::of(args.clone(), &resolved);
    let config = resolved.config;
    let secure = if config.tls.is_some() { "s" } else { "" };
    run_server(config, resolved.data, None, Some(reload), |server| {
        addresses(server, secure) + &data::kept(server)
    })
}

/// The addresses to use, as a client on this machine writes them.
fn addresses(server: &Server, secure: &str) -> String {
    let addresses = server.addresses();
    let http = reachable(addresses.http);
    let version = env!("CARGO_PKG_VERSION");
    let mut lines = format!(
        "gumboot {version}\n\
         console    http{secure}://{http}/\n\
         websocket  ws{secure}://{http}/ws  (v12.stomp, v11.stomp, v10.stomp)\n\
         echo       ws{secure}://{http}/echo\n"
    );
    if let Some(stomp) = addresses.stomp {
        lines += &format!("stomp      {}\n", reachable(stomp));
    }
    if let Some(stomps) = addresses.stomps {
        lines += &format!("stomps     {}\n", reachable(stomps));
    }
    lines
}

/// An address that can be connected to: a server on all addresses is found on loopback.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        _ => address,
    }
}
