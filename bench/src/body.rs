//! Bodies that carry a number and are known in full: JSON such as services push, which compresses as that does.

use crate::{Failure, target::number};

/// What stands before the number.
const HEAD: &[u8] = b"{\"number\":\"";

/// How many digits the number has.
const DIGITS: usize = 20;

/// The least that a body can be long.
pub(crate) const BYTES_MIN: usize = HEAD.len() + DIGITS + 2;

/// A body of which only the number changes.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    bytes: Vec<u8>,
}

impl Body {
    pub(crate) fn new(length: usize) -> Result<Self, Failure> {
        if length < BYTES_MIN {
            return Err(format!("a body must have {BYTES_MIN} bytes").into());
        }
        let mut text = HEAD.to_vec();
        text.extend_from_slice(&[b'0'; DIGITS]);
        text.extend_from_slice(b"\"");
        // Knuth's generator of MMIX: figures that do not repeat, the same on each run.
        let mut random = 1_u64;
        while text.len() < length {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (price, volume) = (random >> 48, (random >> 32) & 0xfff);
            text.extend_from_slice(
                format!(",\"bid\":{{\"price\":{price},\"volume\":{volume},\"venue\":\"main\"}}")
                    .as_bytes(),
            );
        }
        text.truncate(length - 1);
        text.push(b'}');
        Ok(Self { bytes: text })
    }

    /// The body with this number.
    pub(crate) fn with(&mut self, number: u64) -> &[u8] {
        let digits = format!("{number:0DIGITS$}");
        self.bytes[HEAD.len()..HEAD.len() + DIGITS].copy_from_slice(digits.as_bytes());
        &self.bytes
    }

    /// The number of a body that came, if all else is as it should be.
    pub(crate) fn number(&self, came: &[u8]) -> Option<u64> {
        let (head, rest) = came.split_at_checked(HEAD.len())?;
        let (digits, tail) = rest.split_at_checked(DIGITS)?;
        let good = head == HEAD && tail == &self.bytes[HEAD.len() + DIGITS..];
        if good { number(digits) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_as_long_as_asked_and_known_again() {
        for length in [BYTES_MIN, 128, 1_024, 16_384] {
            let mut body = Body::new(length).expect("it is long enough");
            let known = body.clone();
            let mut bytes = body.with(1_234).to_vec();
            assert_eq!(bytes.len(), length);
            assert_eq!(known.number(&bytes), Some(1_234));
            assert_eq!(known.number(&bytes[..length - 1]), None);
            let last = bytes.len() - 1;
            bytes[last] = b'x';
            assert_eq!(known.number(&bytes), None);
        }
        assert!(Body::new(BYTES_MIN - 1).is_err());
    }
}
