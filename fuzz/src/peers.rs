//! Connections to feed, and what is read from them.

use std::{
    io::IoSlice,
    sync::{Arc, OnceLock},
    time::Instant,
};

use gumboot_websocket_proto::{
    Config, Connection, DeflateParams, DeflatePool, Error, Event, Input, Limits, MaskKeys, Message,
};

/// Keys that are the same in each run.
struct Keys(u32);

impl MaskKeys for Keys {
    fn next_key(&mut self) -> [u8; 4] {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.to_be_bytes()
    }
}

/// One instant for a whole run: nothing depends on how fast the machine is.
pub(crate) fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Limits that a short input can reach.
fn config(config: Config) -> Arc<Config> {
    let limits = Limits {
        control_frames_per_second_max: 20,
        fragments_per_message_max: 20,
        frame_bytes_max: 1 << 16,
        message_bytes_max: 1 << 17,
        ..config.limits
    };
    Arc::new(Config { limits, ..config })
}

/// A server and a client, compressing or not.
pub(crate) fn pair(deflate: Option<&DeflateParams>) -> [Connection; 2] {
    let server = Connection::server(config(Config::server()), start());
    let client = Connection::client(config(Config::client()), Box::new(Keys(1)), start());
    let pool = Arc::new(DeflatePool::default());
    [server, client].map(|connection| match deflate {
        Some(params) => connection.with_deflate(params, Arc::clone(&pool)),
        None => connection,
    })
}

/// What a connection makes of bytes.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Close(Option<(u16, String)>),
    Failed(Error),
    Message(Message),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// Feeds `bytes` until there are no more events.
pub(crate) fn feed(connection: &mut Connection, bytes: &[u8]) -> Vec<Seen> {
    let mut bytes = bytes.to_vec();
    let mut input = Input::new(&mut bytes);
    let mut seen = Vec::new();
    loop {
        match connection.handle_input(start(), &mut input) {
            Ok(Some(event)) => seen.push(see(event)),
            Ok(None) => return seen,
            Err(error) => seen.push(Seen::Failed(error)),
        }
    }
}

pub(crate) fn see(event: Event<'_>) -> Seen {
    match event {
        Event::Close(frame) => {
            Seen::Close(frame.map(|frame| (frame.code().get(), frame.reason().to_owned())))
        }
        Event::Message(message) => {
            if let Some(text) = message.as_text() {
                assert!(std::str::from_utf8(text.as_bytes()).is_ok());
            }
            Seen::Message(message.into_message())
        }
        Event::Ping(payload) => Seen::Ping(payload.to_vec()),
        Event::Pong(payload) => Seen::Pong(payload.to_vec()),
    }
}

/// Takes up to `count` of the bytes that wait to be written.
pub(crate) fn transmit(connection: &mut Connection, count: usize) -> Vec<u8> {
    let bytes = slices(count, |slices| connection.poll_transmit(slices));
    assert!(!bytes.is_empty() || count == 0 || connection.bytes_pending() == 0);
    connection.transmitted(start(), bytes.len());
    bytes
}

/// Up to `count` of the bytes that `fill` finds, in a few slices.
pub(crate) fn slices<'a>(count: usize, fill: impl FnOnce(&mut [IoSlice<'a>]) -> usize) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 4];
    let filled = fill(&mut slices);
    let mut bytes: Vec<u8> = slices[..filled]
        .iter()
        .flat_map(|slice| slice.to_vec())
        .collect();
    bytes.truncate(count);
    bytes
}
