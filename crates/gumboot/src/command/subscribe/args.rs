//! What may be typed behind `gumboot subscribe`, and what it means.

use gumboot_stomp::AckMode;

use super::output::Style;
use crate::command::{
    client::header,
    stomp::{StompArgs, Wanted},
};

const EXAMPLES: &str = "\
Examples:
  gumboot subscribe ws://127.0.0.1:8080/ws /topic/news
  gumboot subscribe stomp://127.0.0.1:61613 /topic/news --count 1 --headers
  gumboot subscribe wss://example.com/ws /queue/jobs --ack client-individual -H prefetch-count:1
  gumboot subscribe ws://127.0.0.1:8080/ws '/topic/$SYS/stats' --json | jq -r .data

It runs until there were as many messages as --count says, or until Ctrl-C. A lost connection is made again.
Exit status: 0 when it ends as it was to, 1 if the server refuses or cannot be reached, 2 for what has to be typed
differently, 130 or 143 for a signal before --count was reached.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to connect: ws://HOST/PATH, stomp://HOST:PORT, or wss:// and stomps:// for TLS
    url: String,
    /// What to subscribe to, such as /topic/news
    #[arg(value_name = "DESTINATION", required = true)]
    destinations: Vec<String>,
    /// How messages are acknowledged, once they are written: auto, client or client-individual
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = ack)]
    ack: AckMode,
    /// End after so many messages
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// A header of each SUBSCRIBE, as 'name: value', such as selector or prefetch-count; may be repeated
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// Print each message as a line of JSON
    #[arg(long, conflicts_with = "headers")]
    json: bool,
    /// Print the headers of each message before its body
    #[arg(long)]
    headers: bool,
    /// Say nothing on standard error but what goes wrong
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    stomp: StompArgs,
}

/// What was typed, as it is meant.
pub(super) struct Plan {
    pub(super) wanted: Wanted,
    pub(super) destinations: Vec<String>,
    pub(super) ack: AckMode,
    pub(super) count: Option<u64>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) style: Style,
    pub(super) is_quiet: bool,
}

impl Args {
    /// What it means; the files are read.
    ///
    /// # Errors
    /// What has to be typed differently.
    pub(super) fn resolve(self) -> Result<Plan, String> {
        let mut headers = Vec::new();
        for typed in &self.header {
            let (name, value) = header("--header", typed)?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        Ok(Plan {
            wanted: self.stomp.resolve(self.url)?,
            destinations: self.destinations,
            ack: self.ack,
            count: self.count,
            headers,
            style: match (self.json, self.headers) {
                (true, _) => Style::Json,
                (false, true) => Style::Headers,
                (false, false) => Style::Body,
            },
            is_quiet: self.quiet,
        })
    }
}

fn ack(typed: &str) -> Result<AckMode, String> {
    match typed {
        "auto" => Ok(AckMode::Auto),
        "client" => Ok(AckMode::Client),
        "client-individual" => Ok(AckMode::ClientIndividual),
        _ => Err("not one of auto, client, client-individual".to_owned()),
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
        let before = ["gumboot", "stomp://h"];
        let line = Line::try_parse_from([&before, arguments].concat());
        line.map_err(|error| error.to_string())?.args.resolve()
    }

    #[test]
    fn several_destinations_and_modes() {
        let typed = [
            "/topic/a",
            "/topic/b",
            "--ack",
            "client-individual",
            "-n",
            "3",
        ];
        let plan = plan(&typed).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(plan.destinations, ["/topic/a", "/topic/b"]);
        assert_eq!(plan.ack, AckMode::ClientIndividual);
        assert_eq!((plan.count, plan.style), (Some(3), Style::Body));
    }

    #[test]
    fn what_makes_no_sense() {
        for typed in [
            &[][..],
            &["/a", "--count", "0"],
            &["/a", "--ack", "none"],
            &["/a", "--json", "--headers"],
            &["/a", "-H", "selector"],
            &["/a", "--timeout", "0"],
        ] {
            assert!(plan(typed).is_err(), "{typed:?}");
        }
    }
}
