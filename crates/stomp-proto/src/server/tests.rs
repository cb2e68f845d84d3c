//! Tests of the session of a server: the clock, the limits before and after the log-in, and its
//! ends. What it makes of frames is in `vectors/`.

use super::*;
use crate::{error::Fault, limits::Limit};

/// A session and a clock that the test moves.
struct Bench {
    start: Instant,
    session: ServerSession,
    out: Vec<u8>,
}

impl Bench {
    #[allow(
        clippy::disallowed_methods,
        reason = "a moment to start from has no other source"
    )]
    fn new(options: ServerOptions) -> Self {
        let start = Instant::now();
        Self {
            start,
            session: ServerSession::new(start, Arc::new(options)),
            out: Vec::new(),
        }
    }

    /// A session that is connected at 0 ms.
    fn connected(options: ServerOptions, client: &str, server: HeartBeat) -> Self {
        let mut bench = Self::new(options);
        let connect = format!("CONNECT\naccept-version:1.2\nheart-beat:{client}\n\n\0");
        bench
            .feed(0, connect.as_bytes())
            .expect("the CONNECT is valid");
        let accept = Accept {
            heart_beat: server,
            ..Accept::default()
        };
        bench.session.accept(bench.start, &accept, &mut bench.out);
        bench
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn feed(&mut self, ms: u64, octets: &[u8]) -> Result<usize, Error> {
        let (now, mut input, mut count) = (self.at(ms), Input::new(octets), 0);
        while self.session.handle_input(now, &mut input)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn timeout(&mut self, ms: u64) -> Result<Option<Beat>, ErrorKind> {
        let now = self.at(ms);
        self.session
            .handle_timeout(now)
            .map_err(|error| error.kind().clone())
    }

    fn next_ms(&self) -> Option<u64> {
        let deadline = self.session.poll_timeout()?;
        u64::try_from((deadline - self.start).as_millis()).ok()
    }
}

const TEN_SECONDS: HeartBeat = HeartBeat {
    can_send_ms: 10_000,
    wants_ms: 10_000,
};
const NOTHING: HeartBeat = HeartBeat {
    can_send_ms: 0,
    wants_ms: 0,
};

#[test]
fn a_session_is_small() {
    assert!(
        size_of::<ServerSession>() <= 200,
        "{} octets",
        size_of::<ServerSession>()
    );
}

#[test]
fn connected_says_what_the_server_wants_to_say() {
    let mut bench = Bench::new(ServerOptions::default());
    assert_eq!(
        bench.feed(0, b"CONNECT\naccept-version:1.1\n\n\0").ok(),
        Some(1)
    );
    let accept = Accept {
        session: Some("s-1"),
        server: Some("gumboot/0.1"),
        heart_beat: TEN_SECONDS,
    };
    bench.session.accept(bench.start, &accept, &mut bench.out);
    let expect: &[u8] =
        b"CONNECTED\nversion:1.1\nheart-beat:10000,10000\nsession:s-1\nserver:gumboot/0.1\n\n\0";
    assert_eq!(bench.out, expect);
    assert!(bench.session.is_connected());
}

#[test]
fn stomp_1_0_has_no_heart_beats_and_no_time_limit() {
    let mut bench = Bench::new(ServerOptions::default());
    assert_eq!(
        bench.feed(0, b"CONNECT\nheart-beat:10,10\n\n\0").ok(),
        Some(1)
    );
    let accept = Accept {
        heart_beat: TEN_SECONDS,
        ..Accept::default()
    };
    bench.session.accept(bench.start, &accept, &mut bench.out);
    assert_eq!(bench.out, b"CONNECTED\nversion:1.0\nheart-beat:0,0\n\n\0");
    assert_eq!(bench.next_ms(), None);
}

#[test]
fn the_log_in_has_a_time_limit() {
    let mut bench = Bench::new(ServerOptions::default());
    assert_eq!(bench.next_ms(), Some(10_000));
    assert_eq!(bench.feed(5_000, b"\n\n\n").ok(), Some(0));
    assert_eq!(bench.timeout(9_999), Ok(None));
    assert_eq!(bench.timeout(10_000), Err(ErrorKind::LoginTimedOut));
    assert_eq!(bench.next_ms(), None);
}

#[test]
fn a_client_that_waits_for_the_broker_is_not_late() {
    let mut bench = Bench::new(ServerOptions::default());
    assert_eq!(bench.feed(0, b"CONNECT\n\n\0").ok(), Some(1));
    assert_eq!(bench.session.poll_timeout(), None);
    assert_eq!(bench.timeout(10_000), Ok(None));
    bench
        .session
        .accept(bench.start, &Accept::default(), &mut bench.out);
    assert!(bench.session.is_connected());
}

#[test]
fn until_accept_nothing_more_is_read() {
    let mut bench = Bench::new(ServerOptions::default());
    let mut input = Input::new(b"CONNECT\n\n\0SEND\ndestination:/a\n\n\0");
    let now = bench.start;
    assert!(matches!(
        bench.session.handle_input(now, &mut input),
        Ok(Some(_))
    ));
    assert!(matches!(
        bench.session.handle_input(now, &mut input),
        Ok(None)
    ));
    assert!(input.rest().starts_with(b"SEND"));
    bench
        .session
        .accept(now, &Accept::default(), &mut bench.out);
    assert!(matches!(
        bench.session.handle_input(now, &mut input),
        Ok(Some(_))
    ));
}

#[test]
fn after_an_error_nothing_is_read() {
    let mut bench = Bench::connected(ServerOptions::default(), "0,0", NOTHING);
    assert!(bench.feed(0, b"SEND\n\n\0").is_err());
    assert_eq!(bench.feed(0, b"SEND\ndestination:/a\n\n\0").ok(), Some(0));
    assert_eq!(bench.next_ms(), None);
}

#[test]
fn the_limits_grow_with_the_log_in() {
    let long = format!("SEND\ndestination:/a\n\n{}\0", "x".repeat(100_000));
    let mut bench = Bench::connected(ServerOptions::default(), "0,0", NOTHING);
    assert_eq!(bench.feed(0, long.as_bytes()).ok(), Some(1));
    let error = Bench::new(ServerOptions::default())
        .feed(0, long.as_bytes())
        .err();
    let error = error.expect("it is too long for a first frame");
    let max = Limits::before_login().body_bytes_max;
    assert_eq!(
        error.kind(),
        &ErrorKind::TooBig {
            limit: Limit::BodyBytes,
            max
        }
    );
    assert_eq!(error.fault(), Fault::Limit);
}

#[test]
fn a_beat_goes_out_in_time_when_nothing_else_did() {
    let mut bench = Bench::connected(ServerOptions::default(), "0,10000", TEN_SECONDS);
    assert_eq!(bench.next_ms(), Some(9_000));
    assert_eq!(bench.timeout(8_999), Ok(None));
    assert_eq!(bench.timeout(9_000), Ok(Some(Beat)));
    assert_eq!(bench.next_ms(), Some(18_000));
    bench.session.handle_sent(bench.at(15_000));
    assert_eq!(
        bench.timeout(18_000),
        Ok(None),
        "a frame went out meanwhile"
    );
    assert_eq!(bench.next_ms(), Some(24_000));
}

#[test]
fn a_busy_stream_needs_no_beats() {
    let mut bench = Bench::connected(ServerOptions::default(), "0,1000", TEN_SECONDS);
    for ms in (0..100_000).step_by(500) {
        bench.session.handle_sent(bench.at(ms));
        assert_eq!(bench.timeout(ms + 499), Ok(None));
    }
}

#[test]
fn a_silent_client_is_given_up_after_two_intervals_and_a_margin() {
    let mut bench = Bench::connected(
        ServerOptions::default(),
        "1000,0",
        HeartBeat {
            can_send_ms: 0,
            wants_ms: 500,
        },
    );
    assert_eq!(bench.next_ms(), Some(2_500));
    assert_eq!(bench.feed(2_000, b"\n").ok(), Some(0));
    assert_eq!(bench.next_ms(), Some(4_500));
    bench.session.handle_received(bench.at(3_000));
    assert_eq!(bench.timeout(5_499), Ok(None));
    assert_eq!(bench.timeout(5_500), Err(ErrorKind::PeerSilent));
}

#[test]
fn part_of_a_frame_is_a_sign_of_life() {
    let mut bench = Bench::connected(ServerOptions::default(), "1000,0", TEN_SECONDS);
    assert_eq!(bench.feed(5_000, b"SEN").ok(), Some(0));
    assert_eq!(bench.next_ms(), Some(5_000 + 20_500));
}

fn with_floor() -> ServerOptions {
    ServerOptions {
        receive_floor: Some(Duration::from_secs(75)),
        ..ServerOptions::default()
    }
}

#[test]
fn a_hidden_page_is_kept_until_the_floor() {
    let mut bench = Bench::connected(with_floor(), "10000,0", TEN_SECONDS);
    assert_eq!(bench.next_ms(), Some(75_000));
    assert_eq!(bench.feed(60_000, b"\n").ok(), Some(0));
    assert_eq!(bench.timeout(134_999), Ok(None));
    assert_eq!(bench.timeout(135_000), Err(ErrorKind::PeerSilent));
}

#[test]
fn a_long_interval_is_above_the_floor() {
    let bench = Bench::connected(with_floor(), "60000,0", TEN_SECONDS);
    assert_eq!(bench.next_ms(), Some(120_500));
}

#[test]
fn the_floor_is_not_for_clients_that_asked_for_a_short_interval() {
    let bench = Bench::connected(
        with_floor(),
        "4999,0",
        HeartBeat {
            can_send_ms: 0,
            wants_ms: 1_000,
        },
    );
    assert_eq!(bench.next_ms(), Some(2 * 4_999 + 500));
}

#[test]
fn a_frame_that_does_not_end_has_a_time_limit() {
    let mut bench = Bench::connected(ServerOptions::default(), "0,0", NOTHING);
    assert_eq!(bench.next_ms(), None);
    assert_eq!(bench.feed(1_000, b"SEND\n").ok(), Some(0));
    assert_eq!(bench.feed(20_000, b"x").ok(), Some(0));
    assert_eq!(bench.next_ms(), Some(50_000));
    assert_eq!(bench.timeout(49_999), Ok(None));
    assert_eq!(bench.timeout(50_000), Err(ErrorKind::FrameStalled));
}

#[test]
fn a_frame_that_ends_in_time_stops_the_clock() {
    let mut bench = Bench::connected(ServerOptions::default(), "0,0", NOTHING);
    assert_eq!(bench.feed(1_000, b"DISC").ok(), Some(0));
    assert_eq!(bench.feed(2_000, b"ONNECT\n\n\0").ok(), Some(1));
    assert_eq!(bench.next_ms(), None);
}
