//! What a client leaves uncompressed (RFC 7692 §6).

use gumboot_testkit::{TEXT, TcpPeer};
use gumboot_websocket::{
    Client, Proxy, Socket,
    proto::{Config, DeflateConfig},
};

use crate::{
    raw_server::{RawServer, client_frame, raw_server},
    support::soon,
};

/// The first byte of a whole text message that is compressed: RSV1 is set.
const COMPRESSED: u8 = TEXT | 0x40;

/// A server that agrees to compression, and tells the first bytes of the frames that come.
fn agreeing(frames: usize) -> RawServer<Vec<u8>> {
    raw_server(move |mut tcp: TcpPeer, head| {
        tcp.send(head.accepted(&["sec-websocket-extensions: permessage-deflate"]));
        let first = |_| client_frame(&mut tcp).first;
        (0..frames).map(first).collect()
    })
}

async fn connected(url: &str) -> Socket {
    let mut config = Config::client();
    config.deflate = Some(DeflateConfig {
        compress_bytes_min: 1,
        ..DeflateConfig::with_takeover()
    });
    let client = Client::new().proxy(Proxy::none()).config(config);
    soon(client.connect(url, &[])).await.unwrap()
}

#[tokio::test]
async fn a_message_can_be_left_as_it_is() {
    let server = agreeing(3);
    let mut socket = connected(&server.url()).await;
    let text = "a".repeat(100);
    socket.send(&*text).await.unwrap();
    socket.send_uncompressed(&*text).await.unwrap();
    socket.send(&*text).await.unwrap();
    assert_eq!(server.join(), [COMPRESSED, TEXT, COMPRESSED]);
}

#[tokio::test]
async fn so_can_one_of_a_half() {
    let server = agreeing(2);
    let (mut sender, _receiver) = connected(&server.url()).await.split();
    let text = "a".repeat(100);
    sender.send(&*text).await.unwrap();
    sender.send_uncompressed(&*text).await.unwrap();
    assert_eq!(server.join(), [COMPRESSED, TEXT]);
}
