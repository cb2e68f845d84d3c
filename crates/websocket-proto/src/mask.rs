//! Masking (RFC 6455 §5.3): the XOR of a payload with a repeated four-byte key, in place.

/// Where the keys of a client's frames come from: unpredictable to whoever chose the payload (RFC 6455 §10.3).
pub trait MaskKeys: Send {
    /// A fresh key, one for each frame.
    fn next_key(&mut self) -> [u8; 4];
}

/// From so many bytes on, wider registers win more than it costs to ask for them and to call what uses them.
#[cfg(target_arch = "x86_64")]
const WIDE_BYTES_MIN: usize = 128;

/// Masks or unmasks `bytes`, of which the first is at `offset` in its frame's payload.
// Most payloads are so short that the call would cost as much as the mask.
#[inline(always)]
pub(crate) fn apply(key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let key = rotated(key, offset);
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= WIDE_BYTES_MIN && (key == [0; 4] || apply_avx2(key, bytes)) {
        return;
    }
    // The registers that every processor of a target has: SSE2 on x86-64, NEON on AArch64.
    apply_blocks::<16>(key, bytes);
}

/// [`apply_blocks`] in registers of 32 bytes; false, and nothing done, on a processor without AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[allow(unsafe_code)]
fn apply_avx2(key: [u8; 4], bytes: &mut [u8]) -> bool {
    #[target_feature(enable = "avx2")]
    fn blocks(key: [u8; 4], bytes: &mut [u8]) {
        apply_aligned::<32>(key, bytes);
    }
    let has_avx2 = std::arch::is_x86_feature_detected!("avx2");
    if has_avx2 {
        // SAFETY: the function asks of its caller only that the processor has AVX2, as was just detected.
        unsafe { blocks(key, bytes) }
    }
    has_avx2
}

/// [`apply_blocks`] from the first address that is a multiple of `N`: no block then lies in two lines of the cache.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn apply_aligned<const N: usize>(key: [u8; 4], bytes: &mut [u8]) {
    let before = bytes.as_ptr().align_offset(N).min(bytes.len());
    let (head, blocks) = bytes.split_at_mut(before);
    apply_words(key, head);
    apply_blocks::<N>(rotated(key, before as u64), blocks);
}

/// Masks `N` bytes at a time, a multiple of 4: what compilers turn into vector instructions of that size.
#[inline(always)]
fn apply_blocks<const N: usize>(key: [u8; 4], bytes: &mut [u8]) {
    let mut block = [0; N];
    for word in block.chunks_exact_mut(4) {
        word.copy_from_slice(&key);
    }
    let mut chunks = bytes.chunks_exact_mut(N);
    for chunk in &mut chunks {
        for (byte, key) in chunk.iter_mut().zip(block) {
            *byte ^= key;
        }
    }
    apply_words(key, chunks.into_remainder());
}

/// Masks what is shorter than a block: four bytes at a time, then one.
#[inline(always)]
fn apply_words(key: [u8; 4], bytes: &mut [u8]) {
    let mut words = bytes.chunks_exact_mut(4);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key as it stands at `offset`.
#[inline]
fn rotated(key: [u8; 4], offset: u64) -> [u8; 4] {
    // The first byte of the key comes first in memory, so it is the lowest of this number.
    let bits = 8 * (offset % 4) as u32;
    u32::from_le_bytes(key).rotate_right(bits).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// The definition of §5.3, byte by byte.
    fn by_definition(key: [u8; 4], bytes: &[u8]) -> Vec<u8> {
        bytes
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ key[i % 4])
            .collect()
    }

    #[test]
    fn every_length_as_defined() {
        let plain: Vec<u8> = (0..=250).cycle().take(700).collect();
        // At every place in a line of the cache, too.
        for (from, to) in (0..33).flat_map(|from| (from..plain.len()).map(move |to| (from, to))) {
            let mut masked = plain.clone();
            apply(KEY, 0, &mut masked[from..to]);
            assert_eq!(masked[..from], plain[..from]);
            assert_eq!(masked[from..to], by_definition(KEY, &plain[from..to]));
            assert_eq!(masked[to..], plain[to..], "{from}..{to}");
        }
    }

    #[test]
    fn all_registers_give_the_same() {
        for length in 0..700 {
            let plain: Vec<u8> = (0..=250).cycle().take(length).collect();
            let expected = by_definition(KEY, &plain);
            let mut narrow = plain.clone();
            apply_blocks::<16>(KEY, &mut narrow);
            assert_eq!(narrow, expected, "length {length}");
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                let mut wide = plain;
                assert!(apply_avx2(KEY, &mut wide));
                assert_eq!(wide, expected, "length {length}");
            }
        }
    }

    #[test]
    fn a_payload_in_two_parts_is_masked_as_in_one() {
        let plain: Vec<u8> = (0..=250).cycle().take(300).collect();
        for cut in 0..=plain.len() {
            let mut masked = plain.clone();
            let (head, tail) = masked.split_at_mut(cut);
            apply(KEY, 0, head);
            apply(KEY, cut as u64, tail);
            assert_eq!(masked, by_definition(KEY, &plain), "cut at {cut}");
        }
    }
}
