//! What is sent: messages of a length, each of a few different ones.

use std::fmt::Write;

use fastrand::Rng;

/// The kind of a message's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Random bytes
    Binary,
    /// Text, much of it beyond ASCII
    Text,
    /// Text, a list of records as JSON
    Json,
}

impl Kind {
    pub(super) fn is_text(self) -> bool {
        self != Self::Binary
    }
}

/// A few words of several scripts: each length of a character in UTF-8 is there.
const WORDS: [&str; 8] = [
    "Größe",
    "соединение",
    "東京",
    "echo",
    "γειά",
    "🦀🌍",
    "señal",
    "메시지",
];

/// The content of one message. Different numbers give different contents, the same every time.
pub(super) fn payload(kind: Kind, bytes: usize, number: usize) -> Vec<u8> {
    let mut rng = Rng::with_seed(number as u64 + 1);
    let text = match kind {
        Kind::Binary => {
            let mut payload = vec![0; bytes];
            rng.fill(&mut payload);
            return payload;
        }
        Kind::Text => words(bytes, &mut rng),
        Kind::Json => records(bytes, &mut rng),
    };
    cut(text, bytes)
}

fn words(bytes: usize, rng: &mut Rng) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(WORDS[rng.usize(..WORDS.len())]);
        text.push(' ');
    }
    text
}

/// Such as an exchange would send.
fn records(bytes: usize, rng: &mut Rng) -> String {
    const SYMBOLS: [&str; 6] = ["AAPL", "MSFT", "SAP", "7203.T", "NESN", "BTC-EUR"];
    const SIDES: [&str; 2] = ["buy", "sell"];
    let mut text = String::from("[");
    while text.len() < bytes {
        let (symbol, side) = (SYMBOLS[rng.usize(..6)], SIDES[rng.usize(..2)]);
        let (id, quantity, cents) = (rng.u32(..), rng.u32(1..1_000), rng.u32(100..1_000_000));
        let price = f64::from(cents) / 100.0;
        let _ = write!(
            text,
            "{{\"id\":{id},\"symbol\":\"{symbol}\",\"side\":\"{side}\",\"price\":{price:.2},\
             \"quantity\":{quantity},\"time\":\"2026-03-14T09:26:{:02}.{:03}Z\",\"user\":{{\"name\":\"user{}\",\
             \"active\":{}}}}},",
            rng.u32(..60),
            rng.u32(..1_000),
            rng.u32(..10_000),
            rng.bool(),
        );
    }
    text
}

/// Exactly so many bytes, still UTF-8: the end of a character that is cut becomes blanks.
fn cut(text: String, bytes: usize) -> Vec<u8> {
    let end = text.floor_char_boundary(bytes);
    let mut payload = text.into_bytes();
    payload.truncate(end);
    payload.resize(bytes, b' ');
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf8_beyond_ascii_of_any_length() {
        for bytes in (1..200).chain([1024, 16 * 1024]) {
            for number in 0..4 {
                let text = payload(Kind::Text, bytes, number);
                assert_eq!(text.len(), bytes);
                let text = String::from_utf8(text).expect("it is UTF-8");
                assert!(bytes < 32 || !text.is_ascii(), "{text}");
            }
        }
    }

    #[test]
    fn messages_are_different_and_the_same_every_time() {
        for kind in [Kind::Binary, Kind::Text, Kind::Json] {
            let first = payload(kind, 1024, 0);
            assert_eq!(first.len(), 1024);
            assert_eq!(first, payload(kind, 1024, 0));
            assert_ne!(first, payload(kind, 1024, 1));
        }
    }
}
