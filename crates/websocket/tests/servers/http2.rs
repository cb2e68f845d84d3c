//! A client of HTTP/2 without TLS, with hyper, that opens WebSockets by an extended CONNECT (RFC 8441).

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http2::{SendRequest, handshake},
    ext::Protocol,
    upgrade::Upgraded,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::soon;

/// A connection that has had an answer, so the client knows what the server can do.
async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let connected = handshake(TokioExecutor::new(), TokioIo::new(tcp));
    let (mut sender, connection) = soon(connected).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://{address}/"));
    let request = request.body(Full::default()).unwrap();
    soon(sender.send_request(request)).await.unwrap();
    sender
}

/// Opens a WebSocket; gives its stream.
pub(crate) async fn open(address: SocketAddr, path: &str) -> TokioIo<Upgraded> {
    let mut sender = connect(address).await;
    let request = Request::connect(format!("http://{address}{path}"));
    let request = request.header("sec-websocket-version", "13");
    let mut request = request.body(Full::default()).unwrap();
    let websocket = Protocol::from_static("websocket");
    request.extensions_mut().insert(websocket);
    let response: Response<Incoming> = soon(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    TokioIo::new(soon(hyper::upgrade::on(response)).await.unwrap())
}
