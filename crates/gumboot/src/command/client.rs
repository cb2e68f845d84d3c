//! What subcommands that connect have in common: who is trusted, the proxy, waits, and the URL as it is typed.

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use gumboot_websocket::{Client, Proxy, TlsOptions};

/// Which servers are trusted, and what is presented to them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// Trust the certificates in this file, in PEM, in place of the system's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Present this certificate, and those that signed it, in PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Take any certificate: whoever is in between can read and change everything
    #[arg(long, short = 'k')]
    insecure: bool,
}

impl TlsArgs {
    /// What was typed, as a client takes it; the files are read.
    ///
    /// # Errors
    /// A file cannot be used.
    pub(super) fn options(&self) -> Result<TlsOptions, String> {
        let mut options = TlsOptions::new();
        if let Some(file) = &self.cacert {
            options = options
                .root_pem(&read(file)?)
                .map_err(|error| format!("{}: {error}", file.display()))?;
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            options = options
                .identity_pem(&read(cert)?, &read(key)?)
                .map_err(|error| format!("{}, {}: {error}", cert.display(), key.display()))?;
        }
        Ok(match self.insecure {
            true => options.danger_accept_invalid_certs(),
            false => options,
        })
    }

    /// Says so if nobody is checked.
    pub(super) fn warn(&self) {
        if self.insecure {
            eprintln!(
                "gumboot: WARNING: --insecure: the server's certificate is not checked, \
                 whoever is in between can read and change everything"
            );
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

/// What `--proxy` says.
///
/// # Errors
/// It names none.
pub(super) fn proxy(url: &str) -> Result<Proxy, String> {
    let proxy = match url {
        "none" => Ok(Proxy::none()),
        url if url.starts_with("socks") => Proxy::socks5(url),
        url => Proxy::http(url),
    };
    proxy.map_err(flag("--proxy"))
}

/// One bound for all the steps to an open connection.
pub(super) fn bounded(client: Client, max: Duration) -> Client {
    client
        .connect_wait_max(max)
        .proxy_wait_max(max)
        .tls_wait_max(max)
        .handshake_wait_max(max)
        .total_wait_max(max)
}

/// Names the flag that an error is about.
pub(super) fn flag<E: Display>(name: &str) -> impl Fn(E) -> String {
    move |error| format!("{name}: {error}")
}

/// The longest wait that can be asked for.
const SECONDS_MAX: Duration = Duration::from_secs(86_400);

/// A wait of so many seconds.
pub(super) fn seconds(typed: &str) -> Result<Duration, String> {
    let seconds: f64 = typed.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|wait| *wait <= SECONDS_MAX)
        .ok_or_else(|| "not from 0 to 86400".to_owned())
}

/// A wait of so many seconds, and not of none.
pub(super) fn some_seconds(typed: &str) -> Result<Duration, String> {
    match seconds(typed)? {
        Duration::ZERO => Err("no time at all".to_owned()),
        wait => Ok(wait),
    }
}

/// The name and the value of a header that was typed, without the blanks around them.
///
/// # Errors
/// There is no colon in it.
pub(super) fn header<'t>(flag: &str, typed: &'t str) -> Result<(&'t str, &'t str), String> {
    let (name, value) = typed
        .split_once(':')
        .ok_or_else(|| format!("{flag} '{typed}': there is no colon in it"))?;
    Ok((name.trim(), value.trim()))
}

/// A URL without a scheme is one of `ws`.
pub(super) fn with_scheme(url: String) -> String {
    // What looks like a scheme further behind is part of the path or the query.
    let end = url.find(['/', '?', '#']).unwrap_or(url.len());
    match url[..end].ends_with(':') && url[end..].starts_with("//") {
        true => url,
        false => format!("ws://{url}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_stands_at_the_beginning() {
        for url in ["ws://h", "wss://h/x?to=ws://y", "stomp://h", "ftp://h"] {
            assert_eq!(with_scheme(url.to_owned()), url);
        }
        for url in [
            "h",
            "h:80",
            "h:80/?to=http://x",
            "h?to=ws://x",
            "h#ws://x",
            "h/ws://x",
        ] {
            assert_eq!(with_scheme(url.to_owned()), format!("ws://{url}"));
        }
    }

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert_eq!(some_seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(some_seconds("86400"), Ok(SECONDS_MAX));
        for typed in ["0", "0.0", "1e-30"] {
            assert_eq!(some_seconds(typed), Err("no time at all".to_owned()));
        }
        assert!(seconds("86401").is_err() && seconds("-1").is_err() && seconds("x").is_err());
    }

    #[test]
    fn headers_have_a_colon() {
        assert_eq!(header("-H", "a: b:c "), Ok(("a", "b:c")));
        assert_eq!(header("-H", "a:"), Ok(("a", "")));
        let why = "-H 'a=b': there is no colon in it";
        assert_eq!(header("-H", "a=b"), Err(why.to_owned()));
    }
}
