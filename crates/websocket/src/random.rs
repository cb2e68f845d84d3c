//! Randomness from the operating system: handshake nonces and mask keys (RFC 6455 §10.3).

use gumboot_websocket_proto::MaskKeys;

/// The bytes fetched at a time: one system call for 256 keys.
const POOL_BYTES: usize = 1024;

/// Mask keys out of a pool of random bytes.
pub(crate) struct RandomKeys {
    pool: Vec<u8>,
}

impl RandomKeys {
    pub(crate) fn new() -> Self {
        Self { pool: Vec::new() }
    }
}

impl MaskKeys for RandomKeys {
    fn next_key(&mut self) -> [u8; 4] {
        loop {
            if let Some((rest, key)) = self.pool.split_last_chunk() {
                let (key, rest) = (*key, rest.len());
                self.pool.truncate(rest);
                return key;
            }
            self.pool = random::<POOL_BYTES>().to_vec();
        }
    }
}

/// Random bytes.
///
/// # Panics
/// If the operating system gives none: nothing can be kept secret then.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ() {
        let mut keys = RandomKeys::new();
        let seen: HashSet<_> = (0..1000).map(|_| keys.next_key()).collect();
        assert!(seen.len() > 990);
    }
}
