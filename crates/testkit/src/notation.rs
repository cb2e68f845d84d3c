//! The notation for bytes on the wire that the tests use: hex and text by turns, as in `81 05 | Hello`.

/// Bytes from their notation: parts divided by `|`, by turns hex pairs and text; one space beside each `|` is not text.
///
/// # Panics
/// On a part that should be hex and is not.
#[must_use]
pub fn wire(notation: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in notation.split('|').enumerate() {
        if index % 2 == 0 {
            bytes.extend(part.split_whitespace().map(hex_pair));
        } else {
            let text = part.strip_prefix(' ').unwrap_or(part);
            bytes.extend(text.strip_suffix(' ').unwrap_or(text).as_bytes());
        }
    }
    bytes
}

fn hex_pair(pair: &str) -> u8 {
    u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("`{pair}` is not a hex pair"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_text_by_turns() {
        assert_eq!(wire("81 05 | Hello"), b"\x81\x05Hello");
        assert_eq!(wire("81 02 | ab | 88 00"), b"\x81\x02ab\x88\x00");
        assert_eq!(wire(""), b"");
    }
}
