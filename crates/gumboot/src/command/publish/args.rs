//! What may be typed behind `gumboot publish`, and what it means.

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use super::{Source, Template};
use crate::command::{
    client::header,
    stdin::Piece,
    stomp::{StompArgs, Wanted},
};

const EXAMPLES: &str = "\
Examples:
  gumboot publish ws://127.0.0.1:8080/ws /topic/news 'Hello topic!'
  gumboot publish stomp://127.0.0.1:61613 /topic/news <lines.txt
  gumboot publish wss://example.com/ws /queue/jobs --content-type image/png --whole <job.png

Without BODY each line of standard input is a message. It prints nothing.
Exit status: 0 once the server has confirmed every message, 1 if it has not, 2 for what has to be typed differently.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to connect: ws://HOST/PATH, stomp://HOST:PORT, or wss:// and stomps:// for TLS
    url: String,
    /// Where to send, such as /topic/news
    destination: String,
    /// The message; without it, each line of standard input is one
    #[arg(allow_negative_numbers = true)]
    body: Option<OsString>,
    /// A header of each message, as 'name: value'; may be repeated
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// What the messages are, such as application/json: the header content-type
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Send the whole of standard input as one message
    #[arg(long, conflicts_with = "body")]
    whole: bool,
    /// Ask the server to confirm nothing but the end
    #[arg(long)]
    no_receipt: bool,
    #[command(flatten)]
    stomp: StompArgs,
}

/// Whether each message is to be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receipts {
    Awaited,
    None,
}

/// What was typed, as it is meant.
pub(super) struct Plan {
    pub(super) wanted: Wanted,
    pub(super) template: Template,
    pub(super) source: Source,
    pub(super) receipts: Receipts,
}

impl Args {
    /// What it means; the files are read.
    ///
    /// # Errors
    /// What has to be typed differently.
    pub(super) fn resolve(self) -> Result<Plan, String> {
        let mut headers = Vec::new();
        if let Some(content_type) = self.content_type {
            headers.push(("content-type".to_owned(), content_type));
        }
        for typed in &self.header {
            let (name, value) = header("--header", typed)?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut wanted = self.stomp.resolve(self.url)?;
        if self.no_receipt {
            // What a lost connection took with it would not be noticed.
            wanted.client = wanted.client.no_reconnect();
        }
        Ok(Plan {
            wanted,
            template: Template {
                destination: self.destination,
                headers,
            },
            source: match self.body {
                Some(body) => Source::Argument(body.into_vec().into()),
                None if self.whole => Source::Stdin(Piece::Whole),
                None => Source::Stdin(Piece::Line),
            },
            receipts: match self.no_receipt {
                true => Receipts::None,
                false => Receipts::Awaited,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn plan(arguments: &[&str]) -> Result<Plan, String> {
        let before = ["gumboot", "stomp://h", "/topic/a"];
        let line = Line::try_parse_from([&before, arguments].concat());
        line.map_err(|error| error.to_string())?.args.resolve()
    }

    #[test]
    fn where_bodies_come_from() {
        for (arguments, wanted) in [
            (&["hi"][..], "Argument(b\"hi\")"),
            (&["-5"], "Argument(b\"-5\")"),
            (&["--", "--whole"], "Argument(b\"--whole\")"),
            (&[""], "Argument(b\"\")"),
            (&[], "Stdin(Line)"),
            (&["--whole"], "Stdin(Whole)"),
        ] {
            let source = plan(arguments).unwrap_or_else(|why| panic!("{why}")).source;
            assert_eq!(format!("{source:?}"), wanted, "{arguments:?}");
        }
        assert!(plan(&["hi", "--whole"]).is_err());
    }

    #[test]
    fn headers_keep_their_order() {
        let flags = [
            "-H",
            "a:b",
            "--header",
            "c: d:e ",
            "--content-type",
            "text/plain",
        ];
        let template = plan(&flags).unwrap_or_else(|why| panic!("{why}")).template;
        let headers = template.headers.iter();
        let headers: Vec<(&str, &str)> = headers.map(|(name, value)| (&**name, &**value)).collect();
        let wanted = [("content-type", "text/plain"), ("a", "b"), ("c", "d:e")];
        assert_eq!(headers, wanted);
        assert_eq!(
            plan(&["-H", "ab"]).err().as_deref(),
            Some("--header 'ab': there is no colon in it")
        );
    }
}
