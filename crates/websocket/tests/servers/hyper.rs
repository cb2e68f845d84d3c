//! A service on hyper: what only it can do wrong.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use bytes::Bytes;
use gumboot_testkit::upgrade_request;
use gumboot_websocket::{
    Acceptor, Gate, WRITE_STALL_MAX,
    server::{Upgrade, UpgradeFailed},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::support::soon;

#[tokio::test]
async fn a_request_that_does_not_come_from_hyper() {
    let request = Request::get("/")
        .header("host", "localhost")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    let mut request = request.body(()).unwrap();
    let gate = Gate::default();
    let refused = Acceptor::new().gate(&gate).upgrade(&mut request);
    let error = refused.map(drop).unwrap_err();
    assert_eq!(error.refusal(), None);
    let response = error.response();
    assert_eq!(response.status(), 500);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "the request has no stream to take a WebSocket on\n");
    assert_eq!((gate.connections(), gate.handshakes()), (0, 0));
}

/// A service that gives its upgrades away.
struct Giving(Acceptor, mpsc::UnboundedSender<Upgrade>);

impl Service<Request<Incoming>> for Giving {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let (response, upgrade) = self.0.upgrade(&mut request).unwrap();
        self.1.send(upgrade).unwrap();
        ready(Ok(response))
    }
}

type Connection = http1::Connection<TokioIo<DuplexStream>, Giving>;

/// A client that has asked for a WebSocket, the connection to its server, and the upgrade to come.
async fn asked() -> (DuplexStream, Connection, mpsc::UnboundedReceiver<Upgrade>) {
    let (tell, upgrades) = mpsc::unbounded_channel();
    let (mut client, server) = duplex(10_000);
    let request = upgrade_request("/", &[]);
    client.write_all(request.as_bytes()).await.unwrap();
    let service = Giving(Acceptor::new(), tell);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    (client, connection, upgrades)
}

#[tokio::test]
async fn the_socket_comes_when_the_answer_is_out() {
    let (_client, connection, mut upgrades) = asked().await;
    soon(connection.with_upgrades()).await.unwrap();
    let upgrade = upgrades.recv().await.unwrap();
    assert!(soon(upgrade).await.is_ok());
}

#[tokio::test]
async fn a_server_that_keeps_its_streams_is_an_error() {
    let (_client, connection, mut upgrades) = asked().await;
    // What it says of the upgrade that it did not expect is its own business.
    let served = tokio::spawn(async move { drop(connection.await) });
    let upgrade = soon(upgrades.recv()).await.unwrap();
    let failed = soon(upgrade).await;
    assert!(matches!(failed, Err(UpgradeFailed::Http(_))), "{failed:?}");
    served.abort();
}

#[tokio::test]
async fn a_client_that_is_gone_is_an_error() {
    let (client, connection, mut upgrades) = asked().await;
    drop(client);
    // The same goes for a client that does not take the answer.
    let _ = soon(connection.with_upgrades()).await;
    let upgrade = upgrades.recv().await.unwrap();
    let is_error = match soon(upgrade).await {
        // The answer was taken before anybody could know.
        Ok(mut socket) => soon(socket.receive()).await.is_err(),
        Err(_) => true,
    };
    assert!(is_error);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_the_answer_holds_no_place() {
    let gate = Gate::default();
    let (tell, mut upgrades) = mpsc::unbounded_channel();
    // Room for a part of the answer.
    let (mut client, server) = duplex(32);
    let service = Giving(Acceptor::new().gate(&gate), tell);
    let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let served = tokio::spawn(connection.with_upgrades());
    let request = upgrade_request("/", &[]);
    client.write_all(request.as_bytes()).await.unwrap();
    let mut upgrade = upgrades.recv().await.unwrap();
    assert_eq!((gate.connections(), gate.handshakes()), (1, 1));
    let begun = Instant::now();
    let failed = timeout(2 * WRITE_STALL_MAX, &mut upgrade).await.unwrap();
    assert!(matches!(failed, Err(UpgradeFailed::TimedOut)), "{failed:?}");
    assert_eq!(begun.elapsed(), WRITE_STALL_MAX);
    assert_eq!((gate.connections(), gate.handshakes()), (0, 0));
    served.abort();
}
