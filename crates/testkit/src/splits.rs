//! Every way to cut a byte string that a test wants: whole, byte by byte, and in two at each offset.

/// An iterator over ways to cut `bytes` into consecutive pieces; joined, the pieces of each way give `bytes` again.
///
/// The ways are: whole, one byte per piece, and two pieces cut at every offset.
#[derive(Debug, Clone)]
pub struct Splits<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl<'a> Splits<'a> {
    /// All the ways for `bytes`: `bytes.len() + 1` of them.
    #[must_use]
    pub fn all(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0 }
    }
}

impl<'a> Iterator for Splits<'a> {
    type Item = Vec<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let way = self.next;
        self.next += 1;
        match way {
            0 => Some(vec![self.bytes]),
            1 => Some(self.bytes.chunks(1).collect()),
            _ if way - 1 < self.bytes.len() => {
                let (head, tail) = self.bytes.split_at(way - 1);
                Some(vec![head, tail])
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_same_bytes() {
        let ways: Vec<_> = Splits::all(b"abcd").collect();
        assert_eq!(ways.len(), 5);
        assert!(ways.iter().all(|pieces| pieces.concat() == b"abcd"));
        assert_eq!(ways[1].len(), 4);
        assert_eq!(ways[4], [&b"abc"[..], b"d"]);
    }
}
