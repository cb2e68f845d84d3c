//! Without a proxy: the address that answers first, and Unix sockets.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use gumboot_websocket::{ConnectError, TransportKind};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, UnixListener},
    time::timeout,
};

use crate::server::{Server, client, expect_echo, soon};

/// An address that answers no more, like one behind a wall: its queue is full.
pub(crate) struct SilentAddress {
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl SilentAddress {
    pub(crate) async fn bind(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        let brief = Duration::from_millis(100);
        while let Ok(connected) = timeout(brief, TcpStream::connect(address)).await {
            queue.push(connected.unwrap());
            assert!(queue.len() < 100, "the queue has no end");
        }
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_passed_over() {
    let mut server = Server::plain().await;
    let addresses = [address("::1"), address("127.0.0.2"), address("127.0.0.1")];
    let client = client().resolve("Example.test", &addresses);
    let url = server.url("ws", "example.test", "/");
    let mut socket = soon(client.connect(&url, &[])).await.unwrap();
    expect_echo(&mut socket, "hello").await;
    let host = format!("example.test:{}", server.address.port());
    assert_eq!(server.request().await.headers()["host"], host.as_str());
}

#[tokio::test]
async fn an_address_that_is_silent_is_not_waited_for() {
    let server = Server::plain().await;
    let silent = SocketAddr::new(address("127.0.0.2"), server.address.port());
    let silent = SilentAddress::bind(silent).await;
    let addresses = [silent.address.ip(), server.address.ip()];
    let client = client().resolve("example.test", &addresses);
    let url = server.url("ws", "example.test", "/");
    let connected = timeout(Duration::from_secs(5), client.connect(&url, &[]));
    expect_echo(&mut connected.await.unwrap().unwrap(), "hello").await;
}

#[tokio::test]
async fn when_nobody_listens_that_is_the_error() {
    let server = Server::plain().await;
    let addresses = [address("127.0.0.2"), address("127.0.0.3")];
    let client = client().resolve("example.test", &addresses);
    let url = server.url("ws", "example.test", "/");
    let refused = soon(client.connect(&url, &[])).await;
    assert!(matches!(refused, Err(ConnectError::Io(_))), "{refused:?}");
}

#[tokio::test]
async fn a_name_that_nobody_has() {
    let refused = soon(client().connect("ws://nobody.invalid/", &[])).await;
    assert!(matches!(refused, Err(ConnectError::Dns(_))), "{refused:?}");
}

#[tokio::test]
async fn a_unix_socket() {
    let path = std::env::temp_dir().join(format!("gumboot-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut server = Server::unix(UnixListener::bind(&path).unwrap());
    let unix = client().unix_socket(&path);
    let mut socket = soon(unix.connect("ws://example.test/x", &[]))
        .await
        .unwrap();
    assert_eq!(socket.transport().kind(), TransportKind::Unix);
    expect_echo(&mut socket, "hello").await;
    assert_eq!(server.request().await.headers()["host"], "example.test");
    soon(socket.close(None)).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let gone = soon(unix.connect("ws://example.test/x", &[])).await;
    assert!(matches!(gone, Err(ConnectError::Io(_))), "{gone:?}");
}
