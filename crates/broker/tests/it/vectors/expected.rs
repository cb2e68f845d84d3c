//! Frames that a client is to get.

use gumboot_testkit::StompFrame;

use super::wire::{Bindings, octets};

/// A frame that is to come.
pub(super) struct Expected {
    /// What the message is called from then on.
    name: Option<String>,
    pub(super) command: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Nothing at all is to come before it.
    pub(super) is_next: bool,
}

impl Expected {
    pub(super) fn parse(text: &str, is_next: bool) -> Self {
        let (name, frame) = match text.split_once('=') {
            Some((name, frame)) if name.chars().all(char::is_alphanumeric) => {
                (Some(name.to_owned()), frame)
            }
            _ => (None, text),
        };
        let frame = frame.strip_suffix("^@").expect("a frame ends with NUL");
        let (head, body) = frame.split_once("␊␊").expect("a frame has a blank line");
        let mut lines = head.split('␊');
        let command = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            (name.to_owned(), value.to_owned())
        };
        Self {
            name,
            command,
            headers: lines.map(header).collect(),
            body: octets(body),
            is_next,
        }
    }

    /// Compares a frame with this.
    pub(super) fn check(&self, frame: &StompFrame, bindings: &mut Bindings) {
        assert_eq!(frame.command, self.command, "{frame:?}");
        if self.command == "ERROR" {
            assert!(!frame.body.is_empty(), "an ERROR says more: {frame:?}");
        } else {
            assert_eq!(
                String::from_utf8_lossy(&frame.body),
                String::from_utf8_lossy(&self.body)
            );
            assert_eq!(frame.body, self.body);
        }
        self.check_headers(frame, bindings);
        if let Some(name) = &self.name {
            bindings.bind_message(name, frame.clone());
        }
    }

    fn check_headers(&self, frame: &StompFrame, bindings: &mut Bindings) {
        let mut expected: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.headers {
            let is_there = frame.header(name);
            let value = match value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) {
                Some(bound) => bindings
                    .value_or(bound, is_there.unwrap_or_default())
                    .to_owned(),
                None => value.replace('␍', "\r"),
            };
            // STOMP 1.2, MESSAGE: other versions have no such header.
            if name == "ack" && value == "*" && bindings.version() != "1.2" {
                continue;
            }
            if value == "*" {
                assert!(is_there.is_some(), "{name} is missing: {frame:?}");
            }
            let value = if value == "*" {
                is_there.unwrap_or_default().to_owned()
            } else {
                value
            };
            expected.push((name.clone(), value));
        }
        let may_be_left_out = |name: &str| self.headers.iter().all(|(other, _)| other != name);
        let mut found: Vec<_> = frame.headers.clone();
        found.retain(|(name, _)| !(is_understood(&self.command, name) && may_be_left_out(name)));
        // Headers may stand in any order.
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{frame:?}");
    }
}

/// Whether a vector need not write this header, since the runner looks at it, or it is not what vectors are about.
fn is_understood(command: &str, name: &str) -> bool {
    match command {
        "MESSAGE" => matches!(name, "message-id" | "content-length"),
        "ERROR" => matches!(name, "content-length" | "content-type"),
        "RECEIPT" => name == "receipt-level",
        "CONNECTED" => matches!(name, "heart-beat" | "server" | "session"),
        _ => false,
    }
}
