//! As many connections and handshakes as a gate lets through, whatever the way in.

use gumboot_testkit::{HttpResponse, TEXT, TcpPeer, WebSocketPeer, upgrade_request};
use gumboot_websocket::{
    AcceptError, Acceptor, Gate, GateLimits, proto::handshake::server::Refusal,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::{Duration, Instant},
};

use crate::support::{WAYS, echo_server, soon};

fn gate(connections_max: usize, handshakes_max: usize) -> Gate {
    Gate::new(GateLimits {
        connections_max,
        handshakes_max,
    })
}

#[test]
fn one_connection_too_many_is_told() {
    for way in WAYS {
        let gate = gate(2, 100);
        let address = echo_server(*way, &Acceptor::new().gate(&gate));
        let mut first = WebSocketPeer::open(address, "/", "");
        let mut second = WebSocketPeer::open(address, "/", "");
        assert_eq!(gate.connections(), 2);
        let mut tcp = TcpPeer::connect(address);
        tcp.send(upgrade_request("/", &[]));
        let response = HttpResponse::read(&mut tcp);
        assert_eq!(response.status, 503, "{way:?}");
        assert_eq!(
            response.text(),
            "no more connections are taken at the moment\n"
        );
        tcp.expect_end();
        drop(tcp);
        second.send_close(1000, "");
        second.expect_close();
        drop(second);
        while gate.connections() == 2 {
            first.send(TEXT, "still there?");
            first.expect(TEXT, "still there?");
        }
        let mut third = WebSocketPeer::open(address, "/", "");
        for one in [&mut first, &mut third] {
            one.send(TEXT, "hello");
            one.expect(TEXT, "hello");
        }
        assert_eq!(gate.connections(), 2);
    }
}

#[tokio::test]
async fn one_handshake_too_many_is_told_whatever_it_asks() {
    let gate = gate(100, 1);
    let acceptor = Acceptor::new().gate(&gate);
    let (mut slow, server) = duplex(10_000);
    let request = upgrade_request("/", &[]);
    slow.write_all(&request.as_bytes()[..50]).await.unwrap();
    let accepting = tokio::spawn({
        let acceptor = acceptor.clone();
        async move { acceptor.accept(server).await }
    });
    while gate.handshakes() == 0 {
        tokio::task::yield_now().await;
    }
    let (mut late, server) = duplex(10_000);
    late.write_all(b"G").await.unwrap();
    let refused = soon(acceptor.accept(server));
    let text = async {
        let mut text = String::new();
        soon(late.read_to_string(&mut text)).await.unwrap();
        drop(late);
        text
    };
    let (refused, text) = tokio::join!(refused, text);
    assert!(
        text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{text}"
    );
    assert!(
        text.ends_with("\r\n\r\nno more connections are taken at the moment\n"),
        "{text}"
    );
    let unavailable = matches!(refused, Err(AcceptError::Refused(Refusal::Unavailable)));
    assert!(unavailable, "{refused:?}");
    slow.write_all(&request.as_bytes()[50..]).await.unwrap();
    let socket = soon(accepting).await.unwrap().unwrap();
    assert_eq!((gate.connections(), gate.handshakes()), (1, 0));
    drop(socket);
    assert_eq!(gate.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_handshake_too_many_that_asks_nothing_is_not_waited_for() {
    let acceptor = Acceptor::new().gate(&gate(100, 0));
    let (mut silent, server) = duplex(10_000);
    let begun = Instant::now();
    assert!(acceptor.accept(server).await.is_err());
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!(silent.read(&mut [0; 100]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refused_handshake_holds_no_place() {
    let gate = gate(1, 1);
    let acceptor = Acceptor::new().gate(&gate);
    for _ in 0..3 {
        let (mut client, server) = duplex(10_000);
        let request = upgrade_request("/", &["sec-websocket-key:"]);
        client.write_all(request.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let refused = soon(acceptor.accept(server)).await;
        let key = matches!(refused, Err(AcceptError::Refused(Refusal::Key)));
        assert!(key, "{refused:?}");
    }
    assert_eq!((gate.connections(), gate.handshakes()), (0, 0));
}
