//! Over TCP, as a program has it.

use std::time::Duration;

use gumboot_testkit::WAIT_MAX;
use gumboot_websocket::{Backoff, Client, ConnectError, Failure, InvalidUrl, Proxy, Reconnect};
use tokio::{io::AsyncReadExt, net::TcpListener, time::timeout};

use crate::{expect_given_up, expect_waiting};

#[tokio::test]
async fn a_server_that_comes_and_goes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let client = Client::new().proxy(Proxy::none());
    let reconnect = Reconnect::new(&client, &url, &["chat"]);
    let soon = Backoff::new().first_max(Duration::ZERO);
    let mut connection = reconnect.backoff(soon).attempts_max(2).start();
    let scenario = async {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 14];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(&head, b"GET /chat HTTP");
            drop(stream);
        }
        for _ in 0..2 {
            expect_waiting(&mut connection).await;
        }
        expect_given_up(&mut connection).await;
    };
    timeout(WAIT_MAX, scenario)
        .await
        .expect("it takes too long");
}

#[tokio::test]
async fn a_url_that_is_none() {
    let mut connection = Reconnect::new(&Client::new(), "ftp://server.example/", &[]).start();
    let (failure, _) = expect_given_up(&mut connection).await;
    let Failure::Connect(ConnectError::Url(InvalidUrl::Scheme)) = failure else {
        panic!("{failure:?}");
    };
}
