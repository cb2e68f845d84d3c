//! Where in the history of its topic a subscription begins: what SUBSCRIBE asks for, and what its RECEIPT says.
//!
//! `from-offset` and `from-epoch` are the place of the last message that was seen, as MESSAGE and RECEIPT tell it.
//! `x-stream-offset` is that of streams in RabbitMQ, whose `offset=` is the first message that is wanted.

use gumboot_broker_core::{Epoch, Position, ReplayFrom, Subscribed, Timestamp};
use gumboot_stomp_proto::Frame;

use super::{refused::Refused, value::number};

/// The digits of an epoch.
const EPOCH_DIGITS: usize = 16;

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct From {
    pub(super) replay: ReplayFrom,
    /// Whether it asks as a client of streams does, which looks for `x-stream-offset`.
    pub(super) is_stream: bool,
}

impl From {
    /// Reads the headers of a SUBSCRIBE.
    pub(super) fn read(frame: &Frame<'_>) -> Result<Option<Self>, Refused> {
        let offset = frame.header("from-offset");
        let epoch = frame.header("from-epoch");
        let stream = frame.header("x-stream-offset");
        let stream = stream.map(|value| stream_offset(&value)).transpose()?;
        // A client that comes back may say again where it wanted to begin at first.
        let replay = match (offset, epoch) {
            (None, None) => stream,
            (Some(offset), Some(epoch)) => Some(ReplayFrom::Behind(Position {
                epoch: parse_epoch(&epoch)?,
                offset: number("from-offset", &offset)?,
            })),
            (Some(_), None) => return Err(Refused::header("from-offset", "needs from-epoch")),
            (None, Some(_)) => return Err(Refused::header("from-epoch", "needs from-offset")),
        };
        let is_stream = stream.is_some();
        Ok(replay.map(|replay| Self { replay, is_stream }))
    }
}

/// Whether a SUBSCRIBE is written for a stream of RabbitMQ.
pub(super) fn is_of_stream(frame: &Frame<'_>) -> bool {
    frame
        .header("x-queue-type")
        .is_some_and(|kind| kind == "stream")
}

fn parse_epoch(value: &str) -> Result<Epoch, Refused> {
    let is_one = value.len() == EPOCH_DIGITS && value.bytes().all(|b| b.is_ascii_hexdigit());
    let epoch = u64::from_str_radix(value, 16).ok().filter(|_| is_one);
    let refused = || Refused::header("from-epoch", "is an epoch that a message or a receipt had");
    epoch.map(Epoch).ok_or_else(refused)
}

fn stream_offset(value: &str) -> Result<ReplayFrom, Refused> {
    let name = "x-stream-offset";
    match value.split_once('=') {
        Some(("offset", offset)) => Ok(ReplayFrom::At(number(name, offset)?)),
        Some(("timestamp", seconds)) => {
            let millis = number::<u64>(name, seconds)?.saturating_mul(1000);
            Ok(ReplayFrom::Since(Timestamp::from_millis(millis)))
        }
        None if value == "first" => Ok(ReplayFrom::First),
        None if value == "last" => Ok(ReplayFrom::Last),
        None if value == "next" => Ok(ReplayFrom::Next),
        _ => Err(Refused::header(
            name,
            "is first, last, next, offset=NUMBER or timestamp=SECONDS",
        )),
    }
}

/// What the RECEIPT of a SUBSCRIBE says of the place at which the subscription begins.
#[derive(Debug, Default)]
pub(super) struct Place(Vec<(&'static str, String)>);

impl Place {
    pub(super) fn of(subscribed: &Subscribed) -> Self {
        let mut headers = Vec::new();
        if let Some(Position { epoch, offset }) = subscribed.position {
            headers.push(("offset", offset.to_string()));
            headers.push(("epoch", epoch.to_string()));
        }
        if let Some(recovered) = subscribed.recovered {
            headers.push(("recovered", recovered.to_string()));
        }
        Self(headers)
    }

    pub(super) fn headers(&self) -> Vec<(&str, &str)> {
        let headers = self.0.iter();
        headers
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use gumboot_stomp_proto::{Decoded, Decoder, Input, Limits};

    use super::*;

    fn read(headers: &str) -> Result<Option<From>, String> {
        let octets = format!("SUBSCRIBE\n{headers}\n\n\0");
        let mut decoder = Decoder::new(Limits::default());
        let Ok(Some(Decoded::Frame(frame))) = decoder.decode(&mut Input::new(octets.as_bytes()))
        else {
            panic!("{octets:?} is a frame");
        };
        From::read(&frame).map_err(|refused| refused.detail)
    }

    #[test]
    fn what_was_seen_is_a_place() {
        let headers = "from-offset:17\nfrom-epoch:00000000000000ff";
        let replay = ReplayFrom::Behind(Position {
            epoch: Epoch(255),
            offset: 17,
        });
        for (more, is_stream) in [("", false), ("\nx-stream-offset:first", true)] {
            let seen = From { replay, is_stream };
            assert_eq!(read(&format!("{headers}{more}")), Ok(Some(seen)));
        }
        assert_eq!(Epoch(255).to_string(), "00000000000000ff");
        assert_eq!(read("a:b"), Ok(None));
    }

    #[test]
    fn what_streams_have() {
        let stream = |value| read(&format!("x-stream-offset:{value}"));
        for (value, from) in [
            ("first", ReplayFrom::First),
            ("last", ReplayFrom::Last),
            ("next", ReplayFrom::Next),
            ("offset=5", ReplayFrom::At(5)),
            (
                "timestamp=7",
                ReplayFrom::Since(Timestamp::from_millis(7_000)),
            ),
        ] {
            let from = From {
                replay: from,
                is_stream: true,
            };
            assert_eq!(stream(value), Ok(Some(from)));
        }
        for value in [
            "",
            "First",
            "5",
            "offset",
            "offset=",
            "offset=-1",
            "timestamp=x",
            "first=1",
        ] {
            assert!(stream(value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_does_not_go_together() {
        let epoch = "from-epoch:0123456789abcdef";
        for headers in [
            "from-offset:1",
            epoch,
            "from-offset:1\nfrom-epoch:",
            "from-offset:1\nfrom-epoch:0123456789abcdeg",
            "from-offset:1\nfrom-epoch:+123456789abcdef",
            "from-offset:1\nfrom-epoch:0123456789abcdef0",
            &format!("from-offset:x\n{epoch}"),
            &format!("from-offset:\n{epoch}"),
            &format!("from-offset:1\n{epoch}\nx-stream-offset:then"),
            "from-offset:1\nx-stream-offset:next",
        ] {
            assert!(read(headers).is_err(), "{headers:?}");
        }
    }
}
