//! The program `gumboot`, started for its echo.

use std::{io, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long the program may take to listen.
const START_WAIT_MAX: Duration = Duration::from_secs(10);

/// A running program, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Gumboot {
    /// The URL of its echo.
    pub(crate) echo: String,
    _child: Child,
}

impl Gumboot {
    /// Starts it on a free port; pages of any origin are let in.
    pub(crate) async fn start(path: &str) -> io::Result<Self> {
        let mut child = Command::new(path)
            .args(["serve", "--listen", "127.0.0.1:0", "--stomp-listen", "off"])
            .args(["--allow-origin", "*", "--log", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines();
        let find = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(url) = line.strip_prefix("echo ") {
                    return Ok(url.trim().to_owned());
                }
            }
            Err(io::Error::other("the program prints no address"))
        };
        Ok(Self {
            echo: timeout(START_WAIT_MAX, find).await??,
            _child: child,
        })
    }
}
