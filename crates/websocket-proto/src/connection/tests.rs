//! A connection as its peers see it: bytes in, cut at every offset; events and bytes out.

use bytes::Bytes;
use gumboot_testkit::{Splits, wire};
use proptest::prelude::*;

use super::*;
use crate::{
    close::CloseCode,
    deflate::SharedBytes,
    limits::{Limit, Limits, Timing},
    message::{Message, MessageKind},
};

/// Keys that are the same in each run.
struct FixedKeys([u8; 4]);

impl MaskKeys for FixedKeys {
    fn next_key(&mut self) -> [u8; 4] {
        self.0
    }
}

fn server_with(limits: Limits) -> Connection {
    let config = Config {
        limits,
        ..Config::server()
    };
    Connection::server(Arc::new(config), start())
}

pub(super) fn server() -> Connection {
    server_with(Limits::default())
}

pub(super) fn client() -> Connection {
    Connection::client(
        Arc::new(Config::client()),
        Box::new(FixedKeys([0; 4])),
        start(),
    )
}

/// One instant for all tests: time only ever moves by what a test adds.
pub(super) fn start() -> Instant {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    #[allow(clippy::disallowed_methods)]
    *START.get_or_init(Instant::now)
}

/// A log of what a connection makes of some input, e.g. `text "Hello", close 1000 "bye"`.
pub(super) fn events(connection: &mut Connection, bytes: &[u8]) -> Vec<String> {
    let mut bytes = bytes.to_vec();
    let mut input = Input::new(&mut bytes);
    let mut log = Vec::new();
    loop {
        match connection.handle_input(start(), &mut input) {
            Ok(Some(event)) => log.push(describe(event)),
            Ok(None) => return log,
            Err(error) => log.push(format!("error {}", error.close_code())),
        }
    }
}

fn describe(event: Event<'_>) -> String {
    match event {
        Event::Message(message) => match message.into_message() {
            Message::Text(text) => format!("text {text:?}"),
            Message::Binary(bytes) => format!("binary {bytes:?}"),
        },
        Event::Ping(payload) => format!("ping {:?}", String::from_utf8_lossy(&payload)),
        Event::Pong(payload) => format!("pong {:?}", String::from_utf8_lossy(&payload)),
        Event::Close(None) => "close".to_owned(),
        Event::Close(Some(frame)) => format!("close {} {:?}", frame.code(), frame.reason()),
    }
}

/// Everything that waits to be written.
pub(super) fn transmit(connection: &mut Connection) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); 3];
        let count = connection.poll_transmit(&mut slices);
        if count == 0 {
            return out;
        }
        let written: Vec<u8> = slices[..count]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect();
        out.extend_from_slice(&written);
        connection.transmitted(start(), written.len());
    }
}

/// A frame header and payload as a client masks it; the key of zeros keeps the text readable.
fn masked(notation: &str) -> Vec<u8> {
    let mut bytes = wire(notation);
    bytes[1] |= 0x80;
    let at = match bytes[1] & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    bytes.splice(at..at, [0; 4]);
    bytes
}

/// What a server makes of frames, cut at every offset: the same events and the same answer each time.
fn check(frames: &[&str], expected_events: &[&str], expected_answer: &str) {
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| masked(frame)).collect();
    for pieces in Splits::all(&bytes) {
        let mut connection = server();
        let log: Vec<String> = pieces
            .iter()
            .flat_map(|p| events(&mut connection, p))
            .collect();
        assert_eq!(log, expected_events, "{pieces:x?}");
        let answer = transmit(&mut connection);
        assert_eq!(without_reason(answer, &log), wire(expected_answer));
    }
}

/// An answer; of the Close that tells of an error only the code, since its reason is prose.
fn without_reason(mut answer: Vec<u8>, log: &[String]) -> Vec<u8> {
    if log.last().is_some_and(|last| last.starts_with("error")) {
        answer.truncate(4);
        answer[1] = 2;
    }
    answer
}

#[test]
fn messages_and_fragments() {
    check(&["81 05 | Hello"], &[r#"text "Hello""#], "");
    check(&["82 03 01 02 03"], &[r#"binary b"\x01\x02\x03""#], "");
    check(&["81 00", "82 00"], &[r#"text """#, r#"binary b"""#], "");
    check(&["01 03 | Hel", "80 02 | lo"], &[r#"text "Hello""#], "");
    check(&["01 00", "00 00", "80 00"], &[r#"text """#], "");
    check(
        &["01 02 cf 83", "00 01 ce", "80 01 bc"],
        &[r#"text "σμ""#],
        "",
    );
}

#[test]
fn control_frames_between_fragments() {
    check(
        &["01 03 | Hel", "89 02 | hi", "8a 01 | x", "80 02 | lo"],
        &[r#"ping "hi""#, r#"pong "x""#, r#"text "Hello""#],
        "8a 02 | hi",
    );
}

#[test]
fn every_ping_is_answered_in_order() {
    check(
        &["89 01 | a", "89 00", "89 01 | c"],
        &[r#"ping "a""#, r#"ping """#, r#"ping "c""#],
        "8a 01 | a | 8a 00 8a 01 | c",
    );
}

#[test]
fn a_close_is_echoed_as_it_was_sent() {
    check(&["88 00"], &["close"], "88 00");
    check(
        &["88 05 03 e8 | bye"],
        &[r#"close 1000 "bye""#],
        "88 05 03 e8 | bye",
    );
    for code in [
        1001_u16, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ] {
        let [high, low] = code.to_be_bytes();
        let frame = format!("88 02 {high:02x} {low:02x}");
        check(&[&frame], &[&format!("close {code} \"\"")], &frame);
    }
}

#[test]
fn nothing_counts_after_a_close() {
    check(&["88 00", "81 01 | x", "83 00"], &["close"], "88 00");
}

#[test]
fn bad_closes_are_refused() {
    for code in [
        0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        let [high, low] = code.to_be_bytes();
        check(
            &[&format!("88 02 {high:02x} {low:02x}")],
            &["error 1002"],
            "88 02 03 ea",
        );
    }
    check(&["88 01 03"], &["error 1002"], "88 02 03 ea");
    check(&["88 03 03 e8 ff"], &["error 1007"], "88 02 03 ef");
}

#[test]
fn violations_fail_after_what_was_good() {
    let good = r#"text "ok""#;
    for bad in [
        "91 00",
        "83 00",
        "8b 00",
        "09 00",
        "89 7e 00 7e",
        "82 7e 00 01",
        "80 00",
    ] {
        check(&["81 02 | ok", bad], &[good, "error 1002"], "88 02 03 ea");
    }
    check(&["01 01 | a", "81 01 | b"], &["error 1002"], "88 02 03 ea");
    check(
        &["81 02 | ok", "81 02 c3 28"],
        &[good, "error 1007"],
        "88 02 03 ef",
    );
    check(&["01 01 c3", "80 00"], &["error 1007"], "88 02 03 ef");
}

#[test]
fn a_bad_byte_fails_inside_an_unfinished_frame() {
    let mut connection = server();
    let start_of_frame = masked("81 20 | abc");
    assert!(events(&mut connection, &start_of_frame).is_empty());
    assert!(events(&mut connection, b"\xf4").is_empty());
    assert_eq!(events(&mut connection, b"\x90"), ["error 1007"]);
}

#[test]
fn masks_in_the_wrong_direction() {
    assert_eq!(events(&mut server(), &wire("81 01 | x")), ["error 1002"]);
    assert_eq!(events(&mut client(), &masked("81 01 | x")), ["error 1002"]);
    assert_eq!(events(&mut client(), &wire("81 01 | x")), [r#"text "x""#]);
}

#[test]
fn limits_at_and_one_past() {
    let limits = Limits {
        control_frames_per_second_max: 2,
        fragments_per_message_max: 2,
        frame_bytes_max: 4,
        message_bytes_max: 6,
        ..Limits::default()
    };
    let run = |frames: &[&str]| {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| masked(frame)).collect();
        events(&mut server_with(limits.clone()), &bytes)
    };
    assert_eq!(run(&["82 04 | 1234"]), [r#"binary b"1234""#]);
    assert_eq!(run(&["82 05 | 12345"]), ["error 1009"]);
    assert_eq!(
        run(&["02 04 | 1234", "80 02 | 56"]),
        [r#"binary b"123456""#]
    );
    assert_eq!(run(&["02 04 | 1234", "80 03 | 567"]), ["error 1009"]);
    assert_eq!(run(&["02 00", "80 00"]), [r#"binary b"""#]);
    assert_eq!(run(&["02 00", "00 00", "80 00"]), ["error 1008"]);
    assert_eq!(run(&["8a 00", "8a 00"]).len(), 2);
    assert_eq!(run(&["8a 00", "8a 00", "8a 00"])[2], "error 1008");
}

#[test]
fn the_rate_of_control_frames_is_per_second() {
    let limits = Limits {
        control_frames_per_second_max: 1,
        ..Limits::default()
    };
    let mut connection = server_with(limits);
    for second in 0..3 {
        let mut bytes = masked("8a 00");
        let now = start() + Duration::from_secs(second);
        assert!(
            connection
                .handle_input(now, &mut Input::new(&mut bytes))
                .unwrap()
                .is_some()
        );
    }
    let mut bytes = masked("8a 00");
    let error = connection.handle_input(
        start() + Duration::from_secs(2),
        &mut Input::new(&mut bytes),
    );
    let limit = Limit::ControlFramesPerSecond;
    assert_eq!(error.unwrap_err(), Error::LimitExceeded { limit, max: 1 });
}

#[test]
fn an_announced_length_takes_no_memory() {
    let mut connection = server();
    let header = masked("82 7f 00 00 00 00 01 00 00 00");
    assert!(events(&mut connection, &header).is_empty());
    assert!(events(&mut connection, &[0; 10]).is_empty());
    let (buffer, space) = connection.payload_space().unwrap();
    assert!(buffer.capacity() <= 8192 && space <= 8192);
}

#[test]
fn a_large_payload_is_read_into_place() {
    let payload: Vec<u8> = (0..200_000_u32).map(|i| i as u8).collect();
    let mut sender = client();
    sender.send(Message::binary(payload.clone())).unwrap();
    let bytes = transmit(&mut sender);
    let mut receiver = server();
    let (first, mut rest) = bytes.split_at(65_536);
    assert!(events(&mut receiver, first).is_empty());
    while let Some((buffer, space)) = receiver.payload_space() {
        let taken = space.min(rest.len());
        buffer.extend_from_slice(&rest[..taken]);
        rest = &rest[taken..];
        if let Some(event) = receiver.handle_payload(start(), taken).unwrap() {
            assert_eq!(
                describe(event),
                format!("binary {:?}", Bytes::from(payload))
            );
            assert!(rest.is_empty());
            return;
        }
    }
    assert_eq!(
        events(&mut receiver, rest),
        [format!("binary {:?}", Bytes::from(payload))]
    );
}

#[test]
fn the_closing_handshake_from_here() {
    let mut server = server();
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, "bye").unwrap();
    server.close(Some(&frame)).unwrap();
    assert_eq!(server.close(None), Err(SendError::Closing));
    assert_eq!(server.send(Message::text("late")), Err(SendError::Closing));
    assert_eq!(transmit(&mut server), wire("88 05 03 e9 | bye"));
    assert!(!server.is_transport_done());
    // What the peer had on its way still arrives; its pings are no longer answered.
    let rest = [masked("81 01 | x"), masked("89 00"), masked("88 02 03 e9")].concat();
    let log = events(&mut server, &rest);
    assert_eq!(log, [r#"text "x""#, r#"ping """#, r#"close 1001 """#]);
    assert!(transmit(&mut server).is_empty());
    assert!(server.is_transport_done());
    server.handle_transport_closed();
    assert_eq!(server.closing(), Closing::Clean);
}

#[test]
fn the_client_leaves_the_transport_to_the_server() {
    let mut client = client();
    assert_eq!(events(&mut client, &wire("88 00")), ["close"]);
    assert_eq!(client.closing(), Closing::Done);
    assert!(!client.is_transport_done());
}

#[test]
fn an_end_is_clean_only_if_our_close_has_left() {
    let answered = || {
        let mut server = server();
        server.send(Message::text("waits")).unwrap();
        assert_eq!(events(&mut server, &masked("88 00")), ["close"]);
        assert_eq!(server.closing(), Closing::Done);
        server
    };
    let mut server = answered();
    let last = server.bytes_pending() - 1;
    server.transmitted(start(), last);
    server.handle_transport_closed();
    assert_eq!(server.closing(), Closing::Dropped);
    assert_eq!(server.bytes_pending(), 0);

    let mut server = answered();
    transmit(&mut server);
    server.handle_transport_lost();
    assert_eq!(server.closing(), Closing::Dropped);

    let mut server = answered();
    transmit(&mut server);
    server.handle_transport_closed();
    assert_eq!(server.closing(), Closing::Clean);
}

#[test]
fn a_close_that_nobody_answers_ends_in_time() {
    let mut server = server();
    server.close(None).unwrap();
    transmit(&mut server);
    let due = server.poll_timeout().unwrap();
    assert_eq!(due, start() + Duration::from_secs(5));
    assert_eq!(
        server.handle_timeout(due),
        Err(Error::TimedOut(Wait::Close))
    );
    assert_eq!(server.closing(), Closing::Dropped);
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up() {
    let mut server = server();
    let ask = server.poll_timeout().unwrap();
    assert_eq!(ask, start() + Duration::from_secs(30));
    server.handle_timeout(ask).unwrap();
    assert_eq!(transmit(&mut server), wire("89 00"));
    let give_up = server.poll_timeout().unwrap();
    assert_eq!(give_up, ask + Duration::from_secs(20));
    assert_eq!(
        server.handle_timeout(give_up),
        Err(Error::TimedOut(Wait::Pong))
    );
    assert_eq!(transmit(&mut server)[2..4], [0x03, 0xf3]);
    assert!(server.is_transport_done());
}

#[test]
fn the_wait_for_a_close_begins_when_ours_is_written() {
    let mut server = server();
    server.send(Message::binary(vec![0; 100])).unwrap();
    server.close(None).unwrap();
    assert_eq!(server.poll_timeout(), None);
    let later = start() + Duration::from_secs(60);
    server.transmitted(later, server.bytes_pending() - 1);
    assert_eq!(server.poll_timeout(), None);
    server.transmitted(later, 1);
    assert_eq!(server.poll_timeout(), Some(later + Duration::from_secs(5)));
    // The transport has kept it for a second.
    server.transmitted(later + Duration::from_secs(1), 0);
    assert_eq!(server.poll_timeout(), Some(later + Duration::from_secs(6)));
}

#[test]
fn who_was_not_read_was_not_silent() {
    let mut server = server();
    assert!(events(&mut server, &masked("81 05 | He")).is_empty());
    let ask = server.poll_timeout().unwrap();
    server.handle_resumed(ask + Duration::from_secs(60));
    assert_eq!(server.poll_timeout(), Some(ask + Duration::from_secs(90)));
}

#[test]
fn a_connection_on_which_nothing_is_said_is_closed() {
    let idle_max = Some(Duration::from_secs(40));
    let timing = Timing {
        idle_max,
        ..Timing::default()
    };
    let mut server = Connection::server(
        Arc::new(Config {
            timing,
            ..Config::server()
        }),
        start(),
    );
    let ask = server.poll_timeout().unwrap();
    server.handle_timeout(ask).unwrap();
    transmit(&mut server);
    // A pong is no message.
    let mut pong = masked("8a 00");
    let late = ask + Duration::from_millis(250);
    server
        .handle_input(late, &mut Input::new(&mut pong))
        .unwrap();
    assert_eq!(server.round_trip(), Some(Duration::from_millis(250)));
    let due = server.poll_timeout().unwrap();
    assert_eq!(due, start() + Duration::from_secs(40));
    assert_eq!(server.handle_timeout(due), Err(Error::TimedOut(Wait::Idle)));
    assert_eq!(transmit(&mut server)[2..4], [0x03, 0xe9]);
}

#[test]
fn any_byte_answers_a_ping() {
    let mut server = server();
    let ask = server.poll_timeout().unwrap();
    server.handle_timeout(ask).unwrap();
    let mut bytes = masked("81 01 | x");
    server
        .handle_input(ask, &mut Input::new(&mut bytes))
        .unwrap();
    assert_eq!(server.poll_timeout(), Some(ask + Duration::from_secs(30)));
}

#[test]
fn half_a_frame_ends_in_time() {
    for half in [&masked("81 05 | He")[..], &masked("89 05 | He"), b"\x81"] {
        let timing = Timing {
            ping_interval: None,
            ..Timing::default()
        };
        let config = Config {
            timing,
            ..Config::server()
        };
        let mut server = Connection::server(Arc::new(config), start());
        assert!(events(&mut server, half).is_empty());
        let due = server.poll_timeout().unwrap();
        assert_eq!(due, start() + Duration::from_secs(30));
        assert_eq!(
            server.handle_timeout(due),
            Err(Error::TimedOut(Wait::FrameStall))
        );
        assert_eq!(transmit(&mut server)[2..4], [0x03, 0xf0]);
    }
}

#[test]
fn a_client_masks_what_it_sends() {
    let config = Arc::new(Config::client());
    let keys = FixedKeys([0x37, 0xfa, 0x21, 0x3d]);
    let mut client = Connection::client(config, Box::new(keys), start());
    client.send(Message::text("Hello")).unwrap();
    // RFC 6455 §5.7
    assert_eq!(
        transmit(&mut client),
        wire("81 85 37 fa 21 3d 7f 9f 4d 51 58")
    );
}

#[test]
fn an_error_after_our_close_sends_no_second_one() {
    let mut server = server();
    server.close(None).unwrap();
    assert_eq!(events(&mut server, &wire("81 01 | x")), ["error 1002"]);
    assert_eq!(transmit(&mut server), wire("88 00"));
    assert!(server.is_transport_done());
}

#[test]
fn a_ping_carries_125_bytes_at_most() {
    assert!(server().ping(&[0; 125]).is_ok());
    assert_eq!(server().ping(&[0; 126]), Err(SendError::ControlTooLong));
}

#[test]
fn a_message_in_two_parts_is_one() {
    for mut sender in [server(), client()] {
        sender
            .send_parts(
                MessageKind::Text,
                b"head ",
                &SharedBytes::new(Bytes::from_static(b"tail")),
            )
            .unwrap();
        let bytes = transmit(&mut sender);
        let mut receiver = if bytes[1] & 0x80 == 0 {
            client()
        } else {
            server()
        };
        assert_eq!(events(&mut receiver, &bytes), [r#"text "head tail""#]);
    }
}

const PARAMS: DeflateParams = DeflateParams {
    server_no_takeover: false,
    client_no_takeover: true,
    server_window_bits: 15,
    client_window_bits: 15,
};

/// A server and a client that have agreed to compress.
pub(super) fn compressing() -> [Connection; 2] {
    let pool = Arc::new(DeflatePool::default());
    [server(), client()].map(|connection| connection.with_deflate(&PARAMS, Arc::clone(&pool)))
}

#[test]
fn long_messages_are_compressed_and_short_ones_are_not() {
    let [mut server, mut client] = compressing();
    for text in ["short".to_owned(), "long ".repeat(100), "é".repeat(20_000)] {
        client.send(Message::text(text.clone())).unwrap();
        let bytes = transmit(&mut client);
        assert_eq!(bytes[0], if text.len() < 128 { 0x81 } else { 0xc1 });
        assert!(text.len() < 128 || bytes.len() < text.len() / 3);
        for pieces in [vec![&bytes[..]], bytes.chunks(7).collect()] {
            let log: Vec<_> = pieces
                .into_iter()
                .flat_map(|p| events(&mut server, p))
                .collect();
            assert_eq!(log, [format!("text {text:?}")]);
        }
    }
}

#[test]
fn a_compressed_message_may_come_in_fragments() {
    let [mut server, mut client] = compressing();
    server.send(Message::text("ab ".repeat(100))).unwrap();
    let bytes = transmit(&mut server);
    let payload = &bytes[2..];
    let (head, tail) = payload.split_at(3);
    let frames = [&[0x41, 3], head, &[0x89, 0, 0x80, tail.len() as u8], tail].concat();
    let log = events(&mut client, &frames);
    assert_eq!(
        log,
        [
            r#"ping """#.to_owned(),
            format!("text {:?}", "ab ".repeat(100))
        ]
    );
}

#[test]
fn a_shared_part_is_compressed_once_for_all() {
    let tail = SharedBytes::new(Bytes::from("shared ".repeat(100)));
    for head in ["", "one ", &"x".repeat(300), &"x".repeat(70_000)] {
        let [server, mut client] = compressing();
        let params = DeflateParams {
            server_no_takeover: true,
            ..PARAMS
        };
        let mut server = server.with_deflate(&params, Arc::default());
        // Messages that the window remembers, on the other side, are no hindrance.
        for _ in 0..2 {
            server
                .send_parts(MessageKind::Text, head.as_bytes(), &tail)
                .unwrap();
            let bytes = transmit(&mut server);
            assert_eq!(bytes[0], 0xc1);
            assert!(bytes.len() < head.len() + 150);
            let text = format!("{head}{}", "shared ".repeat(100));
            assert_eq!(events(&mut client, &bytes), [format!("text {text:?}")]);
        }
    }
}

#[test]
fn a_shared_part_goes_to_those_with_a_window_as_well() {
    let tail = SharedBytes::new(Bytes::from("shared ".repeat(100)));
    let [mut server, mut client] = compressing();
    for _ in 0..3 {
        server
            .send_parts(MessageKind::Text, b"head ", &tail)
            .unwrap();
        server
            .send(Message::text("shared own ".repeat(30)))
            .unwrap();
        assert_eq!(events(&mut client, &transmit(&mut server)).len(), 2);
    }
}

#[test]
fn a_message_that_must_not_be_compressed_is_not() {
    let [mut server, mut client] = compressing();
    server
        .send_uncompressed(Message::text("ab ".repeat(100)))
        .unwrap();
    let bytes = transmit(&mut server);
    assert_eq!(bytes[0], 0x81);
    assert_eq!(events(&mut client, &bytes).len(), 1);
}

#[test]
fn what_is_wrong_in_compressed_messages() {
    let check = |frame: &str, expected: &str| {
        let [mut server, _] = compressing();
        assert_eq!(events(&mut server, &masked(frame)), [expected], "{frame}");
    };
    check("c1 02 ff ff", "error 1007");
    // The one byte 0xff, stored.
    check("c1 07 00 01 00 fe ff ff 00", "error 1007");
    check("c2 07 00 01 00 fe ff ff 00", r#"binary b"\xff""#);
    // RFC 7692 §6.1: not on a continuation, not on a control frame.
    let [mut server, _] = compressing();
    let frames = [masked("41 01 | x"), masked("c0 00")].concat();
    assert_eq!(events(&mut server, &frames), ["error 1002"]);
    check("c9 00", "error 1002");
}

proptest! {
    #[test]
    fn a_pair_understands_each_other(
        messages in prop::collection::vec((any::<bool>(), 0..200_000_usize), 1..5),
        cut in 1..70_000_usize,
        key: [u8; 4],
    ) {
        let keys = Box::new(FixedKeys(key));
        let mut sender = Connection::client(Arc::new(Config::client()), keys, start());
        let mut receiver = server();
        let mut expected = Vec::new();
        for (text, bytes) in messages {
            let message = match text {
                true => Message::text("é".repeat(bytes / 2)),
                false => Message::binary(vec![7; bytes]),
            };
            expected.push(message.clone());
            sender.send(message).unwrap();
        }
        let mut received = Vec::new();
        for piece in transmit(&mut sender).chunks_mut(cut) {
            let mut input = Input::new(piece);
            while let Some(event) = receiver.handle_input(start(), &mut input).unwrap() {
                if let Event::Message(message) = event {
                    received.push(message.into_message());
                }
            }
        }
        prop_assert_eq!(received, expected);
    }

    #[test]
    fn garbage_gives_the_same_at_every_split(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let whole = events(&mut server(), &bytes);
        for pieces in Splits::all(&bytes) {
            let mut connection = server();
            let log: Vec<String> = pieces.iter().flat_map(|p| events(&mut connection, p)).collect();
            prop_assert_eq!(&log, &whole);
        }
    }
}
