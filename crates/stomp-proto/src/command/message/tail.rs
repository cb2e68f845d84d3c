//! What all receivers of a message share: the sender's headers and the body, encoded once per
//! version at most (STOMP 1.2, SEND and MESSAGE). What differs per receiver is in
//! [`encode_head`](super::encode_head).

mod stored;

use std::{borrow::Cow, ops::Range, sync::OnceLock};

use bytes::Bytes;
use memchr::memchr;

pub use self::stored::InvalidTail;
use crate::{
    encode::FrameWriter,
    escapes::{self, Escapes},
    frame::{Frame, Header},
    version::Version,
};

/// What the server alone says in a MESSAGE, and what of a SEND is not meant for receivers. A sender
/// who could set these could pass a message off as another.
fn is_not_the_senders(name: &str) -> bool {
    matches!(
        name,
        "ack"
            | "browser"
            | "content-length"
            | "dead-letter-deliveries"
            | "dead-letter-kind"
            | "dead-letter-origin"
            | "dead-letter-reason"
            | "delivery-count"
            | "epoch"
            | "message-id"
            | "offset"
            | "receipt"
            | "receipt-level"
            | "redelivered"
            | "retained"
            | "subscription"
            | "transaction"
            | "x-stream-offset"
    )
}

/// The part of a MESSAGE that all receivers share: from the header after the head to the NUL.
///
/// It is written in the spelling of 1.2. Receivers of other versions get the same octets unless a
/// header has something to escape; then the first of them has it written once more.
#[derive(Debug)]
pub struct Tail {
    octets: Bytes,
    /// Where, in the octets, the headers of the sender end.
    headers_end: usize,
    body: Range<usize>,
    /// Whether every version spells the headers alike.
    is_plain: bool,
    v1_0: OnceLock<Bytes>,
    v1_1: OnceLock<Bytes>,
    is_text: OnceLock<bool>,
}

impl Tail {
    /// The tail of the message that a SEND frame publishes: its headers as they are, without those
    /// that are not for receivers, and its body.
    #[must_use]
    pub fn from_send(frame: &Frame<'_>) -> Self {
        let senders = frame
            .lines()
            .filter(|header| !is_not_the_senders(&header.name));
        Self::build(senders, frame.body())
    }

    /// The tail of a message of the server's own.
    #[must_use]
    pub fn new(destination: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let destination = unseen("destination".into(), destination.into());
        let others = headers
            .iter()
            .map(|&(name, value)| unseen(name.into(), value.into()));
        Self::build(std::iter::once(destination).chain(others), body)
    }

    /// The same message with these headers, in the place of those that it has by the same names.
    #[must_use]
    pub fn with_headers(&self, headers: &[(&str, &str)]) -> Self {
        let replaced = |name: &str| headers.iter().any(|(new, _)| *new == name);
        let kept = self.headers().filter(|(name, _)| !replaced(name));
        let kept = kept.map(|(name, value)| unseen(name, value));
        let new = headers
            .iter()
            .map(|&(name, value)| unseen(name.into(), value.into()));
        Self::build(new.chain(kept), self.body())
    }

    /// The value of a header, unescaped.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut found = self.headers().filter(|(other, _)| other == name);
        found.next().map(|(_, value)| value)
    }

    /// The octets for receivers of `version`, from a header to the NUL.
    #[must_use]
    pub fn bytes(&self, version: Version) -> Bytes {
        let transcoded = match version {
            _ if self.is_plain => None,
            Version::V1_0 => Some(&self.v1_0),
            Version::V1_1 => Some(&self.v1_1),
            Version::V1_2 => None,
        };
        transcoded
            .map_or(&self.octets, |cell| {
                cell.get_or_init(|| self.transcode(version))
            })
            .clone()
    }

    /// The version by whose spelling the receivers of `version` get the message: the newest, unless a header has
    /// something to escape.
    #[must_use]
    pub fn spelling(&self, version: Version) -> Version {
        if self.is_plain {
            Version::V1_2
        } else {
            version
        }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.octets.get(self.body.clone()).unwrap_or_default()
    }

    /// Whether the body is UTF-8, so that the whole frame is, and a browser takes it as text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        *self
            .is_text
            .get_or_init(|| simdutf8::basic::from_utf8(self.body()).is_ok())
    }

    fn build<'h>(headers: impl Iterator<Item = Header<'h>>, body: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(body.len() + 256);
        let mut writer = FrameWriter::resume(&mut octets, Escapes::V1_2);
        let mut plain = true;
        for Header {
            name,
            value,
            is_plain,
        } in headers.filter(|header| header.name != "content-length")
        {
            if is_plain {
                writer.line(&name, &value);
            } else {
                plain &= escapes::is_plain(&name) && escapes::is_plain(&value);
                writer.header(&name, &value);
            }
        }
        let headers_end = octets.len();
        FrameWriter::resume(&mut octets, Escapes::V1_2).body(body);
        let body_end = octets.len() - 1;
        Self {
            octets: octets.into(),
            headers_end,
            body: body_end - body.len()..body_end,
            is_plain: plain,
            v1_0: OnceLock::new(),
            v1_1: OnceLock::new(),
            is_text: OnceLock::new(),
        }
    }

    /// Names and values, unescaped.
    fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let octets = self.octets.get(..self.headers_end).unwrap_or_default();
        let lines = octets
            .split(|&octet| octet == b'\n')
            .filter(|line| !line.is_empty());
        lines.map(|line| {
            let colon = memchr(b':', line).unwrap_or(line.len());
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default();
            (Escapes::V1_2.unescape(name), Escapes::V1_2.unescape(value))
        })
    }

    fn transcode(&self, version: Version) -> Bytes {
        let escapes = match version {
            Version::V1_0 => Escapes::V1_0,
            Version::V1_1 => Escapes::V1_1,
            Version::V1_2 => Escapes::V1_2,
        };
        let mut octets = Vec::with_capacity(self.octets.len());
        let mut writer = FrameWriter::resume(&mut octets, escapes);
        for (name, value) in self.headers() {
            writer.header(&name, &value);
        }
        writer.body(self.body());
        octets.into()
    }
}

/// A header that has not been looked at for what must be escaped.
fn unseen<'h>(name: Cow<'h, str>, value: Cow<'h, str>) -> Header<'h> {
    Header {
        name,
        value,
        is_plain: false,
    }
}

#[cfg(test)]
mod tests;
