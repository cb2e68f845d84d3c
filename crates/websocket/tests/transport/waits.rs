//! Each wait of a client has its bound, and its error.

use std::time::Duration;

use gumboot_websocket::{Client, ConnectError, ConnectWait, Proxy};
use tokio::net::TcpListener;

use crate::{
    direct::SilentAddress,
    server::{client, soon},
};

const SHORT: Duration = Duration::from_millis(50);

/// The wait that is over with a listener that never says anything.
async fn over(scheme: &str, host: &str, client: impl FnOnce(String) -> Client) -> ConnectWait {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let url = format!("{scheme}://{host}:{}/", address.port());
    let client = client(address.to_string());
    match soon(client.connect(&url, &[])).await {
        Err(ConnectError::TimedOut(wait)) => wait,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_wait_has_its_error() {
    let handshake = over("ws", "127.0.0.1", |_| client().handshake_wait_max(SHORT));
    assert_eq!(handshake.await, ConnectWait::Handshake);
    let tls = over("wss", "127.0.0.1", |_| client().tls_wait_max(SHORT));
    assert_eq!(tls.await, ConnectWait::Tls);
    let total = over("ws", "127.0.0.1", |_| client().total_wait_max(SHORT));
    assert_eq!(total.await, ConnectWait::Total);
    for scheme in ["http", "socks5"] {
        let proxy = over("ws", "example.test", |proxy| {
            let url = format!("{scheme}://{proxy}");
            let proxy = match scheme {
                "http" => Proxy::http(&url),
                _ => Proxy::socks5(&url),
            };
            client().proxy(proxy.unwrap()).proxy_wait_max(SHORT)
        });
        assert_eq!(proxy.await, ConnectWait::Proxy, "{scheme}");
    }
    let silent = SilentAddress::bind("127.0.0.2:0".parse().unwrap()).await;
    let client = client().connect_wait_max(SHORT);
    let url = format!("ws://{}/", silent.address);
    let refused = soon(client.connect(&url, &[])).await;
    let connect = matches!(refused, Err(ConnectError::TimedOut(ConnectWait::Connect)));
    assert!(connect, "{refused:?}");
}
