//! Tests of the shared part of a MESSAGE: what it holds, and when versions share it.

use expect_test::{Expect, expect};
use gumboot_testkit::Splits;

use super::*;

/// The octets for each version, one line each.
#[track_caller]
fn check(tail: &Tail, expect: &Expect) {
    let shown = Version::ALL.map(|version| format!("{:?}\n", tail.bytes(version)));
    expect.assert_eq(&shown.concat());
}

#[test]
fn versions_share_what_needs_no_escape() {
    let tail = Tail::new("/topic/a", &[("content-type", "text/plain")], b"hi");
    let [first, second, third] = Version::ALL.map(|version| tail.bytes(version));
    assert_eq!(
        first,
        "destination:/topic/a\ncontent-type:text/plain\ncontent-length:2\n\nhi\0"
    );
    assert_eq!(
        (first.as_ptr(), second.as_ptr()),
        (second.as_ptr(), third.as_ptr())
    );
}

#[test]
fn each_version_gets_its_own_escapes() {
    let headers = [
        ("t", "1:2"),
        ("b", "a\\b"),
        ("cr", "a\rb"),
        ("lf", "a\nb"),
        ("x:y", ""),
    ];
    let tail = Tail::new("/a", &headers, b"");
    check(
        &tail,
        &expect![[r#"
            b"destination:/a\nt:1:2\nb:a\\b\ncr:a\rb\n\n\0"
            b"destination:/a\nt:1\\c2\nb:a\\\\b\ncr:a\rb\nlf:a\\nb\nx\\cy:\n\n\0"
            b"destination:/a\nt:1\\c2\nb:a\\\\b\ncr:a\\rb\nlf:a\\nb\nx\\cy:\n\n\0"
        "#]],
    );
}

#[test]
fn a_version_is_written_once() {
    let tail = Tail::new("/topic/a:b", &[], b"");
    let twice = [tail.bytes(Version::V1_0), tail.bytes(Version::V1_0)];
    assert_eq!(twice[0].as_ptr(), twice[1].as_ptr());
}

/// What the server alone says.
const NOT_THE_SENDERS: [&str; 18] = [
    "ack",
    "browser",
    "content-length",
    "dead-letter-deliveries",
    "dead-letter-kind",
    "dead-letter-origin",
    "dead-letter-reason",
    "delivery-count",
    "epoch",
    "message-id",
    "offset",
    "receipt",
    "receipt-level",
    "redelivered",
    "retained",
    "subscription",
    "transaction",
    "x-stream-offset",
];

#[test]
fn headers_of_the_server_are_left_out() {
    let forged = NOT_THE_SENDERS.map(|name| format!("{name}:2\n")).concat();
    let wire = format!("SEND\ndestination:/topic/a\n{forged}\nhi\0");
    let mut decoder = crate::Decoder::new(crate::Limits::default());
    decoder.set_version(Version::V1_2);
    let decoded = decoder.decode(&mut crate::Input::new(wire.as_bytes()));
    let Ok(Some(crate::Decoded::Frame(frame))) = decoded else {
        panic!("{decoded:?}");
    };
    check(
        &Tail::from_send(&frame),
        &expect![[r#"
            b"destination:/topic/a\ncontent-length:2\n\nhi\0"
            b"destination:/topic/a\ncontent-length:2\n\nhi\0"
            b"destination:/topic/a\ncontent-length:2\n\nhi\0"
        "#]],
    );
}

/// What the receivers of each version get of what is sent as `sent`, however that is cut.
#[track_caller]
fn check_sent(sent: Version, wire: &str, expect: &Expect) {
    let mut shown = Vec::new();
    for pieces in Splits::all(wire.as_bytes()) {
        let mut decoder = crate::Decoder::new(crate::Limits::default());
        decoder.set_version(sent);
        let mut tails = Vec::new();
        for piece in pieces {
            let mut input = crate::Input::new(piece);
            while let Some(decoded) = decoder.decode(&mut input).expect("it is valid") {
                let crate::Decoded::Frame(frame) = decoded else {
                    panic!("{decoded:?}");
                };
                let tail = Tail::from_send(&frame);
                let stored = Tail::from_octets(tail.bytes(Version::V1_2)).expect("it is a tail");
                assert_eq!(tail.is_plain, stored.is_plain);
                tails.extend(Version::ALL.map(|version| format!("{:?}\n", tail.bytes(version))));
            }
        }
        shown.push(tails.concat());
    }
    expect.assert_eq(&shown[0]);
    shown.dedup();
    assert_eq!(shown.len(), 1, "where it is cut matters");
}

#[test]
fn plain_lines_are_the_same_for_all() {
    let wire = "SEND\ndestination:/topic/é\nx:\nreceipt:r\r\ny: z \nx:2\n\nhi\0";
    check_sent(
        Version::V1_0,
        wire,
        &expect![[r#"
            b"destination:/topic/\xc3\xa9\nx:\ny:z \ncontent-length:2\n\nhi\0"
            b"destination:/topic/\xc3\xa9\nx:\ny:z \ncontent-length:2\n\nhi\0"
            b"destination:/topic/\xc3\xa9\nx:\ny:z \ncontent-length:2\n\nhi\0"
        "#]],
    );
    for version in [Version::V1_1, Version::V1_2] {
        check_sent(
            version,
            wire,
            &expect![[r#"
                b"destination:/topic/\xc3\xa9\nx:\ny: z \ncontent-length:2\n\nhi\0"
                b"destination:/topic/\xc3\xa9\nx:\ny: z \ncontent-length:2\n\nhi\0"
                b"destination:/topic/\xc3\xa9\nx:\ny: z \ncontent-length:2\n\nhi\0"
            "#]],
        );
    }
}

#[test]
fn one_special_line_is_spelled_anew() {
    check_sent(
        Version::V1_2,
        "SEND\ndestination:/a\nt:12\\c30\nx:y\nt:z\n\n\0",
        &expect![[r#"
            b"destination:/a\nt:12:30\nx:y\n\n\0"
            b"destination:/a\nt:12\\c30\nx:y\n\n\0"
            b"destination:/a\nt:12\\c30\nx:y\n\n\0"
        "#]],
    );
    check_sent(
        Version::V1_2,
        "SEND\ndestination:/a\nx:y\nt:12:30\nr:\\r\n\n\0",
        &expect![[r#"
            b"destination:/a\nx:y\nt:12:30\nr:\r\n\n\0"
            b"destination:/a\nx:y\nt:12\\c30\nr:\r\n\n\0"
            b"destination:/a\nx:y\nt:12\\c30\nr:\\r\n\n\0"
        "#]],
    );
    check_sent(
        Version::V1_1,
        "SEND\ndestination:/a\nx\\cz:y\nt:a\rb\nz:\n\n\0",
        &expect![[r#"
            b"destination:/a\nt:a\rb\nz:\n\n\0"
            b"destination:/a\nx\\cz:y\nt:a\rb\nz:\n\n\0"
            b"destination:/a\nx\\cz:y\nt:a\\rb\nz:\n\n\0"
        "#]],
    );
    check_sent(
        Version::V1_0,
        "SEND\ndestination: /a\nt: 12:30\nx: y\nz:\\n\n x:2\n\n\0",
        &expect![[r#"
            b"destination:/a\nt:12:30\nx:y\nz:\\n\n\n\0"
            b"destination:/a\nt:12\\c30\nx:y\nz:\\\\n\n\n\0"
            b"destination:/a\nt:12\\c30\nx:y\nz:\\\\n\n\n\0"
        "#]],
    );
}

#[test]
fn headers_are_found_and_replaced() {
    let tail = Tail::new("/queue/a", &[("x:y", "1\n2"), ("z", "")], b"hi");
    assert_eq!(tail.header("x:y").as_deref(), Some("1\n2"));
    assert_eq!(tail.header("z").as_deref(), Some(""));
    assert_eq!(tail.header("content-length"), None);
    assert_eq!(tail.header("Z"), None);
    let dead = tail.with_headers(&[("destination", "/queue/dead"), ("why", "a:b")]);
    check(
        &dead,
        &expect![[r#"
            b"destination:/queue/dead\nwhy:a:b\nz:\ncontent-length:2\n\nhi\0"
            b"destination:/queue/dead\nwhy:a\\cb\nx\\cy:1\\n2\nz:\ncontent-length:2\n\nhi\0"
            b"destination:/queue/dead\nwhy:a\\cb\nx\\cy:1\\n2\nz:\ncontent-length:2\n\nhi\0"
        "#]],
    );
}

#[test]
fn text_is_what_is_utf_8() {
    assert!(Tail::new("/topic/a", &[], "grüße".as_bytes()).is_text());
    assert!(Tail::new("/topic/a", &[], b"").is_text());
    let binary = Tail::new("/topic/a", &[("x", "a:b")], b"\xFF\xFE");
    assert!(!binary.is_text());
    assert_eq!(binary.body(), b"\xFF\xFE");
    assert!(binary.bytes(Version::V1_0).ends_with(b"\n\n\xFF\xFE\0"));
}

#[test]
fn it_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Tail>();
}
