//! One connection too many: a clear answer at once, and room again when another one has gone.

use std::time::Instant;

use gumboot_testkit::{HttpResponse, Over, TcpPeer, WAIT_MAX, upgrade_request};

use crate::support::{TestServer, config};

fn server(connections_max: usize) -> TestServer {
    let mut config = config();
    config.connections_max = connections_max;
    TestServer::with(config)
}

/// The status of an answer to a handshake.
fn try_upgrade(server: &TestServer) -> u16 {
    let mut tcp = TcpPeer::connect(server.http());
    tcp.try_send(upgrade_request("/echo", &[]));
    HttpResponse::read(&mut tcp).status
}

#[test]
fn one_too_many_over_http_is_told_503() {
    let server = server(2);
    let mut first = server.client(Over::WebSocket, "1.2");
    let mut second = server.echo();
    let mut third = TcpPeer::connect(server.http());
    third.try_send(upgrade_request("/ws", &[]));
    let response = HttpResponse::read(&mut third);
    assert_eq!(response.status, 503);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(
        response.text(),
        "no more connections are taken at the moment"
    );
    third.expect_end();
    // The others notice nothing.
    first.subscribe("1", "/topic/a");
    second.send(gumboot_testkit::TEXT, "x");
    second.expect(gumboot_testkit::TEXT, "x");
}

#[test]
fn one_too_many_over_tcp_is_told_with_an_error() {
    let server = server(1);
    let mut first = server.client(Over::Tcp, "1.2");
    let mut second = server.open(Over::Tcp);
    second.tcp().try_send("CONNECT\naccept-version:1.2\n\n\0");
    let (error, _) = second.expect_error("Server full");
    assert_eq!(
        error.text(),
        "The server has as many connections as it takes."
    );
    first.subscribe("1", "/topic/a");
}

#[test]
fn there_is_room_again_when_one_has_gone() {
    let server = server(1);
    let mut first = server.echo();
    assert_eq!(try_upgrade(&server), 503);
    first.send_close(1000, "");
    first.expect_close();
    drop(first);
    // The server may take a moment to notice; each try is answered.
    let start = Instant::now();
    while try_upgrade(&server) != 101 {
        assert!(start.elapsed() < WAIT_MAX, "there is no room");
    }
}

#[test]
fn sessions_have_a_bound_of_their_own() {
    let mut config = config();
    config.broker.limits.sessions_max = 1;
    let server = TestServer::with(config);
    let mut first = server.client(Over::Tcp, "1.2");
    let mut second = server.open(Over::WebSocket);
    second.send("CONNECT\naccept-version:1.2\n\n\0");
    let (error, code) = second.expect_error("Server full");
    assert_eq!(error.text(), "the server has as many sessions as it takes");
    assert_eq!(code, Some(1008));
    first.subscribe("1", "/topic/a");
}
