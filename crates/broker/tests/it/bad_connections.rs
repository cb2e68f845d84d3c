//! 200 connections that send garbage, half a handshake, half a frame or nothing, on both ports: each gets a clear
//! answer in time, and a pair of other clients notices nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use gumboot_broker::Config;
use gumboot_testkit::{HttpResponse, Over, StompPeer, TcpPeer, WebSocketPeer};

use crate::support::{TestServer, config};

/// Every limit on a client's time in this test.
const LIMIT_MS: u32 = 700;

/// For a machine that is busy.
const MARGIN: Duration = Duration::from_secs(3);

/// Connections of each kind; there are 14 kinds.
const OF_EACH_KIND: usize = 15;

/// A connection that was opened and behaved badly.
enum Bad {
    Http(TcpPeer, u16),
    WebSocket(WebSocketPeer, u16),
    Stomp(StompPeer, &'static str),
    StompInHalfAMessage(StompPeer),
}

/// The start of a WebSocket frame.
const HALF_A_FRAME: [u8; 7] = [0x81, 0x85, 1, 2, 3, 4, 0];

fn limited() -> Config {
    let mut config = config();
    let limit = Duration::from_millis(LIMIT_MS.into());
    config.http.head_wait_max = limit;
    let mut websocket = (*config.websocket).clone();
    websocket.timing.frame_stall_max = limit;
    config.websocket = Arc::new(websocket);
    config.stomp.limits_before_login.login_ms_max = LIMIT_MS;
    config.stomp.limits_before_login.frame_stall_ms_max = LIMIT_MS;
    config.stomp.limits.frame_stall_ms_max = LIMIT_MS;
    config
}

/// One connection of each kind, and what it is to be told.
fn one_of_each(server: &TestServer) -> Vec<Bad> {
    let http = |sent: &[u8], status| {
        let mut tcp = TcpPeer::connect(server.http());
        tcp.send(sent);
        Bad::Http(tcp, status)
    };
    let websocket = |path, wire: &[u8], code| {
        let mut websocket = WebSocketPeer::open(server.http(), path, "");
        websocket.tcp().send(wire);
        Bad::WebSocket(websocket, code)
    };
    let stomp = |over, octets: &str, message| {
        let mut client = server.open(over);
        client.send(octets);
        Bad::Stomp(client, message)
    };
    let logged_in = |over, octets: &str, message| {
        let mut client = server.client(over, "1.2");
        client.send(octets);
        Bad::Stomp(client, message)
    };
    let mut in_half_a_message = server.client(Over::WebSocket, "1.2");
    in_half_a_message.tcp().send(HALF_A_FRAME);
    vec![
        http(b"\x16\x03\x01 garbage\r\n\r\n", 400),
        http(b"GET /ws HTTP/1.1\r\nhost: localhost\r\nupgr", 408),
        http(b"", 408),
        websocket("/ws", &[0xFF; 16], 1002),
        websocket("/echo", &HALF_A_FRAME, 1008),
        Bad::StompInHalfAMessage(in_half_a_message),
        stomp(Over::WebSocket, "garbage", "Unknown command"),
        stomp(Over::WebSocket, "CONNECT\naccept-ver", "Login timed out"),
        stomp(Over::WebSocket, "", "Login timed out"),
        stomp(Over::Tcp, "GET / HTTP/1.1\r\n\r\n", "Unknown command"),
        stomp(Over::Tcp, "CONNECT\naccept-ver", "Login timed out"),
        stomp(Over::Tcp, "", "Login timed out"),
        logged_in(
            Over::WebSocket,
            "SEND\ndestination:/topic/a\n\nhalf",
            "Frame not finished",
        ),
        logged_in(Over::Tcp, "SEND\ndesti", "Frame not finished"),
    ]
}

impl Bad {
    /// Checks the answer, and that nothing but the end is behind it.
    #[track_caller]
    fn check(&mut self) {
        match self {
            Self::Http(tcp, status) => {
                assert_eq!(HttpResponse::read(tcp).status, *status);
                tcp.expect_end();
            }
            Self::WebSocket(websocket, code) => assert_eq!(websocket.expect_close().0, *code),
            Self::Stomp(client, message) => {
                let (_, code) = client.expect_error(message);
                assert!(code.is_none_or(|code| code == 1002), "{code:?}");
            }
            Self::StompInHalfAMessage(client) => {
                assert_eq!(client.websocket().expect_close().0, 1008);
            }
        }
    }
}

/// A pair of clients that exchange messages until it is told to stop; gives how many, and the longest that one took.
fn healthy_pair(server: &TestServer, stop: &Arc<AtomicBool>) -> JoinHandle<(u32, Duration)> {
    let mut websocket = server.client(Over::WebSocket, "1.2");
    websocket.subscribe("1", "/topic/there");
    let mut stream = server.client(Over::Tcp, "1.2");
    stream.subscribe("1", "/topic/back");
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut count = 0;
        let mut longest = Duration::ZERO;
        while !stop.load(Ordering::SeqCst) {
            let start = Instant::now();
            stream.publish("/topic/there", &count.to_string());
            websocket.expect_message(count.to_string());
            websocket.publish("/topic/back", &count.to_string());
            stream.expect_message(count.to_string());
            longest = longest.max(start.elapsed());
            count += 1;
        }
        (count, longest)
    })
}

#[test]
fn each_ends_with_a_clear_answer_in_time_and_the_others_notice_nothing() {
    let server = TestServer::with(limited());
    let stop = Arc::new(AtomicBool::new(false));
    let pair = healthy_pair(&server, &stop);
    let mut bad: Vec<Bad> = (0..OF_EACH_KIND)
        .flat_map(|_| one_of_each(&server))
        .collect();
    assert!(bad.len() >= 200);
    let start = Instant::now();
    for connection in &mut bad {
        connection.check();
    }
    let took = start.elapsed();
    stop.store(true, Ordering::SeqCst);
    let (count, longest) = pair.join().unwrap();
    assert!(
        took < Duration::from_millis(LIMIT_MS.into()) + MARGIN,
        "{took:?}"
    );
    assert!(count > 10, "{count} messages");
    assert!(longest < MARGIN, "a message took {longest:?}");
}

#[test]
fn those_that_go_before_they_are_answered_are_no_trouble_either() {
    let server = TestServer::with(limited());
    let stop = Arc::new(AtomicBool::new(false));
    let pair = healthy_pair(&server, &stop);
    let mut bad: Vec<Bad> = (0..4).flat_map(|_| one_of_each(&server)).collect();
    bad.truncate(bad.len() / 2);
    for connection in &mut bad {
        connection.check();
    }
    stop.store(true, Ordering::SeqCst);
    assert!(pair.join().unwrap().0 > 10);
}
