//! What is exchanged, as data: `exchanges.json`, whose words are explained in the README beside it.

use bytes::Bytes;
use gumboot_websocket::proto::{
    CloseCode, CloseFrame, Config, DeflateConfig, Message, MessageKind,
};
use serde::Deserialize;
use serde_json::Value;

const EXCHANGES: &str = include_str!("../exchanges.json");

/// A connection from its opening to its end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    /// The subprotocols that the client offers.
    #[serde(default)]
    pub(crate) protocols: Vec<String>,
    /// The subprotocols that the server speaks, the preferred one first.
    #[serde(default)]
    pub(crate) speaks: Vec<String>,
    /// How the client compresses, and what it asks for; absent for what it does by itself.
    pub(crate) offer: Option<Compression>,
    /// The same of the server.
    pub(crate) answer: Option<Compression>,
    #[serde(default)]
    pub(crate) messages: Vec<Messages>,
    pub(crate) close: Close,
    #[serde(default)]
    pub(crate) expect: Expect,
}

/// The compression that one end is set up with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Compression {
    pub(crate) off: bool,
    pub(crate) server_no_takeover: bool,
    pub(crate) client_no_takeover: bool,
    pub(crate) server_bits: Option<u8>,
    pub(crate) client_bits: Option<u8>,
}

/// Messages that differ in their number only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Messages {
    text: Option<String>,
    /// In hexadecimal.
    bytes: Option<String>,
    /// What [`noise_of`] makes, so long.
    noise: Option<usize>,
    /// Whether noise is sent as bytes.
    #[serde(default)]
    binary: bool,
    #[serde(default = "one")]
    times: usize,
    #[serde(default = "one")]
    count: usize,
    #[serde(default = "one")]
    pieces: usize,
}

fn one() -> usize {
    1
}

/// One message, and in how many pieces it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) kind: MessageKind,
    pub(crate) payload: Bytes,
    pub(crate) pieces: usize,
}

/// Which end closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Client,
    Server,
}

/// The Close that ends the exchange, once all messages have come back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    pub(crate) by: Role,
    pub(crate) code: Option<u16>,
    #[serde(default)]
    pub(crate) reason: String,
}

/// What must be seen beside the messages and the Close.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Expect {
    /// The subprotocol that is chosen; empty for none.
    pub(crate) protocol: String,
    /// Parameters that the answer of the server has, if both ends compress.
    pub(crate) parameters: Vec<String>,
    /// The fewest and the most bytes that the client sends once the connection is open.
    pub(crate) client_bytes: Option<(u64, u64)>,
    /// The same of the server.
    pub(crate) server_bytes: Option<(u64, u64)>,
}

/// An exchange, and the JSON that it came from.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) exchange: Exchange,
    pub(crate) json: Value,
}

/// Every exchange.
pub(crate) fn all() -> Result<Vec<Case>, serde_json::Error> {
    let all: Vec<Value> = serde_json::from_str(EXCHANGES)?;
    let case = |json: Value| {
        let exchange = serde_json::from_value(json.clone())?;
        Ok(Case { exchange, json })
    };
    all.into_iter().map(case).collect()
}

impl Exchange {
    /// The messages of the client, in their order; the server sends each back.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.messages.iter().flat_map(Messages::all).collect()
    }

    /// How many pings each end sends: one between any two pieces of a message.
    pub(crate) fn pings(&self) -> usize {
        let pings = |messages: &Messages| messages.count * (messages.pieces - 1);
        self.messages.iter().map(pings).sum()
    }

    /// How many messages the client sends.
    pub(crate) fn count(&self) -> usize {
        self.messages.iter().map(|messages| messages.count).sum()
    }

    /// Whether how the ends compress is what is tried.
    pub(crate) fn sets_compression(&self) -> bool {
        [self.offer, self.answer]
            .iter()
            .flatten()
            .any(|set| !set.off)
    }

    /// Whether the client must offer compression in another way than browsers do.
    pub(crate) fn needs_offer(&self) -> bool {
        self.offer
            .is_some_and(|offer| offer != Compression::default())
    }

    /// Whether two ends that can compress agree to.
    pub(crate) fn compresses(&self) -> bool {
        ![self.offer, self.answer]
            .iter()
            .flatten()
            .any(|set| set.off)
    }

    /// How our end is set up in a role.
    pub(crate) fn config(&self, role: Role) -> Config {
        let (default, set) = match role {
            Role::Client => (Config::client(), self.offer),
            Role::Server => (Config::server(), self.answer),
        };
        let Some(set) = set else { return default };
        Config {
            deflate: (!set.off).then(|| set.config(role)),
            ..default
        }
    }
}

impl Compression {
    fn config(self, role: Role) -> DeflateConfig {
        let client = (!self.client_no_takeover, self.client_bits.unwrap_or(15));
        let server = (!self.server_no_takeover, self.server_bits.unwrap_or(15));
        let (own, peer) = match role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        DeflateConfig {
            compress_bytes_min: 0,
            own_takeover: own.0,
            own_window_bits_max: own.1,
            peer_takeover: peer.0,
            peer_window_bits_max: peer.1,
            ..DeflateConfig::default()
        }
    }
}

impl Messages {
    fn all(&self) -> impl Iterator<Item = Sent> {
        (0..self.count).map(|number| self.numbered(number))
    }

    fn numbered(&self, number: usize) -> Sent {
        let (kind, unit) = match self {
            Self {
                text: Some(text), ..
            } => {
                let text = text.replace("{n}", &number.to_string());
                (MessageKind::Text, text.into_bytes())
            }
            Self {
                bytes: Some(hex), ..
            } => (MessageKind::Binary, bytes_of(hex)),
            Self { noise, binary, .. } => {
                let kind = match binary {
                    true => MessageKind::Binary,
                    false => MessageKind::Text,
                };
                (kind, noise_of(noise.unwrap_or(0)))
            }
        };
        Sent {
            kind,
            payload: unit.repeat(self.times).into(),
            pieces: self.pieces,
        }
    }
}

impl Sent {
    pub(crate) fn message(&self) -> Message {
        match self.kind {
            MessageKind::Binary => Message::binary(self.payload.clone()),
            MessageKind::Text => {
                let text = String::from_utf8(self.payload.to_vec());
                Message::text(text.expect("the exchanges are UTF-8"))
            }
        }
    }

    /// The payload as it is cut: all pieces but the last are of one size.
    pub(crate) fn cut(&self) -> Vec<Bytes> {
        let size = self.payload.len().div_ceil(self.pieces).max(1);
        let mut rest = self.payload.clone();
        let cut = (1..self.pieces).map(|_| rest.split_to(size.min(rest.len())));
        let mut pieces: Vec<_> = cut.collect();
        pieces.push(rest);
        pieces
    }
}

impl Close {
    pub(crate) fn frame(&self) -> Option<CloseFrame> {
        let code = CloseCode::new(self.code?).expect("the exchanges close with good codes");
        Some(CloseFrame::new(code, self.reason.clone()).expect("a reason fits into a Close"))
    }

    /// The code as programs see it: 1005 for none (RFC 6455 §7.1.5).
    pub(crate) fn code_seen(&self) -> u16 {
        self.code.unwrap_or(1005)
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .expect("bytes are hexadecimal") as u8
    };
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// Digits that repeat nothing: a linear congruential generator that every language can run.
fn noise_of(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        b"0123456789abcdef"[(state >> 16) as usize & 15]
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_exchange_is_read_and_has_a_name_of_its_own() {
        let all = all().unwrap();
        let names: HashSet<&str> = all.iter().map(|case| &*case.exchange.name).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn a_message_is_cut_into_all_its_pieces() {
        let message = |text: &str, pieces| {
            let json = serde_json::json!({"text": text, "pieces": pieces});
            let messages: Messages = serde_json::from_value(json).unwrap();
            messages.numbered(0).cut()
        };
        assert_eq!(message("abcdefg", 3), ["abc", "def", "g"]);
        assert_eq!(message("ab", 3), ["a", "b", ""]);
        assert_eq!(message("", 2), ["", ""]);
        assert_eq!(message("whole", 1), ["whole"]);
    }

    #[test]
    fn noise_is_the_same_for_all() {
        assert_eq!(noise_of(16), b"6e1bbb2b46dfcc17");
    }
}
