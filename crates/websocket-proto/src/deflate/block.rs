//! One block of deflate (RFC 1951 §3.2): symbols as bits, with codes of their own or the fixed ones, whichever is shorter.

use std::sync::LazyLock;

use super::{
    huffman::Codes,
    short::{Symbol, Symbols},
};

/// Bytes, the end of a block, and lengths (§3.2.5).
pub(super) const LITERALS: usize = 286;
pub(super) const DISTANCES: usize = 30;
/// The end of a block.
pub(super) const END: usize = 256;

/// The alphabet of fixed codes has two that no block uses.
const FIXED_LITERALS: usize = 288;

/// Lengths of codes, and what says that some repeat (§3.2.7).
const LENGTHS: usize = 19;
const LENGTH_CODE_BITS_MAX: usize = 7;
const CODE_BITS_MAX: usize = 15;
/// The order in which the lengths of the codes of lengths are written.
const LENGTHS_ORDER: [usize; LENGTHS] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// A symbol, and the bits that follow its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) symbol: usize,
    extra: u16,
    extra_bits: u32,
}

/// The symbol of a length of 3 to 258 (§3.2.5).
pub(super) fn length_code(length: u16) -> Code {
    let over = length - 3;
    let (symbol, extra_bits) = match over {
        0..8 => (257 + over, 0),
        255 => (285, 0),
        _ => {
            let extra_bits = over.ilog2() - 2;
            (
                261 + 4 * extra_bits as u16 + (over >> extra_bits & 3),
                extra_bits,
            )
        }
    };
    Code {
        symbol: symbol.into(),
        extra: over & ((1 << extra_bits) - 1),
        extra_bits,
    }
}

/// The symbol of a distance of 1 to 32,768 (§3.2.5).
pub(super) fn distance_code(distance: u16) -> Code {
    let over = distance - 1;
    let (symbol, extra_bits) = match over {
        0..4 => (over, 0),
        _ => {
            let extra_bits = over.ilog2() - 1;
            (
                2 + 2 * extra_bits as u16 + (over >> extra_bits & 1),
                extra_bits,
            )
        }
    };
    Code {
        symbol: symbol.into(),
        extra: over & ((1 << extra_bits) - 1),
        extra_bits,
    }
}

/// The codes that need not be written (§3.2.6).
static FIXED: LazyLock<(Codes<FIXED_LITERALS>, Codes<DISTANCES>)> = LazyLock::new(|| {
    let mut lengths = [8; FIXED_LITERALS];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    (
        Codes::of_lengths(lengths),
        Codes::of_lengths([5; DISTANCES]),
    )
});

/// Appends a block of `symbols`, and the header of the empty one behind it, whose four bytes are left out on the wire
/// (RFC 7692 §7.2.1).
pub(super) fn write(symbols: &Symbols, out: &mut Vec<u8>) {
    let literals = Codes::of_counts(symbols.literals, CODE_BITS_MAX);
    let distances = Codes::of_counts(symbols.distances, CODE_BITS_MAX);
    let lengths = Lengths::of(&literals, &distances);
    let (fixed_literals, fixed_distances) = &*FIXED;
    let mut fixed_counts = [0; FIXED_LITERALS];
    fixed_counts[..LITERALS].copy_from_slice(&symbols.literals);
    let own_bits =
        lengths.bits() + literals.bits(&symbols.literals) + distances.bits(&symbols.distances);
    let fixed_bits = fixed_literals.bits(&fixed_counts) + fixed_distances.bits(&symbols.distances);
    let mut bits = BitWriter {
        out,
        held: 0,
        count: 0,
    };
    // Not the last block; then its kind.
    bits.push(0, 1);
    if own_bits < fixed_bits {
        bits.push(2, 2);
        lengths.write(&mut bits);
        write_symbols(symbols, &literals, &distances, &mut bits);
    } else {
        bits.push(1, 2);
        write_symbols(symbols, fixed_literals, fixed_distances, &mut bits);
    }
    // A stored block, not the last: its length, of which the wire has nothing, begins at a byte.
    bits.push(0, 3);
    bits.finish();
}

fn write_symbols<const L: usize>(
    symbols: &Symbols,
    literals: &Codes<L>,
    distances: &Codes<DISTANCES>,
    bits: &mut BitWriter<'_>,
) {
    for symbol in &symbols.list {
        match *symbol {
            Symbol::Literal(byte) => bits.push_code(literals.of(byte.into())),
            Symbol::Match { length, distance } => {
                let length = length_code(length);
                bits.push_code(literals.of(length.symbol));
                bits.push(length.extra.into(), length.extra_bits);
                let distance = distance_code(distance);
                bits.push_code(distances.of(distance.symbol));
                bits.push(distance.extra.into(), distance.extra_bits);
            }
        }
    }
    bits.push_code(literals.of(END));
}

/// The lengths of a block's codes, as they are written in front of it (§3.2.7).
struct Lengths {
    literals: usize,
    distances: usize,
    /// A symbol of the alphabet of lengths, and the bits behind its code.
    runs: [(u8, u8); LITERALS + DISTANCES],
    runs_len: usize,
    counts: [u16; LENGTHS],
    codes: Codes<LENGTHS>,
    /// The lengths of `codes` that are written.
    written: usize,
}

impl Lengths {
    fn of(literals: &Codes<LITERALS>, distances: &Codes<DISTANCES>) -> Self {
        let used = |lengths: &[u8], min: usize| {
            let last = lengths.iter().rposition(|length| *length > 0);
            last.map_or(0, |last| last + 1).max(min)
        };
        let mut this = Self {
            literals: used(&literals.lengths, 257),
            distances: used(&distances.lengths, 1),
            runs: [(0, 0); LITERALS + DISTANCES],
            runs_len: 0,
            counts: [0; LENGTHS],
            codes: Codes::of_lengths([0; LENGTHS]),
            written: 0,
        };
        let mut all = [0; LITERALS + DISTANCES];
        let len = this.literals + this.distances;
        all[..this.literals].copy_from_slice(&literals.lengths[..this.literals]);
        all[this.literals..len].copy_from_slice(&distances.lengths[..this.distances]);
        for run in all[..len].chunk_by(|a, b| a == b) {
            this.push_run(run[0], run.len());
        }
        this.codes = Codes::of_counts(this.counts, LENGTH_CODE_BITS_MAX);
        let is_used = |symbol: &usize| this.codes.lengths[*symbol] > 0;
        let last = LENGTHS_ORDER.iter().rposition(is_used);
        this.written = last.map_or(0, |last| last + 1).max(4);
        this
    }

    /// Adds `count` codes of one length.
    fn push_run(&mut self, length: u8, mut count: usize) {
        if length != 0 {
            self.push(length, 0);
            count -= 1;
        }
        while count > 0 {
            let (symbol, min, max) = match (length, count) {
                (0, 11..) => (18, 11, 138),
                (0, 3..) => (17, 3, 10),
                (1.., 3..) => (16, 3, 6),
                _ => (length, 1, 1),
            };
            let taken = count.min(max);
            self.push(symbol, (taken - min) as u8);
            count -= taken;
        }
    }

    fn push(&mut self, symbol: u8, extra: u8) {
        self.runs[self.runs_len] = (symbol, extra);
        self.runs_len += 1;
        self.counts[usize::from(symbol)] += 1;
    }

    /// The bits that follow the code of a symbol.
    fn extra_bits(symbol: u8) -> u32 {
        match symbol {
            16 => 2,
            17 => 3,
            18 => 7,
            _ => 0,
        }
    }

    /// The bits that they take.
    fn bits(&self) -> u32 {
        let runs = self.runs[..self.runs_len].iter();
        let extra: u32 = runs.map(|(symbol, _)| Self::extra_bits(*symbol)).sum();
        5 + 5 + 4 + 3 * self.written as u32 + self.codes.bits(&self.counts) + extra
    }

    fn write(&self, bits: &mut BitWriter<'_>) {
        bits.push(self.literals as u64 - 257, 5);
        bits.push(self.distances as u64 - 1, 5);
        bits.push(self.written as u64 - 4, 4);
        for symbol in &LENGTHS_ORDER[..self.written] {
            bits.push(self.codes.lengths[*symbol].into(), 3);
        }
        for (symbol, extra) in &self.runs[..self.runs_len] {
            bits.push_code(self.codes.of(usize::from(*symbol)));
            bits.push((*extra).into(), Self::extra_bits(*symbol));
        }
    }
}

/// Bits packed into bytes, the first lowest (§3.1.1).
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter<'_> {
    /// Adds the lowest `count` bits of `bits`, 16 at most; the others are 0.
    fn push(&mut self, bits: u64, count: u32) {
        self.held |= bits << self.count;
        self.count += count;
        if self.count >= 32 {
            self.out
                .extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    fn push_code(&mut self, (code, bits): (u64, u32)) {
        self.push(code, bits);
    }

    /// Fills up the last byte.
    fn finish(self) {
        let bytes = self.count.div_ceil(8) as usize;
        self.out
            .extend_from_slice(&self.held.to_le_bytes()[..bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_distances_as_tabled() {
        let length = |length| {
            let Code {
                symbol,
                extra,
                extra_bits,
            } = length_code(length);
            (symbol, extra, extra_bits)
        };
        let lengths = [3, 10, 11, 12, 18, 19, 34, 130, 131, 257, 258].map(length);
        let expected = [
            (257, 0, 0),
            (264, 0, 0),
            (265, 0, 1),
            (265, 1, 1),
            (268, 1, 1),
            (269, 0, 2),
            (272, 3, 2),
            (280, 15, 4),
            (281, 0, 5),
            (284, 30, 5),
            (285, 0, 0),
        ];
        assert_eq!(lengths, expected);
        let distance = |distance| {
            let Code {
                symbol,
                extra,
                extra_bits,
            } = distance_code(distance);
            (symbol, extra, extra_bits)
        };
        let distances = [1, 4, 5, 6, 7, 9, 16, 17, 24, 25, 24_577, 32_768].map(distance);
        let expected = [
            (0, 0, 0),
            (3, 0, 0),
            (4, 0, 1),
            (4, 1, 1),
            (5, 0, 1),
            (6, 0, 2),
            (7, 3, 2),
            (8, 0, 3),
            (8, 7, 3),
            (9, 0, 3),
            (29, 0, 13),
            (29, 8191, 13),
        ];
        assert_eq!(distances, expected);
    }
}
