//! `gumboot serve`: the server.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    str::FromStr,
};

use gumboot_broker::{Config, InvalidOrigin, OriginPolicy, Server, TlsFileError};
use tracing_subscriber::filter::LevelFilter;

use super::{EXIT_USAGE, fail, log, run_server, tls::TlsArgs, websocket_config};

/// What was typed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Where to serve the console and WebSocket
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where to serve STOMP over TCP; `off` for nowhere
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:61613")]
    stomp_listen: StompListen,
    /// A further origin, such as `https://example.com`, whose pages may connect; `*` for all
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    #[command(flatten)]
    tls: TlsArgs,
    /// Agree to no compression
    #[arg(long)]
    no_compress: bool,
    /// How much to log, to standard error: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

/// An address, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StompListen(Option<SocketAddr>);

/// Neither an address nor `off`.
#[derive(Debug)]
struct InvalidAddress;

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither an address, such as 127.0.0.1:61613, nor `off`")
    }
}

impl std::error::Error for InvalidAddress {}

impl FromStr for StompListen {
    type Err = InvalidAddress;

    fn from_str(typed: &str) -> Result<Self, InvalidAddress> {
        match typed {
            "off" => Ok(Self(None)),
            address => address
                .parse()
                .map(|address| Self(Some(address)))
                .map_err(|_| InvalidAddress),
        }
    }
}

/// What is wrong with what was typed.
#[derive(Debug)]
enum UsageError {
    Origin(InvalidOrigin),
    Tls(TlsFileError),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(error) => write!(f, "--allow-origin: {error}"),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl Args {
    /// What was typed, as a server means it.
    fn resolve(&self) -> Result<Config, UsageError> {
        let mut origins = OriginPolicy::same_origin();
        if self.listen.ip().is_loopback() {
            origins = origins.loopback_only();
        }
        for origin in &self.allow_origin {
            origins = origins.allow(origin).map_err(UsageError::Origin)?;
        }
        let tls = self.tls.read().map_err(UsageError::Tls)?;
        if tls.is_some() {
            origins = origins.https_only();
        }
        Ok(Config {
            listen: self.listen,
            stomp_listen: self.stomp_listen.0,
            tls,
            origins,
            websocket: websocket_config(self.no_compress),
            ..Config::default()
        })
    }
}

pub(crate) fn run(args: &Args) -> ExitCode {
    log(args.log);
    let config = match args.resolve() {
        Ok(config) => config,
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    let secure = if config.tls.is_some() { "s" } else { "" };
    run_server(config, None, |server| addresses(server, secure))
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
