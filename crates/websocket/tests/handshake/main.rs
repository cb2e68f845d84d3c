//! Runs the opening handshakes in `websocket-proto/vectors/` in both roles, through hyper as users have it: whole, byte
//! by byte, and in two at every octet.
//!
//! In a vector `␊` is a line feed, `␍` a carriage return, `␉` a tab, `^@` a NUL and `^FF` the octet that no UTF-8 has.
//! Outcomes are written by `UPDATE_EXPECT=1`.

mod requests;
mod responses;
mod stream;

use std::{fmt::Write, path::Path};

use expect_test::expect_file;
use gumboot_websocket::{Socket, proto::DeflateConfig};
use tokio::io::{AsyncRead, AsyncWrite};

/// A vector: its lines without the outcome.
struct Case<'a>(Vec<&'a str>);

impl<'a> Case<'a> {
    /// The value of the setting `name`, which stands before a space.
    fn setting(&self, name: &str) -> Option<&'a str> {
        let mut lines = self.0.iter();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    }

    /// What the peer sends: the lines behind `mark` as text, and those behind `mark` twice as octets in hex.
    fn octets(&self, mark: &str) -> Vec<u8> {
        let (text, hex) = (format!("{mark} "), format!("{mark}{mark} "));
        let mut octets = Vec::new();
        for line in &self.0 {
            if let Some(text) = line.strip_prefix(&text) {
                octets.extend(plain(text));
            } else if let Some(hex) = line.strip_prefix(&hex) {
                octets.extend(gumboot_testkit::wire(hex));
            }
        }
        octets
    }

    /// The compression of the end that is tested, in place of its default.
    fn deflate(&self, default: Option<DeflateConfig>) -> Option<DeflateConfig> {
        let takeover = DeflateConfig::with_takeover();
        match self.setting("deflate") {
            None => default,
            Some("off") => None,
            Some("takeover") => Some(takeover),
            Some("bits 10") => Some(DeflateConfig {
                own_window_bits_max: 10,
                peer_window_bits_max: 10,
                ..takeover
            }),
            Some("small") => Some(DeflateConfig {
                peer_takeover: false,
                peer_window_bits_max: 9,
                ..takeover
            }),
            Some(other) => panic!("{other:?} is no setting"),
        }
    }
}

/// Runs the cases of a file and compares it with the same file, its outcomes written anew.
async fn check(
    name: &str,
    is_outcome: fn(&str) -> bool,
    run: impl AsyncFn(&Case<'_>) -> Vec<String>,
) {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../websocket-proto/vectors");
    let path = vectors.join(name);
    let text = std::fs::read_to_string(&path).expect("the vectors are in the repository");
    let mut written = String::new();
    for part in text.trim_end().split("\n\n") {
        let lines: Vec<_> = part.lines().filter(|line| !is_outcome(line)).collect();
        writeln!(written, "{}", lines.join("\n")).expect("a string takes everything");
        if part.starts_with("== ") {
            for line in run(&Case(lines)).await {
                writeln!(written, "{line}").expect("a string takes everything");
            }
        }
        written.push('\n');
    }
    expect_file![path].assert_eq(&(written.trim_end().to_owned() + "\n"));
}

fn plain(notation: &str) -> Vec<u8> {
    let text = notation
        .replace('␊', "\n")
        .replace('␍', "\r")
        .replace('␉', "\t")
        .replace("^@", "\0");
    let parts: Vec<_> = text.split("^FF").map(str::as_bytes).collect();
    parts.join(&0xFF)
}

/// The messages that an accepted connection has for us, and what ends it.
async fn messages<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Socket<S>) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        match socket.receive().await {
            Ok(Some(message)) => lines.push(match message.as_text() {
                Some(text) => format!("text {text}"),
                None => format!("binary {:02x?}", message.as_bytes()),
            }),
            Ok(None) => {
                lines.push("closed".to_owned());
                return lines;
            }
            // The stream ends behind the vector.
            Err(gumboot_websocket::LinkError::Eof) => return lines,
            Err(error) => {
                lines.push(format!("failed: {error}"));
                return lines;
            }
        }
    }
}
