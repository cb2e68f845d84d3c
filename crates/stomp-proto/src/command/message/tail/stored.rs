//! A [`Tail`] from its own octets, as a store gives them back. They are not taken on trust: a disk may have changed them.

use std::{error, fmt, ops::Range, str, sync::OnceLock};

use bytes::Bytes;
use memchr::memchr;

use super::Tail;
use crate::escapes::Escapes;

/// Octets that are not those of a [`Tail`], and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTail(&'static str);

impl fmt::Display for InvalidTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl error::Error for InvalidTail {}

impl Tail {
    /// The tail with these octets, which [`Tail::bytes`] gave for 1.2.
    ///
    /// # Errors
    /// [`InvalidTail`] if no tail has these octets: such as when some are missing.
    pub fn from_octets(octets: Bytes) -> Result<Self, InvalidTail> {
        let Layout {
            headers_end,
            body,
            is_plain,
        } = layout(&octets)?;
        Ok(Self {
            octets,
            headers_end,
            body,
            is_plain,
            v1_0: OnceLock::new(),
            v1_1: OnceLock::new(),
            is_text: OnceLock::new(),
        })
    }
}

/// What is where in the octets of a tail.
struct Layout {
    headers_end: usize,
    body: Range<usize>,
    is_plain: bool,
}

fn layout(octets: &[u8]) -> Result<Layout, InvalidTail> {
    let mut at = 0;
    let mut is_plain = true;
    let mut counted = None;
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        let end = memchr(b'\n', rest).ok_or(InvalidTail("its headers do not end"))?;
        let line = rest.get(..end).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        if counted.is_some() {
            return Err(InvalidTail("a header follows its content-length"));
        }
        let (name, value) = split(line)?;
        if name == b"content-length" {
            counted = Some((at, length(value)?));
        } else {
            is_plain &= is_plain_octets(name) && is_plain_octets(value);
        }
        at += end + 1;
    }
    let (headers_end, length) = counted.unwrap_or((at, 0));
    let begin = at + 1;
    let end = begin.checked_add(length);
    let end = end.filter(|end| octets.len() == end.saturating_add(1));
    let end = end.ok_or(InvalidTail("its body is not as long as it says"))?;
    if octets.last() != Some(&0) {
        return Err(InvalidTail("it does not end with a NUL"));
    }
    Ok(Layout {
        headers_end,
        body: begin..end,
        is_plain,
    })
}

/// The name and the value of a header as they are written.
fn split(line: &[u8]) -> Result<(&[u8], &[u8]), InvalidTail> {
    if str::from_utf8(line).is_err() || line.contains(&0) {
        return Err(InvalidTail("a header is no text"));
    }
    if Escapes::V1_2.check(line).is_err() {
        return Err(InvalidTail("a header has an unknown escape"));
    }
    match memchr(b':', line) {
        Some(colon) if colon > 0 => Ok((&line[..colon], &line[colon + 1..])),
        _ => Err(InvalidTail("a header has no name")),
    }
}

fn length(value: &[u8]) -> Result<usize, InvalidTail> {
    let digits = str::from_utf8(value).ok();
    let length = digits.and_then(|digits| digits.parse::<usize>().ok());
    // What `Tail` itself writes: no sign, no zero in front, and none for a body that is empty.
    let length = length.filter(|length| *length > 0 && length.to_string().as_bytes() == value);
    length.ok_or(InvalidTail("its content-length is no length"))
}

/// As `escapes::is_plain`, of what is written in 1.2: there is nothing escaped in it, and nothing that should be.
fn is_plain_octets(octets: &[u8]) -> bool {
    !octets
        .iter()
        .any(|octet| matches!(octet, b'\\' | b':' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    fn again(tail: &Tail) -> Tail {
        Tail::from_octets(tail.bytes(Version::V1_2)).unwrap()
    }

    #[test]
    fn a_tail_comes_back_from_its_octets() {
        let headers: [(&str, &str); 4] = [
            ("dead-letter-origin", "/queue/a"),
            ("lf", "a\nb"),
            ("x:y", "\\\r"),
            ("empty", ""),
        ];
        for count in 0..=headers.len() {
            for body in [&b""[..], b"hello", b"a\0b\n\nc", &[0xff, 0]] {
                let tail = Tail::new("/topic/a", &headers[..count], body);
                let back = again(&tail);
                for version in Version::ALL {
                    assert_eq!(back.bytes(version), tail.bytes(version));
                    assert_eq!(back.spelling(version), tail.spelling(version));
                }
                assert_eq!(back.body(), body);
                assert_eq!(back.is_text(), tail.is_text());
                assert_eq!(back.header("lf"), tail.header("lf"));
                let more = [("destination", "/queue/b")];
                assert_eq!(
                    back.with_headers(&more).bytes(Version::V1_1),
                    tail.with_headers(&more).bytes(Version::V1_1)
                );
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_missed() {
        for body in [&b""[..], b"hello", b"a\0b"] {
            let octets = Tail::new("/topic/a", &[("k", "v")], body).bytes(Version::V1_2);
            for end in 0..octets.len() {
                assert!(Tail::from_octets(octets.slice(..end)).is_err(), "{end}");
            }
            let longer = [&octets, &b"\0"[..]].concat();
            assert!(Tail::from_octets(longer.into()).is_err());
        }
    }

    #[test]
    fn what_no_tail_has_is_refused() {
        for (octets, problem) in [
            (&b""[..], "its headers do not end"),
            (b"a:b\n\n\x01", "it does not end with a NUL"),
            (b"ab\n\n\0", "a header has no name"),
            (b":b\n\n\0", "a header has no name"),
            (b"a:\xff\n\n\0", "a header is no text"),
            (b"a:\0\n\n\0", "a header is no text"),
            (b"a:\\t\n\n\0", "a header has an unknown escape"),
            (
                b"content-length:1\na:b\n\nx\0",
                "a header follows its content-length",
            ),
            (b"content-length:0\n\n\0", "its content-length is no length"),
            (
                b"content-length:+1\n\nx\0",
                "its content-length is no length",
            ),
            (
                b"content-length:2\n\nx\0",
                "its body is not as long as it says",
            ),
            (
                b"content-length:18446744073709551615\n\nx\0",
                "its body is not as long as it says",
            ),
        ] {
            let refused = Tail::from_octets(octets.into()).unwrap_err();
            assert_eq!(refused.to_string(), problem, "{octets:?}");
        }
    }
}
