//! What may be typed behind `gumboot queue`, and what it means.

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    directory::Directory,
    export, import,
    list::{self, Pattern, Sort},
    peek, purge, transfer,
};
use crate::command::{
    stomp::{StompArgs, Wanted},
    subscribe::output::Style,
};

/// The server, if none is named: that of `gumboot serve` without flags.
const URL: &str = "ws://127.0.0.1:8080/ws";

/// The flags that say which server, or how to reach it.
const OF_SERVERS: [&str; 9] = [
    "url",
    "user",
    "host",
    "connect_header",
    "proxy",
    "cacert",
    "cert",
    "key",
    "insecure",
];

const EXAMPLES: &str = "\
Examples:
  gumboot queue ls
  gumboot queue ls '/queue/jobs.**' --sort messages --url stomp://127.0.0.1:61613 --user ann:secret
  gumboot queue peek /queue/jobs --headers --count 1
  gumboot queue move --back /queue/dead-letters
  gumboot queue export /queue/jobs jobs.jsonl
  gumboot queue import jobs.jsonl --to /queue/jobs2
  gumboot queue ls --data /var/lib/gumboot

Exit status: 0 when it is done, 1 if the server refuses or cannot be reached, 2 for what has to be typed differently,
130 or 143 for a signal that came before the end; then the portion under way is done, and it says how much was.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List queues and durable subscriptions, with their figures. Only of Gumboot servers.
    Ls(LsArgs),
    /// Print messages that wait in a queue, and leave them there.
    Peek(PeekArgs),
    /// Take all messages out of a queue that wait there, and forget them.
    Purge(PurgeArgs),
    /// Send messages of a queue on to another, or dead letters back to where they come from.
    Move(MoveArgs),
    /// Write the messages that wait in a queue to a file, and leave them there.
    Export(ExportArgs),
    /// Send the messages of a file that `export` has written.
    Import(ImportArgs),
}

#[derive(Debug, clap::Args)]
struct ServerArgs {
    /// The server: ws://HOST/PATH, stomp://HOST:PORT, or wss:// and stomps:// for TLS
    #[arg(long, value_name = "URL", default_value = URL)]
    url: String,
    /// The directory of a server that does not run, in place of one that does
    #[arg(long, value_name = "DIR", conflicts_with_all = OF_SERVERS)]
    data: Option<PathBuf>,
    /// With --data, the configuration file of that server: its names of destinations and its bounds
    #[arg(long, value_name = "FILE", requires = "data")]
    config: Option<PathBuf>,
    #[command(flatten)]
    stomp: StompArgs,
}

#[derive(Debug, clap::Args)]
struct LsArgs {
    /// Only those that this matches, such as /queue/jobs.**, or whose name it is part of
    pattern: Option<String>,
    /// What stands first: name, messages (most) or bytes (most)
    #[arg(long, value_name = "BY", default_value = "name", value_parser = sort)]
    sort: Sort,
    /// Print a line of JSON for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct PeekArgs {
    /// The queue, such as /queue/jobs
    queue: String,
    /// Show so many messages at most
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Only messages for which this condition on their headers holds
    #[arg(long, value_name = "CONDITION")]
    selector: Option<String>,
    /// Print each message as a line of JSON
    #[arg(long, conflicts_with = "headers")]
    json: bool,
    /// Print the headers of each message before its body
    #[arg(long)]
    headers: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct PurgeArgs {
    /// The queue, such as /queue/jobs
    queue: String,
    /// Do not ask whether it is meant
    #[arg(long, short)]
    yes: bool,
    /// Only messages for which this condition on their headers holds
    #[arg(long, value_name = "CONDITION")]
    selector: Option<String>,
    /// Take so many messages at most
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct MoveArgs {
    /// The queue that they are in
    from: String,
    /// Where they go
    #[arg(required_unless_present = "back", conflicts_with = "back")]
    to: Option<String>,
    /// Dead letters go to the queues that they come from; those of topics and of temporary queues stay
    #[arg(long)]
    back: bool,
    /// Only messages for which this condition on their headers holds
    #[arg(long, value_name = "CONDITION")]
    selector: Option<String>,
    /// Move so many messages at most
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    /// The queue, such as /queue/jobs
    queue: String,
    /// The file, which is not there yet
    file: PathBuf,
    /// Put it in the place of a file that is there
    #[arg(long)]
    force: bool,
    /// Only messages for which this condition on their headers holds
    #[arg(long, value_name = "CONDITION")]
    selector: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// The file
    file: PathBuf,
    /// Where all of them go, in place of where each was
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,
    /// Begin with the message on this line, where an import before this one ended
    #[arg(long, value_name = "N", default_value = "1")]
    from_line: u64,
    #[command(flatten)]
    server: ServerArgs,
}

/// Where it is to be done.
pub(super) enum Place {
    /// With a server that runs.
    Server(Box<Wanted>),
    /// In the directory of one that does not.
    Directory(Box<Directory>),
}

/// What is to be done.
pub(super) enum Task {
    Export(export::Plan),
    Import(import::Plan),
    List(list::Plan),
    Move(transfer::Plan),
    Peek(peek::Plan),
    Purge(purge::Plan),
}

impl Args {
    /// What it means; the files of flags are read.
    ///
    /// # Errors
    /// What has to be typed differently.
    pub(super) fn resolve(self) -> Result<(Place, Task), String> {
        let (server, task) = match self.command {
            Command::Ls(args) => {
                let plan = list::Plan {
                    pattern: args.pattern.map(Pattern::new),
                    sort: args.sort,
                    json: args.json,
                };
                (args.server, Task::List(plan))
            }
            Command::Peek(args) => {
                let plan = peek::Plan {
                    queue: args.queue,
                    selector: args.selector,
                    count: args.count,
                    style: match (args.json, args.headers) {
                        (true, _) => Style::Json,
                        (false, true) => Style::Headers,
                        (false, false) => Style::Body,
                    },
                };
                (args.server, Task::Peek(plan))
            }
            Command::Purge(args) => {
                let plan = purge::Plan {
                    queue: args.queue,
                    selector: args.selector,
                    count: args.count,
                    is_meant: args.yes,
                };
                (args.server, Task::Purge(plan))
            }
            Command::Move(args) => {
                if args.to.as_ref() == Some(&args.from) {
                    return Err(format!("messages of {} are there already", args.from));
                }
                let plan = transfer::Plan {
                    from: args.from,
                    to: args.to,
                    selector: args.selector,
                    count: args.count,
                };
                (args.server, Task::Move(plan))
            }
            Command::Export(args) => {
                let plan = export::Plan {
                    queue: args.queue,
                    file: args.file,
                    selector: args.selector,
                    replaces: args.force,
                };
                plan.check()?;
                (args.server, Task::Export(plan))
            }
            Command::Import(args) => {
                let plan = import::Plan::read(args.file, args.to, args.from_line)?;
                (args.server, Task::Import(plan))
            }
        };
        let mut wanted = server.stomp.resolve(server.url)?;
        // What was under way when a connection is lost may be done or not: that is for the user to know.
        wanted.client = wanted.client.no_reconnect();
        let place = match server.data {
            Some(data) => {
                let directory = Directory::new(data, server.config, wanted)?;
                Place::Directory(Box::new(directory))
            }
            None => Place::Server(Box::new(wanted)),
        };
        Ok((place, task))
    }
}

fn sort(typed: &str) -> Result<Sort, String> {
    match typed {
        "name" => Ok(Sort::Name),
        "messages" => Ok(Sort::Messages),
        "bytes" => Ok(Sort::Bytes),
        _ => Err("not one of name, messages, bytes".to_owned()),
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

    fn task(arguments: &str) -> Result<Task, String> {
        let line = Line::try_parse_from(["gumboot"].into_iter().chain(arguments.split(' ')));
        let args = line.map_err(|error| error.to_string())?.args;
        args.resolve().map(|(_, task)| task)
    }

    #[test]
    fn what_makes_no_sense() {
        for typed in [
            "",
            "peek",
            "peek /queue/a --count 0",
            "peek /queue/a --json --headers",
            "peek /queue/a --url http://h",
            "ls --sort size",
            "move /queue/a",
            "move /queue/a /queue/a",
            "move /queue/a /queue/b --back",
            "export /queue/a",
            "import /nowhere/at/all",
            "ls --data /d --url ws://h",
            "ls --data /d --user a:b",
            "ls --data /nowhere/at/all",
            "ls --config /c",
        ] {
            assert!(task(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn where_messages_go() {
        for (typed, wanted) in [
            ("move /queue/a /queue/b", Some("/queue/b")),
            ("move --back /queue/a", None),
        ] {
            let Ok(Task::Move(plan)) = task(typed) else {
                panic!("{typed}");
            };
            assert_eq!((&*plan.from, plan.to.as_deref()), ("/queue/a", wanted));
        }
    }
}
