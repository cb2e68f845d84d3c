//! The client that the Autobahn Testsuite asks for: it echoes every message of every case.
//!
//! `autobahn_client URL AGENT [ROOTS]`, where `URL` is that of a `wstest --mode fuzzingserver`, such as
//! `ws://127.0.0.1:9001`, and the report names the client `AGENT`. With a `wss:` URL, `ROOTS` is a file of certificates
//! in PEM to trust in place of the system's.
//!
//! It drives the link by hand: an echo that is queued where a message arrives goes out even if what stands behind that
//! message, in the same read, fails the connection.

use std::{
    error::Error,
    future::poll_fn,
    process::ExitCode,
    task::{Context, Poll},
};

use gumboot_websocket::{
    Client, Link, TlsOptions,
    proto::{Connection, Event},
    timer::now,
};
use tokio::io::{AsyncRead, AsyncWrite};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(agent), roots, None) = (
        arguments.next(),
        arguments.next(),
        arguments.next(),
        arguments.next(),
    ) else {
        eprintln!("usage: autobahn_client URL AGENT [ROOTS]");
        return ExitCode::from(2);
    };
    match run(url.trim_end_matches('/'), &agent, roots.as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str, agent: &str, roots: Option<&str>) -> Result<(), Box<dyn Error>> {
    let client = client(roots)?;
    let count = case_count(&client, url).await?;
    for case in 1..=count {
        let url = format!("{url}/runCase?case={case}&agent={agent}");
        let (mut link, _) = client.connect(&url, &[]).await?.into_parts();
        poll_fn(|cx| poll_echo(&mut link, cx)).await;
    }
    let url = format!("{url}/updateReports?agent={agent}");
    let mut socket = client.connect(&url, &[]).await?;
    // It closes when the report is written, and is not particular about how.
    let _ = socket.receive().await;
    Ok(())
}

fn client(roots: Option<&str>) -> Result<Client, Box<dyn Error>> {
    let Some(path) = roots else {
        return Ok(Client::new());
    };
    let pem = std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    Ok(Client::new().tls(TlsOptions::new().root_pem(&pem)?))
}

async fn case_count(client: &Client, url: &str) -> Result<u32, Box<dyn Error>> {
    let url = format!("{url}/getCaseCount");
    let mut socket = client.connect(&url, &[]).await?;
    let count = socket.receive().await?.ok_or("the server gives no count")?;
    let count = count.as_text().ok_or("the count is not text")?;
    Ok(count.parse()?)
}

/// Echoes until the connection has ended, however it does.
fn poll_echo<S: AsyncRead + AsyncWrite + Unpin>(
    link: &mut Link<S>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    while !link.is_ending() {
        let blocked = link.is_blocked();
        let read = link.poll_read(cx, now(), &mut echo);
        let written = link.poll_write(cx, now());
        let timer = link.poll_timer(cx, None);
        let unblocked = blocked && !link.is_blocked();
        let failed = matches!(written, Poll::Ready(Err(_)));
        if read.is_pending() && timer.is_pending() && !unblocked && !failed {
            return Poll::Pending;
        }
    }
    link.poll_end(cx).map(drop)
}

fn echo(connection: &mut Connection, event: Event<'_>) {
    if let Event::Message(message) = event {
        // Nothing is sent any more once the connection is closing.
        let _ = connection.send_back(message);
    }
}
