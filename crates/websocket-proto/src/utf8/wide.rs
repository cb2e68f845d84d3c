//! The check of UTF-8 in registers of 64 bytes, for processors with AVX-512.
//!
//! It is the method of J. Keiser and D. Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021): each two
//! neighbours are looked up by three of their nibbles, and each look-up says what would be wrong with them. What all
//! three say is wrong.

use std::arch::x86_64::{
    __m512i, _mm_set_epi64x, _mm512_alignr_epi8, _mm512_alignr_epi64, _mm512_and_si512,
    _mm512_broadcast_i32x4, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set_epi64,
    _mm512_set1_epi8, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_srli_epi16,
    _mm512_subs_epu8, _mm512_test_epi8_mask, _mm512_xor_si512,
};

/// The bytes of a register.
const BLOCK: usize = 64;

/// So many bytes are taken together: while all of them are ASCII, nothing is looked up. Shorter texts gain nothing here.
const GROUP: usize = 2 * BLOCK;

// What may be wrong with two bytes; the last only where no third or fourth byte of a character must stand.
const TOO_SHORT: u8 = 1;
const TOO_LONG: u8 = 1 << 1;
const OVERLONG_3: u8 = 1 << 2;
const TOO_LARGE: u8 = 1 << 3;
const SURROGATE: u8 = 1 << 4;
const OVERLONG_2: u8 = 1 << 5;
/// With a second byte of 0x80 to 0x8f: overlong behind 0xf0, too large behind 0xf5 and what follows.
const OVERLONG_4_OR_TOO_LARGE: u8 = 1 << 6;
const TWO_CONTINUATIONS: u8 = 1 << 7;

/// By the high nibble of the first byte.
const FIRST_HIGH: [u8; 16] = {
    let mut table = [TOO_LONG; 16];
    let mut nibble = 0x8;
    while nibble < 0xc {
        table[nibble] = TWO_CONTINUATIONS;
        nibble += 1;
    }
    table[0xc] = TOO_SHORT | OVERLONG_2;
    table[0xd] = TOO_SHORT;
    table[0xe] = TOO_SHORT | OVERLONG_3 | SURROGATE;
    table[0xf] = TOO_SHORT | TOO_LARGE | OVERLONG_4_OR_TOO_LARGE;
    table
};

/// By the low nibble of the first byte.
const FIRST_LOW: [u8; 16] = {
    const ANY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;
    let mut table = [ANY | TOO_LARGE | OVERLONG_4_OR_TOO_LARGE; 16];
    table[0x0] = ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4_OR_TOO_LARGE;
    table[0x1] = ANY | OVERLONG_2;
    table[0x2] = ANY;
    table[0x3] = ANY;
    table[0x4] = ANY | TOO_LARGE;
    table[0xd] |= SURROGATE;
    table
};

/// By the high nibble of the second byte.
const SECOND_HIGH: [u8; 16] = {
    const CONTINUATION: u8 = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
    let mut table = [TOO_SHORT; 16];
    table[0x8] = CONTINUATION | OVERLONG_3 | OVERLONG_4_OR_TOO_LARGE;
    table[0x9] = CONTINUATION | OVERLONG_3 | TOO_LARGE;
    table[0xa] = CONTINUATION | SURROGATE | TOO_LARGE;
    table[0xb] = table[0xa];
    table
};

/// The largest bytes of a block that begin no character which reaches beyond it.
const COMPLETE: [u8; BLOCK] = {
    let mut bytes = [0xff; BLOCK];
    bytes[BLOCK - 3] = 0xef;
    bytes[BLOCK - 2] = 0xdf;
    bytes[BLOCK - 1] = 0xbf;
    bytes
};

/// Whether `text` is UTF-8; `None` if it is short, or the processor has no AVX-512.
#[allow(unsafe_code)]
pub(super) fn is_valid(text: &[u8]) -> Option<bool> {
    if text.len() < GROUP {
        return None;
    }
    // With VBMI came processors that are no slower while they use such registers.
    let has_avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi");
    // SAFETY: the function asks of its caller only that the processor has these, as was just detected.
    has_avx512.then(|| unsafe { is_valid_avx512(text) })
}

#[target_feature(enable = "avx512f,avx512bw")]
fn is_valid_avx512(text: &[u8]) -> bool {
    let tables = Tables::new();
    let mut state = State {
        last: _mm512_setzero_si512(),
        wrong: _mm512_setzero_si512(),
    };
    let (groups, rest) = text.as_chunks::<GROUP>();
    for group in groups {
        let (blocks, _) = group.as_chunks();
        state.take([0, 1].map(|n| whole(&blocks[n])), &tables);
    }
    let (blocks, rest) = rest.as_chunks();
    for block in blocks {
        state.take([whole(block)], &tables);
    }
    if let (false, Some(end)) = (rest.is_empty(), text.last_chunk::<GROUP>()) {
        // The last block overlaps those before it.
        let (blocks, _) = end.as_chunks();
        state.last = whole(&blocks[0]);
        state.take([whole(&blocks[1])], &tables);
    }
    state.finish();
    _mm512_test_epi8_mask(state.wrong, state.wrong) == 0
}

struct Tables {
    first_high: __m512i,
    first_low: __m512i,
    second_high: __m512i,
}

/// What is known after some blocks.
struct State {
    /// The last block.
    last: __m512i,
    /// Not zero where something is wrong.
    wrong: __m512i,
}

impl Tables {
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn new() -> Self {
        Self {
            first_high: table(FIRST_HIGH),
            first_low: table(FIRST_LOW),
            second_high: table(SECOND_HIGH),
        }
    }
}

impl State {
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn take<const N: usize>(&mut self, blocks: [__m512i; N], tables: &Tables) {
        let mut all = blocks[0];
        for block in &blocks[1..] {
            all = _mm512_or_si512(all, *block);
        }
        if _mm512_movepi8_mask(all) == 0 {
            self.finish();
            self.last = blocks[N - 1];
            return;
        }
        for block in blocks {
            self.look_up(block, tables);
        }
    }

    /// No character reaches beyond the last block.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn finish(&mut self) {
        let unfinished = _mm512_subs_epu8(self.last, whole(&COMPLETE));
        self.wrong = _mm512_or_si512(self.wrong, unfinished);
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn look_up(&mut self, block: __m512i, tables: &Tables) {
        // The same block one, two and three bytes earlier.
        let before = _mm512_alignr_epi64::<6>(block, self.last);
        let first = _mm512_alignr_epi8::<15>(block, before);
        let second = _mm512_alignr_epi8::<14>(block, before);
        let third = _mm512_alignr_epi8::<13>(block, before);
        self.last = block;

        let low = _mm512_set1_epi8(0x0f);
        let first_high = _mm512_and_si512(_mm512_srli_epi16::<4>(first), low);
        let second_high = _mm512_and_si512(_mm512_srli_epi16::<4>(block), low);
        let first_high = _mm512_shuffle_epi8(tables.first_high, first_high);
        let first_low = _mm512_shuffle_epi8(tables.first_low, _mm512_and_si512(first, low));
        let second_high = _mm512_shuffle_epi8(tables.second_high, second_high);
        let wrong = _mm512_and_si512(_mm512_and_si512(first_high, first_low), second_high);

        // The highest bit is set by a byte from 0xe0 on two bytes before, and from 0xf0 on three before: there, and only
        // there, a continuation must follow another.
        let three = _mm512_subs_epu8(second, _mm512_set1_epi8(0x60));
        let four = _mm512_subs_epu8(third, _mm512_set1_epi8(0x70));
        let expected = _mm512_and_si512(_mm512_or_si512(three, four), _mm512_set1_epi8(-0x80));
        let wrong = _mm512_xor_si512(wrong, expected);
        self.wrong = _mm512_or_si512(self.wrong, wrong);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn whole(block: &[u8; BLOCK]) -> __m512i {
    let (words, _) = block.as_chunks();
    let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| i64::from_le_bytes(words[n]));
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

/// The table in each sixteen bytes of a register.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn table(table: [u8; 16]) -> __m512i {
    let [low, high] = [0, 64].map(|bits| (u128::from_le_bytes(table) >> bits) as i64);
    _mm512_broadcast_i32x4(_mm_set_epi64x(high, low))
}

#[cfg(test)]
mod tests {
    use std::str;

    use super::*;

    const ASCII: [u8; GROUP] = [b'a'; GROUP];

    /// The same as the standard library, if the text is long and the processor can.
    fn check(text: &[u8]) {
        if let Some(valid) = is_valid(text) {
            assert_eq!(valid, str::from_utf8(text).is_ok(), "{text:x?}");
        }
    }

    #[test]
    fn every_two_bytes() {
        for pair in 0..=u16::MAX {
            check(&[&ASCII, &pair.to_be_bytes()[..]].concat());
        }
    }

    #[test]
    fn long_characters_with_every_second_byte() {
        for first in 0xe0..=0xff {
            for second in 0..=0xff {
                for third in [b'a', 0x80, 0xbf, 0xc3] {
                    for fourth in [b'a', 0x80, 0xbf, 0xe1] {
                        check(&[&[first, second, third, fourth], &ASCII[..]].concat());
                    }
                }
            }
        }
    }

    #[test]
    fn at_every_place_in_a_block_and_cut_there() {
        let parts: [&[u8]; 14] = [
            "é".as_bytes(),
            "日".as_bytes(),
            "🦀".as_bytes(),
            b"\x80",
            b"\xc0",
            b"\xff",
            b"\xc3",
            b"\xe6\x97",
            b"\xf0\x9f\xa6",
            b"\xed\xa0\x80",
            b"\xe0\x9f\xbf",
            b"\xf4\x90\x80\x80",
            b"\xf0\x8f\xbf\xbf",
            b"\xc1\xbf",
        ];
        for filler in ["a", "é", "日", "🦀"] {
            let filler = filler.repeat(2 * GROUP).into_bytes();
            for part in parts {
                for before in (0..GROUP + BLOCK + 8).filter(|at| !is_continuation(filler[*at])) {
                    for after in [0, 1, BLOCK, GROUP] {
                        check(&[&filler[..before], part, &filler[..after]].concat());
                    }
                }
            }
        }
    }

    fn is_continuation(byte: u8) -> bool {
        byte & 0xc0 == 0x80
    }
}
