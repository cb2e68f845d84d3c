//! What may be typed behind `gumboot connect`, and what it means.

use std::{env, path::PathBuf, time::Duration};

use gumboot_websocket::{Client, proto};

use super::{
    input::{Form, Input},
    is_terminal,
    negotiated::{AddressOf, Way},
    output::{Binary, Output, Style},
};
use crate::command::{
    client::{TlsArgs, bounded, flag, header, proxy, seconds, some_seconds, with_scheme},
    stdin::Piece,
};

const EXAMPLES: &str = "\
Examples:
  gumboot connect ws://127.0.0.1:8080/echo
  gumboot connect wss://example.com/chat -p v12.stomp -H 'Cookie: a=b'
  echo hello | gumboot connect ws://127.0.0.1:8080/echo
  gumboot connect wss://example.com/feed --json --wait </dev/null | jq .data

In a terminal, /help lists what can be typed beside messages. Otherwise each line of standard input is a message, and
each message from the server a line of standard output; at the end of the input the connection is closed.
Exit status: 0 after a clean close, 1 without one, 2 for what has to be typed differently.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to connect: ws://HOST/PATH, or wss:// for TLS
    url: String,
    /// A subprotocol to offer, the preferred one first; may be repeated
    #[arg(long, short, value_name = "P")]
    protocol: Vec<String>,
    /// A header to send with the handshake, as 'Name: value'; may be repeated
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// The origin to send, as a browser would
    #[arg(long)]
    origin: Option<String>,
    /// Who you are, by Basic
    #[arg(long, short, value_name = "NAME:PASSWORD", conflicts_with = "bearer")]
    user: Option<String>,
    /// Who you are, by Bearer
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    way: WayArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    pipe: PipeArgs,
    /// Show the peer's pings, and the pongs to those that are sent by themselves
    #[arg(long, short = 'P')]
    show_pings: bool,
}

/// The variables that name proxies; the same in upper case do too.
const PROXY_VARIABLES: [&str; 3] = ["all_proxy", "http_proxy", "https_proxy"];

/// How the server is reached.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The way there")]
struct WayArgs {
    /// http://HOST:PORT, https:// or socks5://; `none` for none. By default as the environment says
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Speak HTTP/2 with a server of wss:// that can
    #[arg(long)]
    http2: bool,
    /// Connect to this Unix socket in place of the host of the URL
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Follow so many redirects
    #[arg(long, value_name = "N", default_value_t = 0)]
    redirects: u32,
    /// Offer no compression
    #[arg(long)]
    no_compress: bool,
}

/// Bounds.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Bounds")]
struct LimitArgs {
    /// How long it may take to connect, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = some_seconds)]
    connect_timeout: Duration,
    /// After how long a silence to ping the server, in seconds; 0 for never
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    ping_interval: Duration,
    /// The longest message to take, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    max_message_bytes: u64,
}

/// What goes through standard input and output.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As a pipe")]
struct PipeArgs {
    /// Send each line as text; this is the default
    #[arg(long, conflicts_with_all = ["binary", "hex", "json_input"])]
    text: bool,
    /// Send each line as a binary message
    #[arg(long, short, conflicts_with = "json_input")]
    binary: bool,
    /// Binary messages are lines of hexadecimal digits, in both directions
    #[arg(long, conflicts_with = "json_input")]
    hex: bool,
    /// Send the whole of standard input as one message
    #[arg(long, conflicts_with_all = ["hex", "json_input"])]
    whole: bool,
    /// Print every event as a line of JSON
    #[arg(long)]
    json: bool,
    /// Take lines of JSON, such as {"event":"message","type":"text","data":"hi"}
    #[arg(long)]
    json_input: bool,
    /// Print the time before each message
    #[arg(long, short, conflicts_with = "json")]
    timestamps: bool,
    /// At the end of the input, stay until the server closes
    #[arg(long, short)]
    wait: bool,
    /// Say nothing on standard error but what goes wrong
    #[arg(long, short)]
    quiet: bool,
}

/// What to do at the end of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEnd {
    Close,
    Wait,
}

/// What was typed, as it is meant.
pub(super) struct Plan {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) way: Way,
    pub(super) protocols: Vec<String>,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) at_end: AtEnd,
    pub(super) is_interactive: bool,
}

impl Args {
    /// What it means; the files are read.
    ///
    /// # Errors
    /// What has to be typed differently.
    pub(super) fn resolve(self) -> Result<Plan, String> {
        let client = self.client()?;
        self.tls.warn();
        let pipe = &self.pipe;
        let is_piped = pipe.json || pipe.json_input || pipe.whole || pipe.hex || pipe.binary;
        let is_interactive = !is_piped && is_terminal();
        Ok(Plan {
            client,
            is_interactive,
            input: Input {
                form: pipe.form(),
                piece: match pipe.whole {
                    true => Piece::Whole,
                    false => Piece::Line,
                },
            },
            output: Output {
                style: pipe.style(is_interactive),
                binary: if pipe.hex { Binary::Hex } else { Binary::Raw },
                is_quiet: pipe.quiet,
                shows_pings: self.show_pings,
                shows_time: pipe.timestamps || is_interactive,
            },
            at_end: if pipe.wait { AtEnd::Wait } else { AtEnd::Close },
            way: Way {
                address_of: self.way.address_of(|name| env::var(name).ok()),
                follows_redirects: self.way.redirects > 0,
            },
            url: with_scheme(self.url),
            protocols: self.protocol,
        })
    }

    fn client(&self) -> Result<Client, String> {
        let mut client = Client::new().config(self.limits.config(self.way.no_compress));
        for typed in &self.header {
            let (name, value) = header("--header", typed)?;
            client = client
                .header(name, value)
                .map_err(|error| format!("--header '{typed}': {error}"))?;
        }
        if let Some(origin) = &self.origin {
            client = client.header("origin", origin).map_err(flag("--origin"))?;
        }
        if let Some(user) = &self.user {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            client = client.basic_auth(name, password).map_err(flag("--user"))?;
        }
        if let Some(token) = &self.bearer {
            client = client.bearer_auth(token).map_err(flag("--bearer"))?;
        }
        client = self.way.apply(client)?;
        let client = client.tls(self.tls.options()?);
        Ok(bounded(client, self.limits.connect_timeout))
    }
}

impl WayArgs {
    fn apply(&self, mut client: Client) -> Result<Client, String> {
        if let Some(url) = &self.proxy {
            client = client.proxy(proxy(url)?);
        }
        if self.http2 {
            client = client.http2();
        }
        if let Some(path) = &self.unix {
            client = client.unix_socket(path);
        }
        Ok(client.follow_redirects(self.redirects))
    }

    /// Whose address will be at the other end of the stream, as far as it is known without the server.
    fn address_of(&self, variable: impl Fn(&str) -> Option<String>) -> AddressOf {
        let is_set = |name: &&str| -> bool {
            let either = [name.to_string(), name.to_ascii_uppercase()];
            either
                .iter()
                .any(|name| variable(name).is_some_and(|url| !url.is_empty()))
        };
        match self.proxy.as_deref() {
            _ if self.unix.is_some() => AddressOf::Server,
            Some("none") => AddressOf::Server,
            Some(_) => AddressOf::Proxy,
            None if PROXY_VARIABLES.iter().any(is_set) => AddressOf::Either,
            None => AddressOf::Server,
        }
    }
}

impl LimitArgs {
    fn config(&self, no_compress: bool) -> proto::Config {
        let mut config = proto::Config::client();
        config.limits.message_bytes_max = self.max_message_bytes;
        config.limits.frame_bytes_max = self.max_message_bytes;
        config.timing.ping_interval =
            Some(self.ping_interval).filter(|interval| !interval.is_zero());
        if no_compress {
            config.deflate = None;
        }
        config
    }
}

impl PipeArgs {
    fn form(&self) -> Form {
        match self {
            Self { json_input, .. } if *json_input => Form::Json,
            Self { hex, .. } if *hex => Form::Hex,
            Self { binary, .. } if *binary => Form::Binary,
            _ => Form::Text,
        }
    }

    fn style(&self, is_interactive: bool) -> Style {
        match self.json {
            true => Style::Json,
            false if is_interactive => Style::Talk,
            false => Style::Lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_address_it_is() {
        let check = |proxy: Option<&str>, unix: Option<&str>, set: &str, wanted| {
            let way = WayArgs {
                proxy: proxy.map(str::to_owned),
                http2: false,
                unix: unix.map(PathBuf::from),
                redirects: 0,
                no_compress: false,
            };
            let variable = |name: &str| (name == set).then(|| "http://p".to_owned());
            assert_eq!(way.address_of(variable), wanted, "{way:?} {set}");
        };
        check(None, None, "", AddressOf::Server);
        check(None, None, "https_proxy", AddressOf::Either);
        check(None, None, "ALL_PROXY", AddressOf::Either);
        check(None, None, "no_proxy", AddressOf::Server);
        check(None, Some("/s"), "all_proxy", AddressOf::Server);
        check(Some("none"), None, "all_proxy", AddressOf::Server);
        check(Some("http://p"), None, "", AddressOf::Proxy);
    }
}
