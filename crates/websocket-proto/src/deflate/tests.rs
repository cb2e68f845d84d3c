//! Compression in pairs: what one end makes, the other understands, with every combination of parameters.

use proptest::prelude::*;

use super::*;
use crate::error::PeerMisbehaved;

fn params(window_bits: u8, no_takeover: bool) -> DeflateParams {
    DeflateParams {
        server_no_takeover: no_takeover,
        client_no_takeover: no_takeover,
        server_window_bits: window_bits,
        client_window_bits: window_bits,
    }
}

/// A server and a client that have agreed on `params`.
fn pair(params: &DeflateParams) -> [Deflate; 2] {
    let pool = Arc::new(DeflatePool::default());
    let config = DeflateConfig::default();
    [End::Server, End::Client].map(|end| Deflate::new(end, params, &config, Arc::clone(&pool)))
}

fn compress(deflate: &mut Deflate, message: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = message.split_at(message.len() / 3);
    deflate.compress(head, body, <[u8]>::to_vec)
}

fn inflate(deflate: &mut Deflate, message: &[u8]) -> Result<Vec<u8>, Error> {
    deflate.inflate(message, &Limits::default())
}

/// JSON that repeats itself, as messages do.
fn text(number: usize) -> Vec<u8> {
    let item = format!(
        r#"{{"id":{number},"name":"gumboot","price":{}}},"#,
        number * 7
    );
    item.repeat(40).into_bytes()
}

#[test]
fn every_window_with_and_without_takeover() {
    for window_bits in 8..=15 {
        for no_takeover in [true, false] {
            let [mut server, mut client] = pair(&params(window_bits, no_takeover));
            for number in 0..50 {
                let message = text(number);
                let compressed = compress(&mut server, &message).unwrap();
                assert_eq!(inflate(&mut client, &compressed).unwrap(), message);
                let answer = compress(&mut client, &compressed.repeat(9)).unwrap();
                assert_eq!(inflate(&mut server, &answer).unwrap(), compressed.repeat(9));
            }
        }
    }
}

#[test]
fn takeover_makes_repeated_messages_shorter() {
    let lengths = [true, false].map(|no_takeover| {
        let [mut server, _] = pair(&params(15, no_takeover));
        compress(&mut server, &text(1)).unwrap();
        compress(&mut server, &text(1)).unwrap().len()
    });
    assert!(lengths[1] * 2 < lengths[0], "{lengths:?}");
}

#[test]
fn a_window_holds_no_more_than_was_agreed_on() {
    let [mut server, mut client] = pair(&params(9, false));
    for number in 0..10 {
        let compressed = compress(&mut server, &text(number)).unwrap();
        inflate(&mut client, &compressed).unwrap();
    }
    assert_eq!(server.outgoing.dictionary().len(), 512);
    assert_eq!(client.incoming.dictionary().len(), 512);
    assert!(client.outgoing.dictionary().is_empty());
}

#[test]
fn what_does_not_get_shorter_is_left_alone() {
    let [mut server, mut client] = pair(&params(15, false));
    let noise: Vec<u8> = (0..400_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert_eq!(compress(&mut server, &noise), None);
    // It has not become part of the stream either.
    let compressed = compress(&mut server, &text(0)).unwrap();
    assert_eq!(inflate(&mut client, &compressed).unwrap(), text(0));
}

#[test]
fn the_examples_of_the_specification() {
    let hello: [&[u8]; 5] = [
        // RFC 7692 §7.2.3.1, §7.2.3.3 (no compression), §7.2.3.4 (BFINAL), §7.2.3.5 (two blocks)
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
        // The same again, from a window that has it: §7.2.3.2.
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
    ];
    let [_, mut client] = pair(&params(15, false));
    for message in hello {
        assert_eq!(inflate(&mut client, message).unwrap(), b"Hello");
    }
}

#[test]
fn a_message_may_end_its_stream_a_few_times() {
    let [_, mut client] = pair(&params(15, true));
    // An empty block that is marked as the last, with fixed codes.
    let end = [0x03, 0x00];
    assert_eq!(inflate(&mut client, &end.repeat(16)).unwrap(), b"");
    assert!(inflate(&mut client, &end.repeat(17)).is_err());
}

#[test]
fn an_empty_message() {
    let [_, mut client] = pair(&params(15, true));
    assert_eq!(inflate(&mut client, &[0x00]).unwrap(), b"");
    assert_eq!(inflate(&mut client, &[]).unwrap(), b"");
    assert_eq!(inflate(&mut client, &[0x02, 0x00]).unwrap(), b"");
}

#[test]
fn garbage_is_the_peers_fault() {
    let [_, mut client] = pair(&params(15, true));
    for garbage in [
        &[0xff; 8][..],
        &[0x06, 0xff],
        &[0x00, 0x05, 0x00, 0x00, 0x00],
    ] {
        let error = inflate(&mut client, garbage).unwrap_err();
        assert_eq!(
            error,
            Error::PeerMisbehaved(PeerMisbehaved::DeflateInvalid),
            "{garbage:x?}"
        );
    }
    // A reference to what was never sent.
    assert!(inflate(&mut client, &[0xf2, 0x00, 0x11, 0x00, 0x00]).is_err());
}

#[test]
fn a_bomb_stops_at_its_limit() {
    let [mut server, mut client] = pair(&params(15, true));
    let harmless = compress(&mut server, &vec![0; 4 << 20]).unwrap();
    let default = Limits::default();
    assert!(client.inflate(&harmless, &default).is_ok());
    let bomb = compress(&mut server, &vec![0; (4 << 20) + 1]).unwrap();
    let limited = |limits: &Limits, client: &mut Deflate| match client.inflate(&bomb, limits) {
        Err(Error::LimitExceeded { limit, .. }) => Some(limit),
        Ok(_) => None,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(limited(&default, &mut client), Some(Limit::InflateRatio));
    let free = Limits {
        inflate_bytes_free: (4 << 20) + 1,
        ..default.clone()
    };
    assert_eq!(limited(&free, &mut client), None);
    let ratio = Limits {
        inflate_ratio_max: 2000,
        ..default
    };
    assert_eq!(limited(&ratio, &mut client), None);
    let at = Limits {
        message_bytes_max: (4 << 20) + 1,
        ..ratio
    };
    assert_eq!(limited(&at, &mut client), None);
    let past = Limits {
        message_bytes_max: 4 << 20,
        ..at
    };
    assert_eq!(limited(&past, &mut client), Some(Limit::MessageBytes));
}

/// The furthest that a match in raw deflate with fixed or dynamic codes reaches back, read bit by bit.
fn reach(compressed: &[u8]) -> usize {
    inflate_tokens::furthest(compressed)
}

#[test]
fn eight_bits_reach_back_256_bytes_and_no_further() {
    let pool = Arc::new(DeflatePool::default());
    for level in 1..=9 {
        let config = DeflateConfig {
            level,
            ..DeflateConfig::default()
        };
        let mut server = Deflate::new(End::Server, &params(8, false), &config, Arc::clone(&pool));
        for number in 0..20 {
            let compressed = compress(&mut server, &text(number % 3)).unwrap();
            assert!(
                reach(&compressed) <= 256,
                "level {level}: {}",
                reach(&compressed)
            );
        }
    }
}

proptest! {
    #[test]
    fn any_messages_come_through(
        messages in prop::collection::vec(prop::collection::vec(0..4_u8, 0..3000), 1..8),
        window_bits in 8..=15_u8,
        no_takeover: bool,
    ) {
        let [mut server, mut client] = pair(&params(window_bits, no_takeover));
        for message in messages {
            if let Some(compressed) = compress(&mut server, &message) {
                prop_assert_eq!(inflate(&mut client, &compressed).unwrap(), message);
            }
        }
    }

    #[test]
    fn garbage_never_panics(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        let [_, mut client] = pair(&params(15, false));
        let _ = inflate(&mut client, &garbage);
        let _ = inflate(&mut client, &garbage);
    }
}

/// Just enough of RFC 1951 to see the distances of matches, which a decompressor does not tell.
mod inflate_tokens {
    struct Bits<'a> {
        bytes: &'a [u8],
        at: usize,
    }

    impl Bits<'_> {
        fn take(&mut self, count: u32) -> usize {
            (0..count).map(|i| self.bit() << i).sum()
        }

        fn bit(&mut self) -> usize {
            let byte = self.bytes.get(self.at / 8).copied().unwrap_or(0);
            let bit = usize::from(byte >> (self.at % 8)) & 1;
            self.at += 1;
            bit
        }
    }

    /// A code by the lengths of its words (RFC 1951 §3.2.2).
    struct Code(Vec<(u32, usize, usize)>);

    impl Code {
        fn new(lengths: &[u32]) -> Self {
            let mut words = Vec::new();
            let mut word = 0;
            for length in 1..=15 {
                for (symbol, _) in lengths.iter().enumerate().filter(|(_, l)| **l == length) {
                    words.push((length, word, symbol));
                    word += 1;
                }
                word <<= 1;
            }
            Self(words)
        }

        fn read(&self, bits: &mut Bits<'_>) -> usize {
            let (mut word, mut length) = (0, 0);
            loop {
                word = word << 1 | bits.bit();
                length += 1;
                let found = self.0.iter().find(|(l, w, _)| (*l, *w) == (length, word));
                if let Some((_, _, symbol)) = found {
                    return *symbol;
                }
                assert!(length < 16, "not a code word");
            }
        }
    }

    pub(super) fn furthest(compressed: &[u8]) -> usize {
        let bytes = [compressed, &[0, 0, 0xff, 0xff]].concat();
        let mut bits = Bits {
            bytes: &bytes,
            at: 0,
        };
        let mut furthest = 0;
        while bits.at + 3 <= bytes.len() * 8 {
            bits.take(1);
            match bits.take(2) {
                0 => {
                    bits.at = bits.at.div_ceil(8) * 8;
                    let length = bits.take(16);
                    bits.at += 16 + length * 8;
                }
                1 => {
                    let lengths: Vec<u32> = (0..288).map(fixed_length).collect();
                    furthest =
                        furthest.max(block(&mut bits, &Code::new(&lengths), &Code::new(&[5; 30])));
                }
                _ => {
                    let (literals, distances) = dynamic(&mut bits);
                    furthest = furthest.max(block(&mut bits, &literals, &distances));
                }
            }
        }
        furthest
    }

    fn fixed_length(symbol: usize) -> u32 {
        match symbol {
            0..=143 => 8,
            144..=255 => 9,
            256..=279 => 7,
            _ => 8,
        }
    }

    /// RFC 1951 §3.2.7
    fn dynamic(bits: &mut Bits<'_>) -> (Code, Code) {
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        let (literals, distances) = (bits.take(5) + 257, bits.take(5) + 1);
        let count = bits.take(4) + 4;
        let mut lengths = [0; 19];
        for &symbol in &ORDER[..count] {
            lengths[symbol] = bits.take(3) as u32;
        }
        let code = Code::new(&lengths);
        let mut all: Vec<u32> = Vec::new();
        while all.len() < literals + distances {
            let (value, repeat) = match code.read(bits) {
                16 => (*all.last().unwrap(), bits.take(2) + 3),
                17 => (0, bits.take(3) + 3),
                18 => (0, bits.take(7) + 11),
                length => (length as u32, 1),
            };
            all.extend(std::iter::repeat_n(value, repeat));
        }
        (Code::new(&all[..literals]), Code::new(&all[literals..]))
    }

    /// RFC 1951 §3.2.5
    fn block(bits: &mut Bits<'_>, literals: &Code, distances: &Code) -> usize {
        let mut furthest = 0;
        loop {
            let symbol = literals.read(bits);
            match symbol {
                0..=255 => continue,
                256 => return furthest,
                257..=264 | 285 => {}
                _ => drop(bits.take((symbol as u32 - 261) / 4)),
            }
            let symbol = distances.read(bits);
            let extra = (symbol as u32 / 2).saturating_sub(1);
            let base = match symbol {
                0..=3 => symbol + 1,
                _ => ((2 + symbol % 2) << extra) + 1,
            };
            furthest = furthest.max(base + bits.take(extra));
        }
    }
}
