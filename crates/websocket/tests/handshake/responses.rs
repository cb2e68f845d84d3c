//! Answers of servers, checked by `Client::connect_over` (RFC 6455 §4.1).
//!
//! `offer` lists the subprotocols that the client offers, `deflate` sets its compression; `<` is what the server answers,
//! where `{accept}` stands for the right `Sec-WebSocket-Accept`, and `<<` frames behind it in hex. `=` is what was agreed
//! on and the messages that follow, `!` why there is no connection.

use gumboot_testkit::Splits;
use gumboot_websocket::{
    Client, ConnectError, Socket,
    proto::{Config, handshake::accept_key},
};

use crate::{Case, check, messages, stream::Scripted};

/// What stands in the vectors for the right accept, and for it in lower case.
const ACCEPT: &[u8] = b"{accept}";
const ACCEPT_IN_LOWER_CASE: &[u8] = b"{accept in lower case}";

#[tokio::test(start_paused = true)]
async fn responses() {
    let is_outcome = |line: &str| line.starts_with("= ") || line.starts_with("! ");
    check("responses.txt", is_outcome, async |case| {
        // The accept of another key is as long.
        let length = Splits::all(&answer(case, b"")).count();
        let whole = run(case, 0).await;
        for way in 1..length {
            assert_eq!(run(case, way).await, whole, "{:?}, way {way}", case.0[0]);
        }
        whole
    })
    .await;
}

async fn run(case: &Case<'_>, way: usize) -> Vec<String> {
    let stream = Scripted::answering(|request| {
        let answer = answer(case, key(request));
        let pieces = Splits::all(&answer).nth(way).expect("there is such a way");
        pieces.into_iter().map(<[u8]>::to_vec).collect()
    });
    let offered: Vec<_> = case
        .setting("offer")
        .map_or(Vec::new(), |list| list.split(", ").collect());
    let config = Config::client();
    let client = Client::new().config(Config {
        deflate: case.deflate(config.deflate.clone()),
        ..config
    });
    let url = "ws://server.example/chat";
    match client.connect_over(stream, url, &offered).await {
        Ok(socket) => agreed(socket).await,
        Err(ConnectError::Handshake(error)) => vec![format!("! {error:?}")],
        Err(ConnectError::Http(error)) => vec![format!("! Http: {error}")],
        Err(error) => vec![format!("! {error:?}")],
    }
}

async fn agreed(mut socket: Socket<Scripted<'_>>) -> Vec<String> {
    let protocol = socket.protocol().unwrap_or("none");
    let mut lines = vec![format!("= protocol {protocol}")];
    if !socket.extensions().is_empty() {
        lines.push(format!("= extensions {}", socket.extensions()));
    }
    let received = messages(&mut socket).await;
    lines.extend(received.iter().map(|line| format!("= {line}")));
    lines
}

fn key(request: &[u8]) -> &[u8] {
    let mut lines = request.split(|&octet| octet == b'\n');
    let key = lines.find_map(|line| line.strip_prefix(b"sec-websocket-key: "));
    key.expect("a client sends a key").trim_ascii_end()
}

/// What the server answers to a client with this key.
fn answer(case: &Case<'_>, key: &[u8]) -> Vec<u8> {
    let accept = accept_key(key);
    let accept = accept.as_bytes();
    let wire = replace(&case.octets("<"), ACCEPT, accept);
    replace(&wire, ACCEPT_IN_LOWER_CASE, &accept.to_ascii_lowercase())
}

fn replace(octets: &[u8], mark: &[u8], value: &[u8]) -> Vec<u8> {
    let at = octets.windows(mark.len()).position(|part| part == mark);
    let Some(at) = at else {
        return octets.to_vec();
    };
    let rest = replace(&octets[at + mark.len()..], mark, value);
    [&octets[..at], value, &rest].concat()
}
