//! The end of somebody else, behind the words of this suite.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{exchange::Case, report::Report};

/// How long a peer may take to start: a browser is large.
const START_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long a peer may take to end.
const END_WAIT_MAX: Duration = Duration::from_secs(10);

/// What a peer is and can.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// With its version.
    pub(crate) name: String,
    pub(crate) can: BTreeSet<Ability>,
    #[serde(default)]
    pub(crate) cannot: Cannot,
}

/// Exchanges that a peer cannot do as a client or as a server, by name, and why.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cannot {
    pub(crate) connect: BTreeMap<String, String>,
    pub(crate) serve: BTreeMap<String, String>,
}

/// What not every peer can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ability {
    /// It is a client.
    Connect,
    /// It is a server.
    Serve,
    /// It has permessage-deflate.
    Deflate,
    /// As a client, it can be told how to offer it.
    Offer,
    /// It sends messages in pieces, and pings.
    Pieces,
}

/// The end of somebody else.
pub(crate) trait Peer {
    fn about(&self) -> &About;

    /// The client's part of an exchange with the server at `url`.
    async fn connect(&mut self, case: &Case, url: &str) -> io::Result<Report>;

    /// Begins the server's part, with the one client that comes to the URL given back.
    async fn serve(&mut self, case: &Case) -> io::Result<String>;

    /// What the server that was begun has seen, once its connection has ended.
    async fn served(&mut self) -> io::Result<Report>;
}

/// A peer that is a program: it is told what to do on its standard input and answers on its standard output, in lines
/// of JSON. The README has their words.
#[derive(Debug)]
pub(crate) struct Program {
    about: About,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// A line of such a program.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    About(About),
    Url(String),
    Report(Report),
    Error(String),
}

impl Program {
    pub(crate) async fn start(command: &[String]) -> io::Result<Self> {
        let [program, arguments @ ..] = command else {
            return Err(invalid("no command"));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().expect("it is piped");
        let output = child.stdout.take().expect("it is piped");
        let mut output = BufReader::new(output).lines();
        let Line::About(about) = timeout(START_WAIT_MAX, next(&mut output)).await?? else {
            return Err(invalid("a peer begins with what it is"));
        };
        Ok(Self {
            about,
            child,
            input,
            output,
        })
    }

    /// It ends with its input.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        drop(self.input);
        let status = timeout(END_WAIT_MAX, self.child.wait()).await??;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("it ended with {status}")))
    }

    async fn tell(&mut self, words: &Value) -> io::Result<()> {
        self.input.write_all(format!("{words}\n").as_bytes()).await
    }
}

async fn next(output: &mut Lines<BufReader<ChildStdout>>) -> io::Result<Line> {
    let line = output.next_line().await?;
    let line = line.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))?;
    match serde_json::from_str(&line) {
        Ok(Line::Error(error)) => Err(io::Error::other(error)),
        Ok(line) => Ok(line),
        Err(error) => Err(invalid(&format!("{error}: {line}"))),
    }
}

impl Peer for Program {
    fn about(&self) -> &About {
        &self.about
    }

    async fn connect(&mut self, case: &Case, url: &str) -> io::Result<Report> {
        self.tell(&json!({"connect": case.json, "url": url}))
            .await?;
        self.served().await
    }

    async fn serve(&mut self, case: &Case) -> io::Result<String> {
        self.tell(&json!({"serve": case.json})).await?;
        match next(&mut self.output).await? {
            Line::Url(url) => Ok(url),
            line => Err(invalid(&format!("no URL but {line:?}"))),
        }
    }

    async fn served(&mut self) -> io::Result<Report> {
        match next(&mut self.output).await? {
            Line::Report(report) => Ok(report),
            line => Err(invalid(&format!("no report but {line:?}"))),
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
