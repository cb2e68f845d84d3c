//! UTF-8 (RFC 6455 §8.1): text that is known to be valid, and the check of text that arrives in pieces.

#[cfg(target_arch = "x86_64")]
mod wide;

use std::{
    fmt,
    ops::Deref,
    str::{self, Utf8Error},
};

use bytes::Bytes;

/// Text in shared bytes: cheap to clone, known to be UTF-8.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// The text of a `&'static str`, without a copy.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        as_str_validated(&self.0)
    }

    /// The bytes of the text.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Text out of bytes that a [`Utf8Validator`] has seen whole.
    pub(crate) fn from_validated(bytes: Bytes) -> Self {
        debug_assert!(str::from_utf8(&bytes).is_ok());
        Self(bytes)
    }
}

/// `bytes` as text, without a second check: only for bytes that were validated on their way in.
#[allow(unsafe_code)]
pub(crate) fn as_str_validated(bytes: &[u8]) -> &str {
    debug_assert!(str::from_utf8(bytes).is_ok());
    // SAFETY: every caller holds bytes that came from a `str` or passed a `Utf8Validator` to its end: `Utf8Bytes` is
    // built in this file and by `from_validated`, and `MessageRef::as_text` asks for it on text messages only.
    unsafe { str::from_utf8_unchecked(bytes) }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }
}

/// Text that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidUtf8;

/// Checks text piece by piece, and refuses it at the first byte that no valid text could have there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Utf8Validator {
    /// The bytes of a character that has begun and is not complete: a valid start of one.
    begun: [u8; 4],
    begun_len: u8,
}

impl Utf8Validator {
    /// Takes the next piece.
    pub(crate) fn push(&mut self, mut piece: &[u8]) -> Result<(), InvalidUtf8> {
        while self.begun_len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            piece = rest;
            self.complete(byte)?;
        }
        // What stands before an unfinished last character is valid by itself or never becomes so.
        let (whole, start) = piece.split_at(piece.len() - unfinished(piece));
        validate(whole)?;
        self.begin(start)
    }

    /// The end of the text: refused in the middle of a character.
    pub(crate) fn finish(self) -> Result<(), InvalidUtf8> {
        if self.begun_len == 0 {
            Ok(())
        } else {
            Err(InvalidUtf8)
        }
    }

    /// Keeps the start of a character, three bytes at most.
    fn begin(&mut self, start: &[u8]) -> Result<(), InvalidUtf8> {
        start.iter().try_for_each(|byte| self.complete(*byte))
    }

    /// Adds a byte to the character that has begun.
    fn complete(&mut self, byte: u8) -> Result<(), InvalidUtf8> {
        let len = usize::from(self.begun_len) + 1;
        self.begun[len - 1] = byte;
        match str::from_utf8(&self.begun[..len]) {
            Ok(_) => self.begun_len = 0,
            Err(error) if error.error_len().is_none() => self.begun_len = len as u8,
            Err(_) => return Err(InvalidUtf8),
        }
        Ok(())
    }
}

/// The bytes at the end of a piece that are a character's first, if it needs more of them than there are.
fn unfinished(piece: &[u8]) -> usize {
    let last = piece.iter().rev().take(3);
    let start = last.enumerate().find(|(_, byte)| **byte & 0xc0 != 0x80);
    match start {
        Some((after, byte)) if usize::from(sequence_bytes(*byte)) > after + 1 => after + 1,
        _ => 0,
    }
}

/// The bytes of a character that begins with `first` (RFC 3629 §3); 1 for what begins none, which is refused elsewhere.
fn sequence_bytes(first: u8) -> u8 {
    match first {
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf8 => 4,
        _ => 1,
    }
}

/// Whether a whole text is UTF-8.
pub(crate) fn validate(text: &[u8]) -> Result<(), InvalidUtf8> {
    #[cfg(target_arch = "x86_64")]
    if let Some(is_valid) = wide::is_valid(text) {
        return is_valid.then_some(()).ok_or(InvalidUtf8);
    }
    simdutf8::basic::from_utf8(text)
        .map(drop)
        .map_err(|_| InvalidUtf8)
}

#[cfg(test)]
mod tests {
    use gumboot_testkit::Splits;

    use super::*;

    fn validate_pieces(pieces: &[&[u8]]) -> Result<(), InvalidUtf8> {
        let mut validator = Utf8Validator::default();
        pieces.iter().try_for_each(|piece| validator.push(piece))?;
        validator.finish()
    }

    /// The bytes that a validator takes before it refuses, one at a time.
    fn taken(text: &[u8]) -> usize {
        let mut validator = Utf8Validator::default();
        text.iter()
            .take_while(|byte| validator.push(&[**byte]).is_ok())
            .count()
    }

    #[test]
    fn agrees_with_the_standard_library_at_every_split() {
        let texts: [&[u8]; 12] = [
            b"",
            b"plain",
            "κόσμε".as_bytes(),
            "a\u{10ffff}b\u{1f600}".as_bytes(),
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xf8\x88\x80\x80\x80",
            b"abc\xce",
            b"\x80",
            b"\xe2\x82",
            b"\xf0\x9f\x98x",
        ];
        for text in texts {
            for pieces in Splits::all(text) {
                let expected = str::from_utf8(text).is_ok();
                assert_eq!(validate_pieces(&pieces).is_ok(), expected, "{pieces:x?}");
            }
            assert_eq!(validate(text).is_ok(), str::from_utf8(text).is_ok());
        }
    }

    #[test]
    fn long_pieces_are_refused_when_they_cannot_become_text() {
        let text = "plain κόσμε 日本 \u{1f600}\u{10ffff} "
            .repeat(5)
            .into_bytes();
        for at in 0..text.len() {
            for byte in [b'x', 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0xff] {
                let mut text = text.clone();
                text[at] = byte;
                for cut in at.saturating_sub(4)..text.len().min(at + 5) {
                    let (piece, rest) = text.split_at(cut);
                    let mut validator = Utf8Validator::default();
                    let impossible =
                        |text| str::from_utf8(text).is_err_and(|error| error.error_len().is_some());
                    let refused = validator.push(piece).is_err();
                    assert_eq!(refused, impossible(piece), "{byte:x} at {at}, cut at {cut}");
                    if !refused {
                        assert_eq!(validator.push(rest).is_err(), impossible(&text));
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_at_the_first_impossible_byte() {
        assert_eq!(taken(b"\xf4\x90"), 1);
        assert_eq!(taken(b"\xed\xa0"), 1);
        assert_eq!(
            taken(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90"),
            12
        );
        assert_eq!(taken(b"\xc0"), 0);
    }
}
