//! Masking (RFC 6455 §5.3): the XOR of a payload with a repeated four-byte key, in place.

/// Where the keys of a client's frames come from: unpredictable to whoever chose the payload (RFC 6455 §10.3).
pub trait MaskKeys: Send {
    /// A fresh key, one for each frame.
    fn next_key(&mut self) -> [u8; 4];
}

/// Masks or unmasks `bytes`, of which the first is at `offset` in its frame's payload.
pub(crate) fn apply(key: [u8; 4], offset: u64, bytes: &mut [u8]) {
    let key = rotated(key, offset);
    if key == [0; 4] {
        return;
    }
    // Sixteen bytes at a time is what compilers turn into vector instructions.
    let wide = u128::from_ne_bytes(
        [key; 4]
            .as_flattened()
            .try_into()
            .expect("4 keys of 4 bytes"),
    );
    let mut chunks = bytes.chunks_exact_mut(16);
    for chunk in &mut chunks {
        let masked = wide ^ u128::from_ne_bytes((&*chunk).try_into().expect("a chunk of 16"));
        chunk.copy_from_slice(&masked.to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The key as it stands at `offset`.
fn rotated(mut key: [u8; 4], offset: u64) -> [u8; 4] {
    key.rotate_left((offset % 4) as usize);
    key
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
        for length in 0..100 {
            let plain: Vec<u8> = (0..length).collect();
            let mut masked = plain.clone();
            apply(KEY, 0, &mut masked);
            assert_eq!(masked, by_definition(KEY, &plain), "length {length}");
        }
    }

    #[test]
    fn a_payload_in_two_parts_is_masked_as_in_one() {
        let plain: Vec<u8> = (0..70).collect();
        for cut in 0..=plain.len() {
            let mut masked = plain.clone();
            let (head, tail) = masked.split_at_mut(cut);
            apply(KEY, 0, head);
            apply(KEY, cut as u64, tail);
            assert_eq!(masked, by_definition(KEY, &plain), "cut at {cut}");
        }
    }
}
