//! MESSAGE (STOMP 1.2, MESSAGE), in two parts: headers may stand in any order, so those that differ
//! per receiver come first and all the rest, the [`Tail`](tail::Tail), is written once.

use std::{borrow::Cow, fmt::Display};

use crate::{
    command::{Command, required},
    encode::FrameWriter,
    error::ErrorKind,
    escapes::{Escapes, is_plain},
    frame::Frame,
    version::Version,
};

pub(crate) mod tail;

/// A MESSAGE, without the headers and the body that the sender gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Where the message was sent to.
    pub destination: Cow<'a, str>,
    /// The name of the message in this session.
    pub message_id: Cow<'a, str>,
    /// The subscription that it is for; in 1.0 only if that has an id.
    pub subscription: Option<Cow<'a, str>>,
    /// What an ACK says for it; in 1.2, when the subscription asks for acknowledgement.
    pub ack: Option<Cow<'a, str>>,
}

impl<'a> Message<'a> {
    /// Reads a MESSAGE frame.
    ///
    /// # Errors
    /// When a header is missing.
    pub fn parse(frame: &Frame<'a>, version: Version) -> Result<Self, ErrorKind> {
        let subscription = match version {
            Version::V1_0 => frame.detached("subscription"),
            Version::V1_1 | Version::V1_2 => Some(required(frame, "subscription")?),
        };
        Ok(Self {
            destination: required(frame, "destination")?,
            message_id: required(frame, "message-id")?,
            subscription,
            // Before 1.2 it is a header of the sender's own.
            ack: frame.detached("ack").filter(|_| version == Version::V1_2),
        })
    }
}

/// Appends the first part of a MESSAGE, to be followed by the octets of a [`Tail`](tail::Tail) of
/// the same version: [`begin_head`] and [`finish_head`].
pub fn encode_head(
    out: &mut Vec<u8>,
    version: Version,
    subscription: Option<&str>,
    message_id: &str,
    ack: Option<&str>,
    more: &[(&str, &dyn Display)],
) {
    begin_head(out, version, subscription);
    finish_head(out, version, &[message_id], ack.as_slice(), more);
}

/// Appends what the heads of all MESSAGEs to a subscription begin with, up to where their names
/// come.
pub fn begin_head(out: &mut Vec<u8>, version: Version, subscription: Option<&str>) {
    out.extend_from_slice(b"MESSAGE\n");
    if let Some(id) = subscription {
        let mut headers = FrameWriter::resume(out, Escapes::of(Some(version), Command::Message));
        // A name without anything special is not looked at for every head.
        headers.header_of_clean_name("subscription", id);
    }
    out.extend_from_slice(b"message-id:");
}

/// Appends the rest of a head that was [begun](begin_head): the name of the message, and of what
/// is to be acknowledged, if anything is, both as parts that are put together. Neither may hold
/// what a version escapes. Versions before 1.2 have no `ack`, so it is left out there. `more` are headers of the server's own; neither names nor values
/// may hold what the version cannot escape.
pub fn finish_head(
    out: &mut Vec<u8>,
    version: Version,
    message_id: &[&str],
    ack: &[&str],
    more: &[(&str, &dyn Display)],
) {
    debug_assert!(message_id.iter().chain(ack).all(|part| is_plain(part)));
    push_parts(out, message_id);
    if !ack.is_empty() && version == Version::V1_2 {
        out.extend_from_slice(b"ack:");
        push_parts(out, ack);
    }
    if more.is_empty() {
        return;
    }
    let mut headers = FrameWriter::resume(out, Escapes::of(Some(version), Command::Message));
    for (name, value) in more {
        headers.header_display(name, value);
    }
}

fn push_parts(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_beginning_serves_many_heads() {
        for version in Version::ALL {
            let mut head = Vec::new();
            begin_head(&mut head, version, Some("a:b"));
            let begun = head.len();
            for (message_id, ack) in [("1", None), ("0-27", Some("0-27"))] {
                let more: &[(&str, &dyn Display)] = &[("redelivered", &true)];
                head.truncate(begun);
                finish_head(&mut head, version, &[message_id], ack.as_slice(), more);
                let mut whole = Vec::new();
                encode_head(&mut whole, version, Some("a:b"), message_id, ack, more);
                assert_eq!(head, whole);
                let text = String::from_utf8(whole).expect("a head is UTF-8");
                let has_ack = ack.is_some() && version == Version::V1_2;
                assert_eq!(text.contains("\nack:0-27\n"), has_ack, "{text}");
                assert!(text.contains(&format!("\nmessage-id:{message_id}\n")));
                assert!(text.ends_with("\nredelivered:true\n"));
            }
        }
    }
}
