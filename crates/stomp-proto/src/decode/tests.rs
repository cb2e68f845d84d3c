//! Tests of the decoder: what it lends, what it keeps, and each limit at its value and one past it.

use gumboot_testkit::Splits;

use super::*;
use crate::{
    error::ErrorKind,
    limits::{Limit, Limits},
};

fn decoder(limits: Limits) -> Decoder {
    let mut decoder = Decoder::new(limits);
    decoder.set_version(Version::V1_2);
    decoder
}

/// What comes out of `pieces`: frames with octets of their own, `None` for a heart-beat.
fn decode(
    decoder: &mut Decoder,
    pieces: &[&[u8]],
) -> Result<Vec<Option<Frame<'static>>>, ErrorKind> {
    let mut found = Vec::new();
    for piece in pieces {
        let mut input = Input::new(piece);
        while let Some(decoded) = decoder
            .decode(&mut input)
            .map_err(|error| error.kind().clone())?
        {
            found.push(match decoded {
                Decoded::Frame(frame) => Some(frame.into_owned()),
                Decoded::HeartBeat => None,
            });
        }
    }
    Ok(found)
}

/// `wire` is decoded, or fails by that limit, however it is cut.
#[track_caller]
fn check_limit(limits: Limits, wire: &str, expect: Result<usize, (Limit, u32)>) {
    let expect = expect.map_err(|(limit, max)| ErrorKind::TooBig { limit, max });
    for pieces in Splits::all(wire.as_bytes()) {
        let count = decode(&mut decoder(limits), &pieces).map(|found| found.len());
        assert_eq!(
            count,
            expect,
            "{} pieces, the first {}",
            pieces.len(),
            pieces[0].len()
        );
    }
}

#[test]
fn a_whole_frame_is_borrowed_from_the_input() {
    let wire = b"SEND\nx:y\n\nbody\0rest".to_vec();
    let mut input = Input::new(&wire);
    let mut decoder = decoder(Limits::default());
    let Ok(Some(Decoded::Frame(frame))) = decoder.decode(&mut input) else {
        panic!("a frame")
    };
    drop(decoder);
    assert!(wire.as_ptr_range().contains(&frame.body().as_ptr()));
    assert_eq!(frame.octets(), b"SEND\nx:y\n\nbody\0");
    assert_eq!(input.rest(), b"rest");
}

#[test]
fn a_frame_in_pieces_is_kept_until_it_is_whole_and_no_longer() {
    let mut decoder = decoder(Limits::default());
    for piece in [&b"SEND\nx"[..], b":y\n\nbo", b"dy"] {
        assert_eq!(decode(&mut decoder, &[piece]), Ok(vec![]));
        assert!(decoder.is_partial());
    }
    let found = decode(&mut decoder, &[b"\0SE"]).expect("a frame");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].as_ref().map(Frame::body), Some(&b"body"[..]));
    assert!(decoder.is_partial(), "the next has begun");
    assert_eq!(
        decode(&mut decoder, &[b"ND\n\n\0"]).map(|found| found.len()),
        Ok(1)
    );
    assert!(!decoder.is_partial());
}

#[test]
fn each_end_of_line_between_frames_is_a_heart_beat() {
    let wire = b"\n\r\nSEND\n\nhi\0\n\n\n\0\0SEND\n\nho\0\r\n";
    for pieces in Splits::all(wire) {
        let found = decode(&mut decoder(Limits::default()), &pieces).expect("all is valid");
        let beats: Vec<_> = found.iter().map(Option::is_none).collect();
        assert_eq!(beats, [true, true, false, true, true, true, false, true]);
    }
}

#[test]
fn header_bytes_max() {
    let limits = Limits {
        header_bytes_max: 8,
        ..Limits::default()
    };
    check_limit(limits, "SEND\na:345678\n\n\0", Ok(1));
    check_limit(limits, "SEND\r\na:345678\r\n\r\n\0", Ok(1));
    check_limit(
        limits,
        "SEND\na:3456789\n\n\0",
        Err((Limit::HeaderBytes, 8)),
    );
    check_limit(
        limits,
        "SEND\na:3456789\r\n\n\0",
        Err((Limit::HeaderBytes, 8)),
    );
    check_limit(
        limits,
        "SEND\na:3456789 and no end",
        Err((Limit::HeaderBytes, 8)),
    );
}

#[test]
fn headers_max() {
    let limits = Limits {
        headers_max: 2,
        ..Limits::default()
    };
    check_limit(limits, "SEND\na:1\nb:2\n\n\0", Ok(1));
    check_limit(
        limits,
        "SEND\na:1\nb:2\na:1\n\n\0",
        Err((Limit::Headers, 2)),
    );
}

#[test]
fn headers_bytes_max() {
    let limits = Limits {
        headers_bytes_max: 7,
        ..Limits::default()
    };
    check_limit(limits, "SEND\na:1\nb:2\n\n\0", Ok(1));
    check_limit(
        limits,
        "SEND\na:1\nb:23\n\n\0",
        Err((Limit::HeadersBytes, 7)),
    );
    check_limit(
        limits,
        "SEND\na:1\nb:23 and no end",
        Err((Limit::HeadersBytes, 7)),
    );
}

#[test]
fn body_bytes_max() {
    let limits = Limits {
        body_bytes_max: 4,
        ..Limits::default()
    };
    check_limit(limits, "SEND\n\n1234\0", Ok(1));
    check_limit(limits, "SEND\ncontent-length:4\n\n1234\0", Ok(1));
    check_limit(limits, "SEND\n\n12345\0", Err((Limit::BodyBytes, 4)));
    check_limit(
        limits,
        "SEND\n\n12345 and no end",
        Err((Limit::BodyBytes, 4)),
    );
    check_limit(
        limits,
        "SEND\ncontent-length:5\n\n",
        Err((Limit::BodyBytes, 4)),
    );
}

#[test]
fn before_login_a_frame_stays_below_64_kib() {
    let limits = Limits::before_login();
    assert!(limits.headers_bytes_max + limits.body_bytes_max < 64 << 10);
}

#[test]
fn a_promised_length_takes_no_memory() {
    let mut decoder = decoder(Limits::default());
    let promise = b"SEND\ncontent-length:16777216\n\n";
    assert_eq!(decode(&mut decoder, &[promise, b"x"]), Ok(vec![]));
    let kept = decoder
        .partial
        .as_ref()
        .map_or(0, |partial| partial.octets.capacity());
    assert!(kept < 256, "{kept} octets are kept");
}

#[test]
fn memory_for_a_counted_body_ends_at_its_length() {
    let mut decoder = decoder(Limits::default());
    let head = b"SEND\ncontent-length:100000\n\n";
    assert_eq!(decode(&mut decoder, &[head, &[b'x'; 100_000]]), Ok(vec![]));
    let kept = decoder
        .partial
        .as_ref()
        .map_or(0, |partial| partial.octets.capacity());
    assert_eq!(kept, head.len() + 100_001);
}

#[test]
fn a_limit_is_checked_before_what_goes_past_it_is_kept() {
    let mut decoder = decoder(Limits {
        body_bytes_max: 10,
        ..Limits::default()
    });
    assert_eq!(decode(&mut decoder, &[b"SEND\n\n"]), Ok(vec![]));
    let partial = decoder.partial.as_ref().expect("a frame has begun");
    assert_eq!(partial.scan.wanted(6, &[b'x'; 1000], &decoder.limits), 11);
}

/// 16 MiB octet by octet would take hours if each octet searched all before it.
#[test]
fn many_small_pieces_of_a_long_body_take_linear_time() {
    const BODY_BYTES: usize = 16 << 20;
    let mut decoder = decoder(Limits::default());
    assert_eq!(decode(&mut decoder, &[b"SEND\n\n"]), Ok(vec![]));
    for _ in 0..BODY_BYTES / 8 {
        let mut input = Input::new(b"12345678");
        assert!(matches!(decoder.decode(&mut input), Ok(None)));
    }
    let found = decode(&mut decoder, &[b"\0"]).expect("a frame");
    assert_eq!(
        found[0].as_ref().map(|frame| frame.body().len()),
        Some(BODY_BYTES)
    );
}

#[test]
fn without_a_version_only_connect_is_read_and_nothing_is_unescaped() {
    let mut decoder = Decoder::new(Limits::before_login());
    let found = decode(&mut decoder, &[b"CONNECT\npasscode:a:b\\c\\\n\n\0"]).expect("a frame");
    let frame = found[0].as_ref().expect("no heart-beat");
    assert_eq!(frame.header("passcode").as_deref(), Some("a:b\\c\\"));
}

#[test]
fn headers_by_name_and_in_order() {
    let many: String = (0..20).map(|index| format!("h{index}:{index}\n")).collect();
    let wire = format!("SEND\nk\\cey:a\\nb\nk\\cey:second\n{many}\n\0");
    for pieces in Splits::all(wire.as_bytes()) {
        let found = decode(&mut decoder(Limits::default()), &pieces).expect("a frame");
        let frame = found[0].as_ref().expect("no heart-beat");
        assert_eq!(frame.header("k:ey").as_deref(), Some("a\nb"));
        assert_eq!(frame.header("h19").as_deref(), Some("19"));
        assert_eq!(frame.header("k\\cey"), None);
        let names: Vec<_> = frame.headers().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names.len(), 21);
        assert_eq!(names[..2], ["k:ey", "h0"]);
    }
}

#[test]
fn a_passcode_is_not_shown() {
    let mut decoder = Decoder::new(Limits::before_login());
    let found = decode(&mut decoder, &[b"CONNECT\nlogin:me\npasscode:secret\n\n\0"]);
    let shown = format!("{found:?}");
    assert!(shown.contains("me") && !shown.contains("secret"), "{shown}");
}
