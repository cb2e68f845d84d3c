//! What the messages carry. Nothing is left to chance, so that each run counts the same.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

/// Bytes without a pattern that a masking key would hide.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 % 251) as u8).collect()
}

/// Text with characters of one to four bytes, of this length in bytes.
pub(crate) fn text(length: usize) -> Vec<u8> {
    const LINE: &str = "Grüße aus Köln, 今日は, до встречи 🙂 and plain words. ";
    let mut text = String::new();
    for character in LINE.chars().cycle() {
        if text.len() + character.len_utf8() > length {
            break;
        }
        text.push(character);
    }
    // What is left is shorter than a character.
    text.extend(std::iter::repeat_n('.', length - text.len()));
    text.into_bytes()
}

/// JSON as programs send it, of this length: names repeat, values differ.
pub(crate) fn json(length: usize) -> Vec<u8> {
    let mut text = String::from("[");
    for index in 0_u32.. {
        let (id, price) = (index * 7_919 + 1_000, index * 104_729 % 99_991);
        let entry =
            format!("{{\"id\":{id},\"symbol\":\"S{index:02}\",\"price\":{price},\"open\":true}},");
        if text.len() + entry.len() >= length {
            break;
        }
        text += &entry;
    }
    text.pop();
    text.push(']');
    text.extend(std::iter::repeat_n(' ', length - text.len()));
    text.into_bytes()
}

/// The end of a flushed block of deflate, which a message leaves out (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// A payload as permessage-deflate has it.
pub(crate) fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let flush = encoder.write_all(payload).and_then(|()| encoder.flush());
    flush.expect("memory takes everything");
    let mut bytes = encoder.get_ref().clone();
    assert!(bytes.ends_with(&TAIL), "a flush ends so");
    bytes.truncate(bytes.len() - TAIL.len());
    bytes
}

/// The payload of a compressed message.
///
/// # Panics
/// If it is not well formed.
pub(crate) fn inflate(bytes: &[u8]) -> Vec<u8> {
    // An empty last block, so that the end is one for the decoder.
    const LAST: [u8; 5] = [1, 0, 0, 0xFF, 0xFF];
    let mut payload = Vec::new();
    DeflateDecoder::new([bytes, &TAIL, &LAST].concat().as_slice())
        .read_to_end(&mut payload)
        .expect("the server compresses well");
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_as_long_as_asked_for() {
        for length in [32, 1_024, 16_384] {
            assert_eq!(bytes(length).len(), length);
            let text = text(length);
            assert_eq!(text.len(), length);
            assert!(str::from_utf8(&text).is_ok_and(|text| !text.is_ascii()));
        }
        let json = json(1_024);
        assert_eq!(json.len(), 1_024);
        assert!(json.starts_with(b"[{\"id\":1000,") && json.trim_ascii_end().ends_with(b"}]"));
    }

    #[test]
    fn what_is_compressed_inflates() {
        let json = json(1_024);
        let bytes = deflate(&json);
        assert!(bytes.len() < json.len() / 2);
        assert_eq!(inflate(&bytes), json);
    }
}
