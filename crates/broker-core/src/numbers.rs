//! A hash for keys that are numbers which the broker, or who drives it, has given out: nobody outside can choose them so
//! that they collide, so it need not be one that withstands that.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A map from numbers.
pub(crate) type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// An odd number without a pattern: the part of the golden ratio behind its point, in 64 bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes a number by one multiplication, whose upper half has taken in all bits.
#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64((*octet).into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(FACTOR);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        hash::{BuildHasher, Hash},
    };

    use super::*;

    fn hash(key: impl Hash) -> u64 {
        BuildHasherDefault::<NumberHasher>::default().hash_one(key)
    }

    #[test]
    fn numbers_in_a_row_fall_apart() {
        // A table takes its place from the lower bits, and seven more from the upper ones.
        let lower: HashSet<_> = (0..1024u64).map(|n| hash(n) % 1024).collect();
        let upper: HashSet<_> = (0..1024u64).map(|n| hash(n) >> 57).collect();
        assert!(lower.len() > 512, "{}", lower.len());
        assert_eq!(upper.len(), 128);
        let pairs: HashSet<_> = (0..100u32)
            .flat_map(|a| (0..100u64).map(move |b| hash((a, b))))
            .collect();
        assert_eq!(pairs.len(), 10_000);
    }
}
