//! Operations on a pair of connections that both keep to the rules: what one sends, the other sees, in order.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use gumboot_websocket_proto::{
    CloseCode, CloseFrame, Connection, DeflateParams, Event, Lending, Message, MessageKind, Piece,
};

use crate::peers::{Seen, feed, pair, see, slices, start, transmit};

#[derive(Debug, Arbitrary)]
struct Run {
    compress: bool,
    takeover: bool,
    window_bits: u8,
    operations: Vec<Operation>,
}

#[derive(Debug, Arbitrary)]
enum Operation {
    Close {
        end: bool,
        code: u16,
        reason: String,
    },
    Echo {
        count: u16,
        written: u16,
    },
    Ping {
        end: bool,
        payload: Vec<u8>,
    },
    Send {
        end: bool,
        text: bool,
        byte: u8,
        count: u16,
    },
    Tick {
        end: bool,
        milliseconds: u16,
    },
    Transmit {
        end: bool,
        count: u16,
    },
    Piece {
        end: bool,
        text: bool,
        last: bool,
        bytes: Vec<u8>,
    },
}

/// The bytes are operations, as `arbitrary` reads them.
pub fn ws_operations(data: &[u8]) {
    let Ok(run) = Run::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let bits = 8 + run.window_bits % 8;
    let params = DeflateParams {
        server_no_takeover: !run.takeover,
        client_no_takeover: !run.takeover,
        server_window_bits: bits,
        client_window_bits: bits,
    };
    let mut pair = pair(run.compress.then_some(&params));
    // The pieces of a message that each end has not finished, what it has sent, and what the other has seen of it.
    let mut open = [Vec::new(), Vec::new()];
    let mut sent = [Vec::new(), Vec::new()];
    let mut seen = [Vec::new(), Vec::new()];
    for operation in &run.operations {
        apply(operation, &mut pair, &mut open, &mut sent, &mut seen);
    }
    for _ in 0..4 {
        for end in [0, 1] {
            while pair[end].bytes_pending() > 0 {
                carry(&mut pair, end, usize::MAX, &mut seen);
            }
        }
    }
    for end in [0, 1] {
        // An end that has received a Close takes nothing more.
        let count = seen[end].len();
        assert_eq!(seen[end], sent[end][..count]);
        let closed = pair
            .iter()
            .any(|connection| format!("{:?}", connection.closing()) != "Open");
        assert!(closed || count == sent[end].len());
    }
}

fn apply(
    operation: &Operation,
    pair: &mut [Connection; 2],
    open: &mut [Vec<u8>; 2],
    sent: &mut [Vec<Message>; 2],
    seen: &mut [Vec<Message>; 2],
) {
    match operation {
        Operation::Close { end, code, reason } => {
            let code = CloseCode::new(*code).unwrap_or(CloseCode::NORMAL);
            let frame = CloseFrame::truncated(code, reason);
            let _ = pair[usize::from(*end)].close(Some(&frame));
        }
        Operation::Echo { count, written } => {
            echo(pair, (*count).into(), (*written).into(), sent, seen);
        }
        Operation::Ping { end, payload } => {
            let _ = pair[usize::from(*end)].ping(payload);
        }
        Operation::Send {
            end,
            text,
            byte,
            count,
        } => {
            let message = match text {
                true => Message::text(
                    char::from(*byte)
                        .to_string()
                        .repeat(usize::from(*count) / 2),
                ),
                false => Message::binary(vec![*byte; usize::from(*count)]),
            };
            if pair[usize::from(*end)].send(message.clone()).is_ok() {
                sent[usize::from(*end)].push(message);
            }
        }
        Operation::Tick { end, milliseconds } => {
            let connection = &mut pair[usize::from(*end)];
            let now = start() + Duration::from_millis((*milliseconds).into());
            if connection.poll_timeout().is_none_or(|due| due > now) {
                assert!(connection.handle_timeout(now).is_ok());
            }
        }
        Operation::Piece {
            end,
            text,
            last,
            bytes,
        } => {
            let end = usize::from(*end);
            let (kind, place) = (kind(*text), if *last { Piece::Last } else { Piece::More });
            if pair[end].send_piece(kind, bytes.clone(), place).is_ok() {
                open[end].extend_from_slice(bytes);
                if *last {
                    sent[end].push(message(kind, std::mem::take(&mut open[end])));
                }
            }
        }
        Operation::Transmit { end, count } => carry(pair, usize::from(*end), (*count).into(), seen),
    }
}

fn kind(text: bool) -> MessageKind {
    match text {
        true => MessageKind::Text,
        false => MessageKind::Binary,
    }
}

fn message(kind: MessageKind, bytes: Vec<u8>) -> Message {
    match kind {
        MessageKind::Text => Message::text(String::from_utf8(bytes).expect("it was taken as text")),
        MessageKind::Binary => Message::binary(bytes),
    }
}

/// Carries up to `count` bytes from one end to the other.
fn carry(pair: &mut [Connection; 2], from: usize, count: usize, seen: &mut [Vec<Message>; 2]) {
    let bytes = transmit(&mut pair[from], count);
    for event in feed(&mut pair[1 - from], &bytes) {
        note(event, &mut seen[from]);
    }
}

fn note(event: Seen, messages: &mut Vec<Message>) {
    match event {
        Seen::Message(message) => messages.push(message),
        // Many pings at one instant are all that these two can blame each other for.
        Seen::Failed(error) => assert_eq!(error.close_code(), CloseCode::POLICY, "{error}"),
        Seen::Close(_) | Seen::Ping(_) | Seen::Pong(_) => {}
    }
}

/// Carries up to `count` bytes to the server, which sends the messages in them back, and up to `written` bytes of what
/// waits there to the client before the input is gone.
fn echo(
    [server, client]: &mut [Connection; 2],
    count: usize,
    written: usize,
    sent: &mut [Vec<Message>; 2],
    seen: &mut [Vec<Message>; 2],
) {
    let mut bytes = transmit(client, count);
    let (mut lending, ()) = Lending::feed(server, &mut bytes, |server, input| {
        loop {
            match server.handle_input(start(), input) {
                Ok(Some(Event::Message(message))) => {
                    let copy = self::message(message.kind(), message.as_bytes().to_vec());
                    if server.send_back(message).is_ok() {
                        sent[0].push(copy.clone());
                    }
                    seen[1].push(copy);
                }
                Ok(Some(event)) => note(see(event), &mut seen[1]),
                Ok(None) => return,
                Err(error) => note(Seen::Failed(error), &mut seen[1]),
            }
        }
    });
    let out = slices(written, |slices| lending.poll_transmit(slices));
    lending.transmitted(start(), out.len());
    drop(lending);
    bytes.fill(0xff);
    for event in feed(client, &out) {
        note(event, &mut seen[0]);
    }
}
