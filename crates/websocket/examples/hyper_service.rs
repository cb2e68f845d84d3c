//! A service on hyper with a page at `/` and an echo over WebSocket at `/echo`. When its standard input ends, it tells
//! every client that it goes away.
//!
//! `cargo run -p gumboot-websocket --example hyper_service [ADDRESS]`; it prints the address.

use std::{convert::Infallible, error::Error, io, time::Duration};

use bytes::Bytes;
use gumboot_websocket::{Acceptor, Gate, server::Upgrade};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_blocking,
    time::sleep,
};

/// How long clients have to answer the last Close.
const DRAIN_MAX: Duration = Duration::from_secs(4);
/// How long no client is taken after one could not be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("ws://{}/echo", listener.local_addr()?);
    let gate = Gate::default();
    let acceptor = Acceptor::new().gate(&gate);
    let end = spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    tokio::select! {
        () = serve(listener, acceptor) => {}
        _ = end => {}
    }
    gate.drain(DRAIN_MAX).await?;
    Ok(())
}

async fn serve(listener: TcpListener, acceptor: Acceptor) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files, or a client that has gone already: it passes.
                eprintln!("{error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        tokio::spawn(serve_http(stream, acceptor.clone()));
    }
}

async fn serve_http(stream: TcpStream, acceptor: Acceptor) {
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(request, &acceptor))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        eprintln!("{error}");
    }
}

fn answer(mut request: Request<Incoming>, acceptor: &Acceptor) -> Response<Full<Bytes>> {
    if request.uri().path() != "/echo" {
        return Response::new(Full::from("the echo is at /echo\n"));
    }
    match acceptor.upgrade(&mut request) {
        Ok((response, upgrade)) => {
            tokio::spawn(async move {
                if let Err(error) = echo(upgrade).await {
                    eprintln!("{error}");
                }
            });
            response
        }
        Err(error) => error.response(),
    }
}

async fn echo(upgrade: Upgrade) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut socket = upgrade.await?;
    while let Some(message) = socket.receive().await? {
        // A failure is told by the next `receive`, and after a Close what is under way still comes.
        let _ = socket.send(message).await;
    }
    Ok(())
}
