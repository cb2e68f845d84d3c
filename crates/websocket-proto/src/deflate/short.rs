//! Short messages compressed from an empty window, as one block of deflate (RFC 1951).
//!
//! zlib clears a table of 128 KiB before each message, and is made for long streams: for a message of a kilobyte that is
//! most of its time. Here everything is of the message's own size. What is long, or refers to what was before it, is
//! zlib's (`codec.rs`).

use super::block;

/// Messages of more bytes are not short.
pub(super) const SHORT_BYTES_MAX: usize = 8 * 1024;

/// Below this the table of places would be too crowded.
const TABLE_BITS_MIN: u32 = 8;
const TABLE_BITS_MAX: u32 = 12;

/// A match has so many bytes at least: what is hashed.
const MATCH_BYTES_MIN: usize = 4;
const MATCH_BYTES_MAX: usize = 258;

/// Places that are looked at for a match.
const TRIES_MAX: u32 = 4;

/// A match of so many bytes is good enough not to look for a longer one at the next byte.
const GOOD_BYTES: usize = 32;

/// What a message of one block consists of, with how often each symbol occurs.
#[derive(Debug)]
pub(super) struct Symbols {
    pub(super) list: Vec<Symbol>,
    pub(super) literals: [u16; block::LITERALS],
    pub(super) distances: [u16; block::DISTANCES],
}

/// A byte, or what stood before and stands here again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Symbol {
    Literal(u8),
    Match { length: u16, distance: u16 },
}

impl Symbols {
    fn clear(&mut self) {
        self.list.clear();
        self.literals.fill(0);
        self.distances.fill(0);
        self.literals[block::END] = 1;
    }

    fn push(&mut self, symbol: Symbol) {
        match symbol {
            Symbol::Literal(byte) => self.literals[usize::from(byte)] += 1,
            Symbol::Match { length, distance } => {
                self.literals[block::length_code(length).symbol] += 1;
                self.distances[block::distance_code(distance).symbol] += 1;
            }
        }
        self.list.push(symbol);
    }
}

/// Compresses short messages, one at a time; keeps only room.
#[derive(Debug)]
pub(super) struct ShortCompressor {
    /// A message that came in two parts.
    whole: Vec<u8>,
    /// By the hash of four bytes, one more than the last place where they stood; 0 for nowhere.
    last: Vec<u16>,
    /// For each place, the one before with the same hash, in the same way.
    before: Vec<u16>,
    symbols: Symbols,
}

impl ShortCompressor {
    pub(super) fn new() -> Self {
        Self {
            whole: Vec::new(),
            last: Vec::new(),
            before: Vec::new(),
            symbols: Symbols {
                list: Vec::new(),
                literals: [0; block::LITERALS],
                distances: [0; block::DISTANCES],
            },
        }
    }

    /// Appends the compressed form of a message in parts, [`SHORT_BYTES_MAX`] together at most, to `out`: without the
    /// tail that every message ends with (RFC 7692 §7.2.1). Nothing in it reaches further back than `window_bytes`.
    pub(super) fn compress(&mut self, parts: [&[u8]; 2], window_bytes: usize, out: &mut Vec<u8>) {
        let mut whole = std::mem::take(&mut self.whole);
        let message = match parts {
            [[], body] => body,
            [head, body] => {
                whole.clear();
                whole.extend_from_slice(head);
                whole.extend_from_slice(body);
                &whole
            }
        };
        self.find(message, window_bytes);
        block::write(&self.symbols, out);
        self.whole = whole;
    }

    /// Splits a message into symbols.
    fn find(&mut self, message: &[u8], window_bytes: usize) {
        debug_assert!(message.len() <= SHORT_BYTES_MAX);
        let bits = message.len().max(1).ilog2() + 1;
        let bits = bits.clamp(TABLE_BITS_MIN, TABLE_BITS_MAX);
        self.last.clear();
        self.last.resize(1 << bits, 0);
        self.before.resize(message.len().max(self.before.len()), 0);
        self.symbols.clear();
        let mut places = Places {
            message,
            shift: u32::BITS - bits,
            window_bytes,
            last: &mut self.last,
            before: &mut self.before[..message.len()],
        };
        let mut at = 0;
        let mut found = places.enter(at);
        while at < message.len() {
            let Some((length, distance)) = found else {
                self.symbols.push(Symbol::Literal(message[at]));
                at += 1;
                found = places.enter(at);
                continue;
            };
            // A longer match may begin at the next byte.
            let next = (length < GOOD_BYTES)
                .then(|| places.enter(at + 1))
                .flatten();
            if next.is_some_and(|(longer, _)| longer > length) {
                self.symbols.push(Symbol::Literal(message[at]));
                at += 1;
                found = next;
                continue;
            }
            let (length, distance) = (length as u16, distance as u16);
            self.symbols.push(Symbol::Match { length, distance });
            let end = at + usize::from(length);
            let entered = if usize::from(length) < GOOD_BYTES {
                2
            } else {
                1
            };
            for inside in at + entered..end {
                places.remember(inside);
            }
            at = end;
            found = places.enter(at);
        }
    }
}

/// Where the same four bytes stood before.
struct Places<'a> {
    message: &'a [u8],
    shift: u32,
    window_bytes: usize,
    last: &'a mut [u16],
    before: &'a mut [u16],
}

impl Places<'_> {
    /// Remembers a place, and gives the length and the distance of the longest match that was found for it.
    fn enter(&mut self, at: usize) -> Option<(usize, usize)> {
        let mut candidate = self.remember(at)?;
        let rest = &self.message[at..];
        let longest = rest.len().min(MATCH_BYTES_MAX);
        let mut best = None;
        let mut best_length = MATCH_BYTES_MIN - 1;
        for _ in 0..TRIES_MAX {
            let Some(place) = usize::from(candidate).checked_sub(1) else {
                break;
            };
            let distance = at - place;
            if distance > self.window_bytes {
                break;
            }
            let earlier = &self.message[place..];
            if earlier[best_length] == rest[best_length] {
                let length = common_bytes(&earlier[..longest], &rest[..longest]);
                if length > best_length {
                    best = Some((length, distance));
                    best_length = length;
                    if length == longest {
                        break;
                    }
                }
            }
            candidate = self.before[place];
        }
        best
    }

    /// Remembers a place; gives the last with the same hash. `None` for the last bytes, which no match can begin with.
    fn remember(&mut self, at: usize) -> Option<u16> {
        let four = self.message.get(at..)?.first_chunk::<MATCH_BYTES_MIN>()?;
        // A multiplication spreads the bits; its upper ones depend on all four bytes.
        let hash = u32::from_le_bytes(*four).wrapping_mul(0x9e37_79b1) >> self.shift;
        let last = &mut self.last[hash as usize];
        let before = *last;
        self.before[at] = before;
        *last = at as u16 + 1;
        Some(before)
    }
}

/// How many bytes two slices of the same length begin with in common.
fn common_bytes(one: &[u8], two: &[u8]) -> usize {
    let mut common = 0;
    let (ones, _) = one.as_chunks::<8>();
    let (twos, _) = two.as_chunks::<8>();
    for (a, b) in ones.iter().zip(twos) {
        let different = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if different != 0 {
            return common + different.trailing_zeros() as usize / 8;
        }
        common += 8;
    }
    let rest = one[common..].iter().zip(&two[common..]);
    common + rest.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        deflate::{
            Bound,
            codec::{Compressors, Decompressor},
        },
        limits::Limits,
    };

    /// The compressed form of a message, held to be what a decoder makes the message of.
    fn check(message: &[u8], window_bytes: usize) -> Vec<u8> {
        let mut compressor = ShortCompressor::new();
        let mut out = b"before".to_vec();
        let (head, body) = message.split_at(message.len() / 3);
        compressor.compress([head, body], window_bytes, &mut out);
        let out = out.split_off(6);
        let mut again = Vec::new();
        compressor.compress([&[], message], window_bytes, &mut again);
        assert_eq!(out, again, "nothing is left of the message before");
        for symbol in &compressor.symbols.list {
            if let Symbol::Match { distance, .. } = symbol {
                assert!(usize::from(*distance) <= window_bytes);
            }
        }
        let bound = Bound::new(1 << 20, &Limits::default());
        let inflated = Decompressor::new().inflate(&[], &out, &bound).unwrap();
        assert!(inflated == message, "{} bytes differ", message.len());
        out
    }

    /// Bytes without a pattern.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    fn json(items: usize) -> Vec<u8> {
        let item = |number: usize| {
            let price = number * 7919 % 10_007;
            format!(r#"{{"id":{number},"name":"gumboot {price}","price":{price},"sold":false}},"#)
        };
        (0..items).map(item).collect::<String>().into_bytes()
    }

    #[test]
    fn every_length() {
        let text = json(20);
        let without = noise(700);
        let zeros = [0; 700];
        for length in 0..700 {
            check(&text[..length], 1 << 15);
            check(&without[..length], 1 << 15);
            check(&zeros[..length], 1 << 15);
        }
        check(&vec![b'a'; SHORT_BYTES_MAX], 1 << 15);
        check(&noise(SHORT_BYTES_MAX), 1 << 15);
    }

    #[test]
    fn every_window() {
        let far = [noise(4000), noise(4000)].concat();
        for bits in 8..=15 {
            check(&far, 1 << bits);
            check(&json(60), 1 << bits);
        }
        assert!(check(&far, 1 << 12).len() < 4200);
        assert!(check(&far, 1 << 11).len() > 8000);
    }

    #[test]
    fn codes_as_long_as_they_may_be() {
        // Each byte is as frequent as the two before together: the deepest tree that a short message can have.
        let (mut one, mut two) = (1, 1);
        let mut message = Vec::new();
        for byte in 0..17_u8 {
            message.extend(vec![byte; one]);
            (one, two) = (two, one + two);
        }
        message.truncate(SHORT_BYTES_MAX);
        // In an order without matches.
        let mut shuffled = Vec::new();
        for from in 0..61 {
            shuffled.extend(message.iter().skip(from).step_by(61));
        }
        check(&shuffled, 1 << 15);
        check(&message, 1 << 15);
    }

    #[test]
    fn no_longer_than_what_zlib_makes() {
        for items in [4, 15, 60, 110] {
            let message = json(items);
            let mut by_zlib = Vec::new();
            let mut compressors = Compressors::default();
            compressors
                .of(15, 3)
                .compress(&[], [&message, &[]], &mut by_zlib);
            let short = check(&message, 1 << 15);
            let max = by_zlib.len() + by_zlib.len() / 50;
            assert!(short.len() <= max, "{} {max}", short.len());
        }
    }

    proptest! {
        #[test]
        fn what_repeats_itself(pieces in prop::collection::vec("[a-e]{1,9}", 0..300), bits in 8_u32..16) {
            let message = pieces.concat().into_bytes();
            check(&message, 1_usize << bits);
        }

        #[test]
        fn any_bytes(message in prop::collection::vec(any::<u8>(), 0..500)) {
            check(&message, 1 << 15);
        }
    }
}
