//! How a version writes the octets that a header may not hold (STOMP 1.2, Value Encoding).
//! Names and values are treated alike; what a header is made of is not known here.

use std::borrow::Cow;

use memchr::memchr;

use crate::{command::Command, error::ErrorKind, version::Version};

/// The set of escapes that holds for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// CONNECT, STOMP and CONNECTED, in every version: none, so that peers of all versions can read
    /// them.
    Connect,
    /// STOMP 1.0: none.
    V1_0,
    /// STOMP 1.1: LF, colon and backslash.
    V1_1,
    /// STOMP 1.2: CR as well.
    V1_2,
}

impl Escapes {
    /// The escapes of a `command` in a session that has agreed on `version`, or not yet on any.
    pub(crate) fn of(version: Option<Version>, command: Command) -> Self {
        match (version, command) {
            (_, Command::Connect | Command::Stomp | Command::Connected) => Self::Connect,
            (None | Some(Version::V1_0), _) => Self::V1_0,
            (Some(Version::V1_1), _) => Self::V1_1,
            (Some(Version::V1_2), _) => Self::V1_2,
        }
    }

    const fn is_none(self) -> bool {
        matches!(self, Self::Connect | Self::V1_0)
    }

    /// Refuses a backslash that begins no escape of this set.
    ///
    /// # Errors
    /// [`ErrorKind::EscapeInvalid`].
    pub(crate) fn check(self, text: &[u8]) -> Result<(), ErrorKind> {
        if self.is_none() {
            return Ok(());
        }
        let mut rest = text;
        while let Some(at) = memchr(b'\\', rest) {
            let letter = rest.get(at + 1).ok_or(ErrorKind::EscapeInvalid)?;
            self.decode(*letter).ok_or(ErrorKind::EscapeInvalid)?;
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        Ok(())
    }

    /// The text that a name or value stands for, in one pass from left to right; [`Self::check`]
    /// comes first.
    pub(crate) fn unescape(self, text: &[u8]) -> Cow<'_, str> {
        if self.is_none() || memchr(b'\\', text).is_none() {
            // What is UTF-8, as nearly all is, is found so in half the time.
            return str::from_utf8(text)
                .map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed);
        }
        let mut plain = Vec::with_capacity(text.len());
        let mut octets = text.iter().copied();
        while let Some(octet) = octets.next() {
            let escaped = (octet == b'\\').then(|| octets.next()).flatten();
            plain.push(
                escaped
                    .and_then(|letter| self.decode(letter))
                    .unwrap_or(octet),
            );
        }
        Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
    }

    /// Appends a name or value as it goes over the wire.
    pub(crate) fn escape(self, out: &mut Vec<u8>, text: &str) {
        let mut rest = text.as_bytes();
        if is_plain(text) {
            return out.extend_from_slice(rest);
        }
        while let Some(at) = rest.iter().position(|&octet| self.encode(octet).is_some()) {
            let (plain, special) = rest.split_at(at);
            out.extend_from_slice(plain);
            if let Some((&octet, after)) = special.split_first() {
                out.extend(
                    self.encode(octet)
                        .map(|letter| [b'\\', letter])
                        .into_iter()
                        .flatten(),
                );
                rest = after;
            }
        }
        out.extend_from_slice(rest);
    }

    /// Whether a frame can carry a header at all: 1.0 and the frames of the connect cannot carry an
    /// end of line, nor a name with a colon. A NUL is refused when it arrives, so it is never sent.
    pub(crate) fn carries(self, name: &str, value: &str) -> bool {
        let line_safe = |text: &str| match self {
            Self::Connect => !text.contains(['\0', '\n', '\r']),
            Self::V1_0 => !text.contains(['\0', '\n']),
            Self::V1_1 | Self::V1_2 => memchr(0, text.as_bytes()).is_none(),
        };
        let name_safe = !name.is_empty() && (!self.is_none() || !name.contains(':'));
        name_safe && line_safe(name) && line_safe(value)
    }

    fn decode(self, letter: u8) -> Option<u8> {
        match letter {
            b'\\' => Some(b'\\'),
            b'c' => Some(b':'),
            b'n' => Some(b'\n'),
            b'r' if self == Self::V1_2 => Some(b'\r'),
            _ => None,
        }
    }

    fn encode(self, octet: u8) -> Option<u8> {
        match octet {
            _ if self.is_none() => None,
            b'\\' => Some(b'\\'),
            b':' => Some(b'c'),
            b'\n' => Some(b'n'),
            b'\r' if self == Self::V1_2 => Some(b'r'),
            _ => None,
        }
    }
}

/// Whether every version writes `text` as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    !has_any(text, |octet| matches!(octet, b'\\' | b':' | b'\n' | b'\r'))
}

/// Whether every version writes `text` as it is, and every frame can carry it.
pub(crate) fn is_clean(text: &str) -> bool {
    !has_any(text, |octet| {
        matches!(octet, b'\\' | b':' | b'\n' | b'\r' | 0)
    })
}

/// Looks at all octets: without a way out in the middle, many are looked at in one step.
fn has_any(text: &str, is_one: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |any, octet| any | is_one(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(escapes: Escapes, wire: &str, plain: &str) {
        assert_eq!(escapes.check(wire.as_bytes()), Ok(()), "{wire:?}");
        assert_eq!(escapes.unescape(wire.as_bytes()), plain);
        let mut out = Vec::new();
        escapes.escape(&mut out, plain);
        assert_eq!(String::from_utf8_lossy(&out), wire);
    }

    #[test]
    fn each_set_both_ways() {
        check(Escapes::V1_2, r"v\\n\c\r\n", "v\\n:\r\n");
        check(Escapes::V1_1, "v\\\\n\\c\r\\n", "v\\n:\r\n");
        check(Escapes::V1_0, r"v\\n:\r\n", r"v\\n:\r\n");
        check(Escapes::Connect, r"a:b\c\\", r"a:b\c\\");
        check(Escapes::V1_2, "", "");
        check(Escapes::V1_2, "é\\c→", "é:→");
    }

    #[test]
    fn a_backslash_before_anything_else_is_refused() {
        for wire in [r"\t", r"\", r"a\\\", r"\C", r"\0", "\\\u{e9}"] {
            for escapes in [Escapes::V1_1, Escapes::V1_2] {
                assert_eq!(
                    escapes.check(wire.as_bytes()),
                    Err(ErrorKind::EscapeInvalid),
                    "{wire}"
                );
            }
            assert_eq!(Escapes::V1_0.check(wire.as_bytes()), Ok(()));
        }
        assert_eq!(Escapes::V1_1.check(br"a\rb"), Err(ErrorKind::EscapeInvalid));
    }

    #[test]
    fn what_cannot_be_carried() {
        assert!(Escapes::V1_2.carries("a:b\n", "\r\n"));
        assert!(!Escapes::V1_2.carries("a", "\0"));
        assert!(!Escapes::V1_2.carries("", "a"));
        assert!(Escapes::V1_0.carries("a", "b:c\r"));
        assert!(!Escapes::V1_0.carries("a:b", "c"));
        assert!(!Escapes::V1_0.carries("a", "b\nc"));
        assert!(!Escapes::Connect.carries("a", "b\rc"));
    }
}
