//! The flags that say which server, as whom, and how.

use std::{
    env::{self, VarError},
    time::Duration,
};

use gumboot_stomp::{Client, Version};

use super::Wanted;
use crate::command::client::{TlsArgs, bounded, header, proxy, some_seconds, with_scheme};

/// The variable that names the user, for a password that is not to be seen among the arguments of a process.
const USER_VARIABLE: &str = "GUMBOOT_USER";

/// What was typed.
#[derive(Debug, clap::Args)]
pub(crate) struct StompArgs {
    /// Who you are; by default as the URL or the variable GUMBOOT_USER says
    #[arg(long, short, value_name = "NAME:PASSWORD")]
    user: Option<String>,
    /// The virtual host to ask for
    #[arg(long, value_name = "NAME", default_value = "/")]
    host: String,
    /// A header of CONNECT, such as 'client-id: a'; may be repeated
    #[arg(long, value_name = "HEADER")]
    connect_header: Vec<String>,
    /// The only version to offer: 1.0, 1.1 or 1.2
    #[arg(long, value_name = "VERSION", value_parser = version)]
    stomp: Option<Version>,
    /// How long the server may take to let us in, and to confirm a thing, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = some_seconds)]
    timeout: Duration,
    /// http://HOST:PORT, https:// or socks5://; `none` for none. By default as the environment says
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
}

impl StompArgs {
    /// What it means for the server at `url`; the files are read.
    ///
    /// # Errors
    /// What has to be typed differently.
    pub(crate) fn resolve(&self, url: String) -> Result<Wanted, String> {
        let url = with_scheme(url);
        let mut client = Client::new(&url).map_err(|error| error.to_string())?;
        if let Some((name, password)) = self.login(&url, env::var(USER_VARIABLE))? {
            client = client.login(name, password);
        }
        client = client.host(&self.host);
        for typed in &self.connect_header {
            let (name, value) = header("--connect-header", typed)?;
            client = client.header(name.to_owned(), value);
        }
        if let Some(version) = self.stomp {
            client = client.versions(&[version]);
        }
        let mut transport = gumboot_websocket::Client::new().tls(self.tls.options()?);
        if let Some(url) = &self.proxy {
            transport = transport.proxy(proxy(url)?);
        }
        self.tls.warn();
        Ok(Wanted {
            client: client
                .transport(bounded(transport, self.timeout))
                .receipt_wait_max(self.timeout),
            wait_max: self.timeout,
        })
    }

    /// The name and the password, unless the URL has them, which the client sees to.
    fn login(
        &self,
        url: &str,
        variable: Result<String, VarError>,
    ) -> Result<Option<(String, String)>, String> {
        let typed = match (&self.user, variable) {
            (Some(typed), _) => typed.clone(),
            (None, _) if names_user(url) => return Ok(None),
            (None, Ok(set)) if !set.is_empty() => set,
            (None, Ok(_) | Err(VarError::NotPresent)) => return Ok(None),
            // Without the value, which may be a password.
            (None, Err(VarError::NotUnicode(_))) => {
                return Err(format!("{USER_VARIABLE}: not UTF-8"));
            }
        };
        let (name, password) = typed.split_once(':').unwrap_or((&typed, ""));
        Ok(Some((name.to_owned(), password.to_owned())))
    }
}

/// Whether there is a user in a URL.
fn names_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains('@'))
}

fn version(typed: &str) -> Result<Version, String> {
    match typed {
        "1.0" => Ok(Version::V1_0),
        "1.1" => Ok(Version::V1_1),
        "1.2" => Ok(Version::V1_2),
        _ => Err("not one of 1.0, 1.1, 1.2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        stomp: StompArgs,
    }

    fn typed(flags: &[&str]) -> StompArgs {
        Line::parse_from([&["gumboot"], flags].concat()).stomp
    }

    #[test]
    fn who_the_user_is() {
        let check = |flags: &[&str], url, variable: &str, wanted: Option<(&str, &str)>| {
            let variable = match variable {
                "" => Err(VarError::NotPresent),
                set => Ok(set.to_owned()),
            };
            let login = typed(flags).login(url, variable).unwrap();
            let login = login.as_ref().map(|(name, word)| (&**name, &**word));
            assert_eq!(login, wanted, "{flags:?} {url}");
        };
        check(&[], "stomp://h", "", None);
        check(&[], "stomp://h", "a:b:c", Some(("a", "b:c")));
        check(&[], "ws://h/@x", "a", Some(("a", "")));
        check(&[], "stomp://u:p@h", "a:b", None);
        check(&["-u", "c:d"], "stomp://u:p@h", "a:b", Some(("c", "d")));
        check(&["--user", "c:d"], "ws://h", "", Some(("c", "d")));

        let secret = OsString::from_vec(b"a:secret\xff".to_vec());
        let refused = typed(&[]).login("ws://h", Err(VarError::NotUnicode(secret)));
        assert_eq!(refused.unwrap_err(), format!("{USER_VARIABLE}: not UTF-8"));
    }

    #[test]
    fn urls_and_versions() {
        for url in [
            "ws://h/ws",
            "wss://h",
            "stomp://h",
            "stomps://h:1",
            "h:8080/ws",
        ] {
            assert!(typed(&[]).resolve(url.to_owned()).is_ok(), "{url}");
        }
        for (url, why) in [
            ("http://h", "the scheme is http:, not"),
            ("stomp://h/x", "STOMP over TCP has no path"),
            ("stomp://", "the URL names no host"),
        ] {
            let error = typed(&[]).resolve(url.to_owned()).err().unwrap();
            assert!(error.starts_with(why), "{url}: {error}");
        }
        assert_eq!(version("1.1"), Ok(Version::V1_1));
        assert!(version("1.10").is_err() && version("2").is_err());
    }
}
