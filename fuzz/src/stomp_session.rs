//! A session of STOMP in either role, fed with any octets while time passes: it sees the same however they are cut, ends
//! once and for good, knows the receipt that it owes when it refuses a frame, and is never woken for nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gumboot_stomp_proto::{
    Beat, ClientSession, Command, ConnectOptions, Decoded, Decoder, Error, Frame, HeartBeat, Input,
    Limits, Request, Response, ServerOptions, ServerSession, Version, server::Accept,
};

use crate::peers::start;

/// In the input, stands before a count of [`TICK`]s that pass.
const PASS: u8 = 0xff;

/// The unit of time; a count of [`PASS`] stands for that octet itself.
const TICK: Duration = Duration::from_millis(100);

/// How much time passes in a run at most.
const PASSES_MAX: Duration = Duration::from_secs(600);

/// What our side offers and wants. The shortest is a tick, so that beats in a run are few.
const BEATS_MS: [u32; 4] = [0, 100, 5_000, 10_000];

/// The shortest time by which a timer is too early.
const EARLY: Duration = Duration::from_nanos(1);

/// Limits that a short input can reach.
const LIMITS: Limits = Limits {
    header_bytes_max: 200,
    headers_max: 12,
    headers_bytes_max: 400,
    body_bytes_max: 300,
    login_ms_max: 10_000,
    frame_stall_ms_max: 3_000,
};

/// The same until the log-in, and a little less.
const LIMITS_BEFORE_LOGIN: Limits = Limits {
    header_bytes_max: 150,
    body_bytes_max: 100,
    frame_stall_ms_max: 2_000,
    ..LIMITS
};

enum Step {
    Octets(Vec<u8>),
    Pass(Duration),
}

/// The first byte says which role and what it offers, the second how octets are cut.
pub fn stomp_session(data: &[u8]) {
    let [choice, cut, rest @ ..] = data else {
        return;
    };
    let steps = steps(rest);
    let whole = Run::new(*choice).apply(&steps, usize::MAX);
    let pieces = Run::new(*choice).apply(&steps, usize::from(*cut) + 1);
    assert_eq!(whole, pieces);
}

fn steps(rest: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut octets = Vec::new();
    let mut rest = rest.iter();
    while let Some(&octet) = rest.next() {
        match (octet, rest.as_slice().first()) {
            (PASS, Some(&count)) if count != PASS => {
                rest.next();
                steps.push(Step::Octets(std::mem::take(&mut octets)));
                steps.push(Step::Pass(TICK * count.into()));
            }
            (PASS, Some(_)) => {
                rest.next();
                octets.push(PASS);
            }
            _ => octets.push(octet),
        }
    }
    steps.push(Step::Octets(octets));
    steps
}

enum Session {
    Client(ClientSession),
    Server(ServerSession),
}

struct Run {
    session: Session,
    heart_beat: HeartBeat,
    /// Whether a client is let in at once, and not when time passes.
    accepts_at_once: bool,
    waits_for_accept: bool,
    now: Instant,
    /// What the session has not taken yet.
    kept: Vec<u8>,
    /// What it has taken since the last frame.
    taken: Vec<u8>,
    has_ended: bool,
    log: Vec<String>,
}

impl Run {
    fn new(choice: u8) -> Self {
        let heart_beat = HeartBeat {
            can_send_ms: BEATS_MS[usize::from(choice >> 1) % 4],
            wants_ms: BEATS_MS[usize::from(choice >> 3) % 4],
        };
        let last = choice >> 5;
        let session = match choice & 1 {
            0 => {
                let floor = (last & 2 != 0).then_some(Duration::from_secs(75));
                let options = ServerOptions {
                    limits_before_login: LIMITS_BEFORE_LOGIN,
                    limits: LIMITS,
                    receive_floor: floor,
                };
                Session::Server(ServerSession::new(start(), Arc::new(options)))
            }
            _ => {
                let versions = Version::ALL.get(usize::from(last % 4)..);
                let options = ConnectOptions {
                    versions: versions
                        .filter(|some| !some.is_empty())
                        .unwrap_or(&Version::ALL),
                    heart_beat,
                    ..ConnectOptions::default()
                };
                let mut out = Vec::new();
                let session = ClientSession::connect(start(), LIMITS, &options, &mut out);
                Session::Client(session)
            }
        };
        Self {
            session,
            heart_beat,
            accepts_at_once: last & 1 == 0,
            waits_for_accept: false,
            now: start(),
            kept: Vec::new(),
            taken: Vec::new(),
            has_ended: false,
            log: Vec::new(),
        }
    }

    /// What there is to tell of the run.
    fn apply(mut self, steps: &[Step], cut: usize) -> Vec<String> {
        for step in steps {
            match step {
                Step::Octets(octets) => octets.chunks(cut).for_each(|piece| self.feed(piece)),
                Step::Pass(time) => {
                    if self.waits_for_accept {
                        self.accept();
                        // What came behind CONNECT is looked at now.
                        self.feed(&[]);
                    }
                    self.pass(*time);
                }
            }
            let due = self.poll_timeout().map(|due| due - start());
            self.log.push(format!("then {due:?}"));
        }
        self.log
    }

    fn feed(&mut self, piece: &[u8]) {
        self.kept.extend_from_slice(piece);
        loop {
            let octets = std::mem::take(&mut self.kept);
            let goes_on = self.feed_once(&octets);
            if !goes_on {
                return;
            }
        }
    }

    /// Feeds until there is no event; whether there may be more after an accept.
    fn feed_once(&mut self, octets: &[u8]) -> bool {
        let mut input = Input::new(octets);
        loop {
            let before = input.rest();
            let (version, limits) = (self.version(), self.limits());
            let told = self.handle_input(&mut input);
            let taken = before.len() - input.rest().len();
            self.taken.extend_from_slice(&before[..taken]);
            match told {
                Ok(Some(line)) => {
                    assert!(!self.has_ended_before(&line), "{line} after the end");
                    self.taken.clear();
                    self.log.push(line);
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(!self.has_ended, "{error:?} after the end");
                    self.taken.extend_from_slice(input.rest());
                    self.check_receipt(&error, version, limits);
                    self.on_error(&error);
                    self.taken.clear();
                }
            }
        }
        if self.waits_for_accept {
            self.kept = input.rest().to_vec();
            if self.accepts_at_once {
                self.accept();
                return true;
            }
        } else {
            assert!(input.is_empty(), "octets are left");
        }
        false
    }

    fn has_ended_before(&mut self, line: &str) -> bool {
        // The frame that ends a session is the last.
        let ends = line.starts_with("DISCONNECT ") || line.starts_with("ERROR ");
        let before = self.has_ended;
        self.has_ended |= ends;
        before
    }

    fn handle_input(&mut self, input: &mut Input<'_>) -> Result<Option<String>, Error> {
        match &mut self.session {
            Session::Server(session) => {
                let event = session.handle_input(self.now, input)?;
                Ok(event.map(|event| {
                    self.waits_for_accept |= matches!(event.request, Request::Connect(_));
                    tell(&event.frame, &event.request)
                }))
            }
            Session::Client(session) => {
                let event = session.handle_input(self.now, input)?;
                if let Some(event) = &event
                    && let Response::Connected(connected) = &event.response
                {
                    assert_eq!(session.version(), Some(connected.version));
                }
                Ok(event.map(|event| tell(&event.frame, &event.response)))
            }
        }
    }

    fn accept(&mut self) {
        self.waits_for_accept = false;
        let Session::Server(session) = &mut self.session else {
            return;
        };
        let accept = Accept {
            session: Some("s"),
            server: Some("gumboot/0"),
            heart_beat: self.heart_beat,
        };
        let mut out = Vec::new();
        session.accept(self.now, &accept, &mut out);
        // Too late, if its time to log in has run out.
        assert_eq!(out.is_empty(), self.has_ended);
        if !self.has_ended {
            assert!(session.is_connected());
            let version = session.version().expect("it was agreed on");
            let connected = only_frame(&out, None, Limits::default()).expect("a client takes it");
            assert_eq!(
                connected.header("version").as_deref(),
                Some(version.as_str())
            );
        }
        self.log.push(String::from_utf8_lossy(&out).into_owned());
    }

    /// A frame that came whole is refused with the receipt that it asks for.
    fn check_receipt(&self, error: &Error, version: Option<Version>, limits: Limits) {
        if let Session::Client(_) = self.session {
            return;
        }
        if let Some(frame) = only_frame(&self.taken, version, limits)
            && !matches!(frame.command(), Command::Connect | Command::Stomp)
        {
            assert_eq!(
                error.receipt_id(),
                frame.header("receipt").as_deref(),
                "{frame:?}"
            );
        }
    }

    fn on_error(&mut self, error: &Error) {
        self.has_ended = true;
        self.log
            .push(format!("{:?} {:?}", error.kind(), error.receipt_id()));
        let mut out = Vec::new();
        error.error_frame().encode(&mut out, self.version());
        let told = only_frame(&out, self.version(), Limits::default());
        let told = told.expect("the peer takes the ERROR");
        assert_eq!(told.header("receipt-id").as_deref(), error.receipt_id());
        assert_eq!(self.poll_timeout(), None);
    }

    /// Sleeps as a driver does, until `time` has passed.
    fn pass(&mut self, time: Duration) {
        let until = (self.now + time).min(start() + PASSES_MAX);
        while let Some(due) = self.poll_timeout().filter(|&due| due <= until) {
            // One that was due before is done now.
            self.now = self.now.max(due);
            let early = due - EARLY;
            assert!(matches!(self.handle_timeout(early), Ok(None)), "too early");
            match self.handle_timeout(self.now) {
                Ok(Some(Beat)) => {
                    self.log.push(format!("beat at {:?}", self.now - start()));
                    let next = self.poll_timeout();
                    assert!(
                        next.is_none_or(|next| next > self.now),
                        "woken again at once"
                    );
                }
                Ok(None) => panic!("woken for nothing"),
                Err(error) => self.on_error(&error),
            }
        }
        self.now = self.now.max(until);
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<Option<Beat>, Error> {
        match &mut self.session {
            Session::Client(session) => session.handle_timeout(now),
            Session::Server(session) => session.handle_timeout(now),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.session {
            Session::Client(session) => session.poll_timeout(),
            Session::Server(session) => session.poll_timeout(),
        }
    }

    fn version(&self) -> Option<Version> {
        match &self.session {
            Session::Client(session) => session.version(),
            Session::Server(session) => session.version(),
        }
    }

    fn limits(&self) -> Limits {
        match &self.session {
            Session::Server(session) if !session.is_connected() => LIMITS_BEFORE_LOGIN,
            _ => LIMITS,
        }
    }
}

/// The first frame of `octets`, if it is whole and good.
fn only_frame(octets: &[u8], version: Option<Version>, limits: Limits) -> Option<Frame<'_>> {
    let mut decoder = Decoder::new(limits);
    if let Some(version) = version {
        decoder.set_version(version);
    }
    let mut input = Input::new(octets);
    loop {
        match decoder.decode(&mut input) {
            Ok(Some(Decoded::Frame(frame))) => return Some(frame),
            Ok(Some(Decoded::HeartBeat)) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

fn tell(frame: &Frame<'_>, meaning: &impl std::fmt::Debug) -> String {
    let headers: Vec<_> = frame.headers().collect();
    let (command, body) = (frame.command(), frame.body());
    format!("{command} {headers:?} {body:?} {meaning:?}")
}
