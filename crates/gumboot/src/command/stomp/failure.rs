//! How it fails, what is said then, and the status to exit with.

use gumboot_stomp::{Error, Loss, ServerError};

use crate::command::{
    EXIT_FAILURE, EXIT_USAGE, render,
    say::complain,
    signals::Caught,
    whose::{self, Whose},
};

/// What stands before the further lines of what a server says.
const INDENT: &str = "  ";

/// Why not all was done that was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// So many messages were confirmed before.
    After { confirmed: u64, failure: Box<Self> },
    /// Ctrl-C or SIGTERM came first.
    Caught(Caught),
    /// The server, the network or this machine.
    Other(String),
    /// The server sent ERROR, for `what` if that is known.
    Refused {
        what: Option<String>,
        error: ServerError,
    },
    /// What has to be typed differently.
    Usage(String),
}

impl Failure {
    /// Of the first connection.
    pub(crate) fn not_connected(error: Error) -> Self {
        match error {
            Error::Lost(Loss::Connect(error)) => {
                let remedy = whose::remedy_of_tls(&error);
                match whose::not_connected(&error) {
                    Whose::User => Self::Usage(format!("cannot connect: {error}")),
                    whose => Self::Other(format!(
                        "cannot connect ({}): {error}{remedy}",
                        whose.name()
                    )),
                }
            }
            Error::Lost(Loss::Link(_)) => Self::Other(format!("cannot connect (network): {error}")),
            Error::Lost(_) => Self::Other(format!("cannot connect (server): {error}")),
            error => Self::of("the connection", error),
        }
    }

    /// Of a request.
    pub(crate) fn of(what: &str, error: Error) -> Self {
        match error {
            Error::Refused(error)
            | Error::Lost(Loss::Refused(error))
            | Error::Unconfirmed(Loss::Refused(error)) => Self::Refused {
                what: Some(what.to_owned()),
                error,
            },
            Error::Header(_) => Self::Usage(error.to_string()),
            error => Self::Other(format!("{what}: {error}")),
        }
    }

    /// Of the end of a session: an ERROR then is about something before it.
    pub(crate) fn at_end(error: Error) -> Self {
        match Self::of("the end of the session", error) {
            Self::Refused { error, .. } => Self::Refused { what: None, error },
            failure => failure,
        }
    }

    /// Of a session whose connection cannot be made again.
    pub(crate) fn lost(loss: &Loss) -> Self {
        Self::Other(format!("the connection is lost: {loss}"))
    }

    /// Says it on standard error; gives the status to exit with.
    pub(crate) fn tell(&self) -> u8 {
        match self {
            Self::After { confirmed, failure } => {
                let status = failure.tell();
                complain(&format!("confirmed before: {confirmed}"));
                return status;
            }
            Self::Caught(caught) => return caught.status(),
            Self::Other(text) | Self::Usage(text) => complain(&render::escaped(text)),
            Self::Refused { what, error } => complain(&refusal(what.as_deref(), error.into())),
        }
        match self {
            Self::Usage(_) => EXIT_USAGE,
            _ => EXIT_FAILURE,
        }
    }
}

/// What is in an ERROR.
#[derive(Debug, Clone, Copy)]
struct Said<'e> {
    message: Option<&'e str>,
    body: &'e str,
    version: Option<&'e str>,
}

impl<'e> From<&'e ServerError> for Said<'e> {
    fn from(error: &'e ServerError) -> Self {
        Self {
            message: error.message.as_deref(),
            body: &error.body,
            version: error.version.as_deref(),
        }
    }
}

/// What the server said: one line, and further ones if it said more.
fn refusal(what: Option<&str>, said: Said<'_>) -> String {
    let body = said.body.replace("\r\n", "\n");
    let message = said.message.unwrap_or("").trim();
    let (headline, rest) = match (message, body.trim()) {
        ("", "") => ("an ERROR without a word", ""),
        ("", body) => body.split_once('\n').unwrap_or((body, "")),
        (message, body) if message == body => (message, ""),
        (message, body) => (message, body),
    };
    let what = match what {
        Some(what) => format!("the server refused {what}"),
        None => "the server sent an ERROR".to_owned(),
    };
    let mut text = render::escaped(&format!("{what}: {headline}"));
    if let Some(version) = said.version {
        text += &format!("\n{INDENT}it speaks STOMP {}", render::escaped(version));
    }
    if !rest.is_empty() {
        text += &format!("\n{INDENT}{}", render::text(rest, INDENT));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(said: Said<'_>, wanted: &Expect) {
        wanted.assert_eq(&refusal(Some("the message"), said));
    }

    #[test]
    fn one_line_first() {
        let said = |message, body| Said {
            message,
            body,
            version: None,
        };
        check(
            said(None, ""),
            &expect!["the server refused the message: an ERROR without a word"],
        );
        check(
            said(Some("no"), ""),
            &expect!["the server refused the message: no"],
        );
        check(
            said(Some("no"), "no\n"),
            &expect!["the server refused the message: no"],
        );
        check(
            said(Some(""), "first\r\nsecond\nthird"),
            &expect![[r"
                the server refused the message: first
                  second
                  third"]],
        );
        check(
            said(Some("a\nb\x1b[2J"), "c\n\x1b[2Jd"),
            &expect![[r"
                the server refused the message: a\nb\u{1b}[2J
                  c
                  \u{1b}[2Jd"]],
        );
    }

    #[test]
    fn the_versions_that_it_speaks() {
        let said = Said {
            message: Some("no common version"),
            body: "sorry",
            version: Some("1.0,1.1"),
        };
        check(
            said,
            &expect![[r"
                the server refused the message: no common version
                  it speaks STOMP 1.0,1.1
                  sorry"]],
        );
    }
}
