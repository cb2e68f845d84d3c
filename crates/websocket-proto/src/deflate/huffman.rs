//! Huffman codes of one alphabet, as deflate writes them (RFC 1951 §3.2.2).

/// The longest code there is.
const CODE_BITS_MAX: usize = 15;

/// The codes of an alphabet of `N` symbols.
#[derive(Debug, Clone)]
pub(super) struct Codes<const N: usize> {
    /// The bits of each symbol's code; 0 for a symbol that is not used.
    pub(super) lengths: [u8; N],
    /// The codes, their first bit lowest.
    codes: [u16; N],
}

impl<const N: usize> Codes<N> {
    /// The codes that these lengths mean.
    pub(super) fn of_lengths(lengths: [u8; N]) -> Self {
        let mut counts = [0_u16; CODE_BITS_MAX + 1];
        for length in lengths.iter().filter(|length| **length > 0) {
            counts[usize::from(*length)] += 1;
        }
        let mut next = [0_u16; CODE_BITS_MAX + 1];
        for bits in 1..CODE_BITS_MAX {
            next[bits + 1] = (next[bits] + counts[bits]) << 1;
        }
        let mut codes = [0; N];
        for (code, length) in codes.iter_mut().zip(lengths) {
            if length > 0 {
                let next = &mut next[usize::from(length)];
                *code = next.reverse_bits() >> (16 - length);
                *next += 1;
            }
        }
        Self { lengths, codes }
    }

    /// Short codes for symbols that are used often, none longer than `bits_max`. At least two symbols get one: a code of
    /// a single symbol is not complete, and not every decoder takes it.
    pub(super) fn of_counts(mut counts: [u16; N], bits_max: usize) -> Self {
        let used = counts.iter().filter(|count| **count > 0).count();
        let unused = counts.iter_mut().filter(|count| **count == 0);
        for count in unused.take(2_usize.saturating_sub(used)) {
            *count = 1;
        }
        // Each is a count, and behind it the symbol: sorted by both.
        let mut sorted = [0_u32; N];
        let mut len = 0;
        for (symbol, count) in counts.iter().enumerate() {
            if *count > 0 {
                sorted[len] = u32::from(*count) << 16 | symbol as u32;
                len += 1;
            }
        }
        let sorted = &mut sorted[..len];
        sorted.sort_unstable();
        let mut depths = [0_u32; N];
        for (depth, entry) in depths.iter_mut().zip(sorted.iter()) {
            *depth = entry >> 16;
        }
        let per_length = codes_per_length(depths_of_counts(&mut depths[..len]), bits_max);
        let mut lengths = [0; N];
        let mut rarest_first = sorted.iter();
        for bits in (1..=bits_max).rev() {
            for entry in rarest_first.by_ref().take(per_length[bits] as usize) {
                lengths[(entry & 0xffff) as usize] = bits as u8;
            }
        }
        Self::of_lengths(lengths)
    }

    /// The code of a symbol, and its bits.
    pub(super) fn of(&self, symbol: usize) -> (u64, u32) {
        (self.codes[symbol].into(), self.lengths[symbol].into())
    }

    /// The bits that so many of each symbol take.
    pub(super) fn bits(&self, counts: &[u16; N]) -> u32 {
        let bits = |(count, length): (&u16, &u8)| u32::from(*count) * u32::from(*length);
        counts.iter().zip(&self.lengths).map(bits).sum()
    }
}

/// Turns two or more counts, in rising order, into the depths of their leaves in Huffman's tree: in place, after
/// Moffat and Katajainen, "In-Place Calculation of Minimum-Redundancy Codes" (1995).
fn depths_of_counts(values: &mut [u32]) -> &[u32] {
    let len = values.len();
    // What was merged becomes a node, in the place of a leaf that has been used; a used node becomes its parent's index.
    let (mut leaf, mut root) = (0, 0);
    for next in 0..len - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            if leaf >= len || root < next && values[root] < values[leaf] {
                sum += values[root];
                values[root] = next as u32;
                root += 1;
            } else {
                sum += values[leaf];
                leaf += 1;
            }
        }
        values[next] = sum;
    }
    // Depths of the nodes, from the root down.
    values[len - 2] = 0;
    for next in (0..len - 2).rev() {
        values[next] = values[values[next] as usize] + 1;
    }
    // Depths of the leaves: at each depth, what the nodes there leave free.
    let (mut free, mut depth, mut nodes, mut leaves) = (1, 0, len - 1, len);
    while free > 0 {
        let mut used = 0;
        while nodes > 0 && values[nodes - 1] == depth {
            used += 1;
            nodes -= 1;
        }
        for _ in used..free {
            leaves -= 1;
            values[leaves] = depth;
        }
        free = 2 * used;
        depth += 1;
    }
    values
}

/// How many codes have each length, when none may be longer than `bits_max`: those that are too long are cut, and others
/// made longer until there is room for them.
fn codes_per_length(depths: &[u32], bits_max: usize) -> [u32; CODE_BITS_MAX + 1] {
    let mut per_length = [0; CODE_BITS_MAX + 1];
    for depth in depths {
        per_length[(*depth as usize).min(bits_max)] += 1;
    }
    // In units of the longest code.
    let room = 1 << bits_max;
    let taken = |(bits, count): (usize, &u32)| count << (bits_max - bits);
    let codes = per_length[..=bits_max].iter().enumerate().skip(1);
    let mut taken: u32 = codes.map(taken).sum();
    while taken > room {
        per_length[bits_max] -= 1;
        let shorter = (1..bits_max).rev().find(|bits| per_length[*bits] > 0);
        let shorter = shorter.expect("an alphabet has fewer symbols than there are longest codes");
        per_length[shorter] -= 1;
        per_length[shorter + 1] += 2;
        taken -= 1;
    }
    per_length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the codes for `counts`, held to be complete and within the bound.
    fn lengths<const N: usize>(counts: [u16; N], bits_max: usize) -> [u8; N] {
        let lengths = Codes::of_counts(counts, bits_max).lengths;
        let used = lengths.iter().filter(|length| **length > 0);
        let room: u32 = used
            .map(|length| 1 << (bits_max - usize::from(*length)))
            .sum();
        assert_eq!(room, 1 << bits_max, "{counts:?}");
        lengths
    }

    #[test]
    fn frequent_symbols_have_short_codes() {
        assert_eq!(lengths([8, 4, 2, 1, 1], 15), [1, 2, 3, 4, 4]);
        assert_eq!(lengths([1; 8], 15), [3; 8]);
        assert_eq!(lengths([5, 0, 1, 1], 15), [1, 0, 2, 2]);
    }

    #[test]
    fn two_symbols_at_least() {
        assert_eq!(lengths([0, 0, 0, 0], 15), [1, 1, 0, 0]);
        assert_eq!(lengths([0, 0, 9, 0], 15), [1, 0, 1, 0]);
    }

    #[test]
    fn no_code_is_too_long() {
        // Counts of Fibonacci make the deepest tree.
        let mut counts = [1_u16; 23];
        for i in 2..counts.len() {
            counts[i] = counts[i - 1] + counts[i - 2];
        }
        assert_eq!(lengths(counts, 15).iter().max(), Some(&15));
        let nineteen: [u16; 19] = counts[..19].try_into().unwrap();
        assert_eq!(lengths(nineteen, 7).iter().max(), Some(&7));
    }

    #[test]
    fn the_example_of_the_specification() {
        // RFC 1951 §3.2.2
        let codes = Codes::of_lengths([3, 3, 3, 3, 3, 2, 4, 4]);
        let expected = [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111];
        for (symbol, code) in expected.into_iter().enumerate() {
            let (reversed, bits) = codes.of(symbol);
            assert_eq!((reversed as u16).reverse_bits() >> (16 - bits), code);
        }
    }
}
