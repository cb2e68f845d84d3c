//! The log of a case: what happened and what the script looked at, in words that a browser's run makes as well.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};

use gumboot_websocket::{CloseEvent, Event, MessageData, WebSocket, WebSocketError};

/// The longest payload that is logged whole.
const SHOWN_MAX: usize = 64;

/// The lines so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) fn event(&self, ws: &WebSocket, event: &Event) {
        let state = ws.ready_state() as u16;
        let detail = match event {
            Event::Message(event) => format!(" {}", shown(&event.data)),
            Event::Close(event) => closed(event),
            _ => String::new(),
        };
        self.push(format!("{} {state}{detail}", event.event_type()));
    }
}

fn closed(event: &CloseEvent) -> String {
    let clean = if event.was_clean { "clean" } else { "unclean" };
    let mut line = format!(" {clean} {}", event.code);
    if !event.reason.is_empty() {
        let _ = write!(line, " {}", event.reason);
    }
    line
}

/// What the script wants to see.
pub(crate) fn look(ws: &WebSocket, what: &str, event: Option<&Event>) -> String {
    match (what, event) {
        ("state", _) => format!("state {}", ws.ready_state() as u16),
        ("constants", _) => {
            let constants = [
                WebSocket::CONNECTING,
                WebSocket::OPEN,
                WebSocket::CLOSING,
                WebSocket::CLOSED,
            ];
            format!("constants {:?}", constants.map(|state| state as u16))
        }
        ("buffered", _) => format!("buffered {}", ws.buffered_amount()),
        ("binary-type", _) => format!("binary-type {}", ws.binary_type().as_str()),
        ("protocol", _) => format!("protocol {:?}", ws.protocol()),
        ("extensions", _) => format!("extensions {:?}", ws.extensions()),
        ("url", _) => format!("url {}", ws.url()),
        ("origin", Some(Event::Message(event))) => format!("origin {}", event.origin),
        _ => panic!("there is no {what:?} to look at"),
    }
}

fn shown(data: &MessageData) -> String {
    let length = data.as_bytes().len();
    match data {
        _ if length > SHOWN_MAX => match data {
            MessageData::Text(_) => format!("text of {length} bytes"),
            MessageData::Binary(_) => format!("{length} bytes"),
        },
        MessageData::Text(text) => format!("text {text}"),
        MessageData::Binary(bytes) => {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
            format!("bytes {}", hex.collect::<String>())
        }
    }
}

/// A call that was refused.
pub(crate) fn throws(error: &WebSocketError) -> String {
    format!("throws {}", error.name())
}
