//! The command line: what may be typed, and one clear line for what may not.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand, error::ErrorKind};

use crate::command::{EXIT_USAGE, config, connect, echo, passwd, publish, queue, serve, subscribe};

/// A WebSocket and STOMP push server, and the tool to try any server of either.
#[derive(Debug, Parser)]
#[command(name = "gumboot", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a subcommand, `serve` is run.
    #[command(flatten)]
    serve: serve::Args,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: the console, STOMP over WebSocket and TCP, and an echo.
    Serve(Box<serve::Args>),
    /// Connect to a WebSocket server: to type messages, or as a pipe.
    Connect(Box<connect::Args>),
    /// Send messages to a destination of a STOMP server.
    Publish(Box<publish::Args>),
    /// Print the messages of destinations of a STOMP server.
    Subscribe(Box<subscribe::Args>),
    /// Look into the queues of a server, move, purge, export and import their messages.
    Queue(Box<queue::Args>),
    /// Run an echo server, on every path, for tests and benchmarks.
    Echo(echo::Args),
    /// Look at a configuration file.
    Config(config::Args),
    /// Hash a password for a configuration file.
    Passwd(passwd::Args),
}

/// The command that was typed.
///
/// # Errors
/// The status to exit with, when all has been said: help was asked for, or a flag is wrong.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    match Cli::try_parse() {
        Ok(cli) => Ok(cli.command.unwrap_or(Command::Serve(Box::new(cli.serve)))),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            // A reader that has had enough, such as `head`, is no failure.
            let _ = write!(io::stdout(), "{error}");
            Err(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("gumboot: {} (see gumboot --help)", first_line(&error));
            Err(ExitCode::from(EXIT_USAGE))
        }
    }
}

/// What is wrong, without what clap says around it: its first paragraph, which may name what is missing on further lines.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty());
    let paragraph = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    paragraph
        .trim_start_matches("error: ")
        .trim_end_matches(':')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_what_runs_without_a_subcommand() {
        let cli = Cli::try_parse_from(["gumboot", "--listen", "127.0.0.1:0"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen.map(|at| at.port()), Some(0));
    }
}
