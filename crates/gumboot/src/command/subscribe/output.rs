//! What messages look like on standard output, and how they get there.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gumboot_stomp::Message;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::command::{render, say::event_line};

/// What of a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// The body.
    Body,
    /// The headers, a line each, an empty line, and the body.
    Headers,
    /// A line of JSON.
    Json,
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Output {
    style: Style,
    is_terminal: bool,
    stdout: Arc<File>,
}

/// What is to be seen of a message.
#[derive(Debug)]
struct Shown<'m> {
    destination: &'m str,
    /// The destination of the subscription.
    subscribed: &'m str,
    message_id: &'m str,
    headers: Vec<(&'m str, &'m str)>,
    body: &'m [u8],
}

impl Output {
    /// # Errors
    /// There is no standard output.
    pub(crate) fn new(style: Style) -> io::Result<Self> {
        let stdout = io::stdout();
        Ok(Self {
            style,
            is_terminal: stdout.is_terminal(),
            // Past the buffer that would keep what does not end a line.
            stdout: Arc::new(File::from(stdout.as_fd().try_clone_to_owned()?)),
        })
    }

    /// Appends what is to be written for a message of the subscription to `subscribed`.
    pub(crate) fn show(&self, message: &Message, subscribed: &str, out: &mut Vec<u8>) {
        let shown = Shown {
            destination: message.destination(),
            subscribed,
            message_id: message.message_id(),
            headers: message.headers().collect(),
            body: message.body(),
        };
        shown.append(self.style, self.is_terminal, out);
    }

    /// Writes, on a thread that may wait for who reads it.
    pub(crate) async fn write(&self, octets: Vec<u8>) -> io::Result<()> {
        let stdout = Arc::clone(&self.stdout);
        let written = spawn_blocking(move || (&*stdout).write_all(&octets)).await;
        written.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

impl Shown<'_> {
    fn append(&self, style: Style, is_terminal: bool, out: &mut Vec<u8>) {
        match style {
            Style::Json => return out.extend_from_slice(event_line(self.json()).as_bytes()),
            Style::Headers => {
                for (name, value) in &self.headers {
                    let line = format!("{}: {}\n", render::escaped(name), render::escaped(value));
                    out.extend_from_slice(line.as_bytes());
                }
                out.push(b'\n');
            }
            Style::Body => {}
        }
        match (str::from_utf8(self.body), is_terminal) {
            (Ok(text), true) => out.extend_from_slice(render::text(text, "").as_bytes()),
            (Err(_), true) => out.extend_from_slice(render::dump(self.body, "").as_bytes()),
            (Ok(text), false) => out.extend_from_slice(text.as_bytes()),
            // A line end would be part of it.
            (Err(_), false) => return out.extend_from_slice(self.body),
        }
        out.push(b'\n');
    }

    fn json(&self) -> Value {
        let headers = self.headers.iter();
        let headers: Map<String, Value> = headers
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        let (kind, data) = match str::from_utf8(self.body) {
            Ok(text) => ("text", text.to_owned()),
            Err(_) => ("binary", STANDARD.encode(self.body)),
        };
        json!({
            "event": "message",
            "destination": self.destination,
            "subscription": self.subscribed,
            "message_id": self.message_id,
            "headers": headers,
            "type": kind,
            "data": data,
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn shown(body: &[u8]) -> Shown<'_> {
        Shown {
            destination: "/topic/a",
            subscribed: "/topic/*",
            message_id: "7",
            headers: vec![("destination", "/topic/a"), ("k", "a\nb\x1b[2J")],
            body,
        }
    }

    #[track_caller]
    fn check(style: Style, is_terminal: bool, body: &[u8], wanted: &Expect) {
        let mut out = Vec::new();
        shown(body).append(style, is_terminal, &mut out);
        wanted.assert_eq(&String::from_utf8_lossy(&out));
    }

    #[test]
    fn bodies() {
        check(
            Style::Body,
            false,
            b"a\x1b[2J\n",
            &expect!["a\u{1b}[2J\n\n"],
        );
        check(
            Style::Body,
            true,
            b"a\x1b[2J\nb",
            &expect![[r"
            a\u{1b}[2J
            b
        "]],
        );
        check(Style::Body, false, b"\xffa", &expect!["\u{fffd}a"]);
        check(
            Style::Body,
            true,
            b"\xffa",
            &expect![[r"
            binary, 2 bytes
            00000000  ff 61                                            .a
        "]],
        );
        let mut empty = Vec::new();
        shown(b"").append(Style::Body, false, &mut empty);
        assert_eq!(empty, b"\n");
    }

    #[test]
    fn headers_take_a_line_each() {
        check(
            Style::Headers,
            false,
            b"body",
            &expect![[r"
            destination: /topic/a
            k: a\nb\u{1b}[2J

            body
        "]],
        );
    }

    #[test]
    fn json_says_whether_it_is_text() {
        let mut event = shown("grüße".as_bytes()).json();
        expect![[r#"{"data":"grüße","destination":"/topic/a","event":"message","headers":{"destination":"/topic/a","k":"a\nb\u001b[2J"},"message_id":"7","subscription":"/topic/*","type":"text"}"#]]
            .assert_eq(&event.to_string());
        event = shown(b"\xff\0").json();
        assert_eq!(
            (&event["type"], &event["data"]),
            (&json!("binary"), &json!("/wA="))
        );
    }
}
