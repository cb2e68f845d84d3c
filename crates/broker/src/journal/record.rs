//! What the records of a store hold, and how: one type for each kind of stream. Each record begins with the number of the
//! way in which it is written; one that is not known here is refused.

use std::sync::Arc;

use bytes::Bytes;
use gumboot_broker_core::{Properties, Retain, Timestamp};
use gumboot_stomp_proto::Tail;

use super::octets::{Problem, Reader, Writer};
use crate::publication::{Message, Publication};

mod history;

pub(super) use self::history::{Ended, HistoryMeta, Logged};

/// The way in which records are written now.
const WAY: u8 = 1;

/// What is known of a queue or durable subscription, or of the store: a record of the stream `meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meta {
    /// The server ended in order after all that is in the store.
    Ended,
    /// A server did not end in order: what was appended up to this moment, in milliseconds of Unix time, may have been
    /// delivered.
    Doubted { until_ms: u64 },
    /// A queue, whose messages are in the stream of this number.
    Queue { number: u64, name: Arc<str> },
    /// A durable subscription, whose messages are in the stream of this number.
    Durable {
        number: u64,
        client: Arc<str>,
        name: Arc<str>,
        topic: Arc<str>,
        selector: Option<Box<str>>,
        no_local: bool,
    },
}

const ENDED: u8 = 0;
const QUEUE: u8 = 1;
const DURABLE: u8 = 2;
const DOUBTED: u8 = 3;

const NO_LOCAL: u8 = 1;
const SELECTOR: u8 = 2;

impl Meta {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Writer(vec![WAY]);
        match self {
            Self::Ended => out.octet(ENDED),
            Self::Doubted { until_ms } => {
                out.octet(DOUBTED);
                out.number(*until_ms);
            }
            Self::Queue { number, name } => {
                out.octet(QUEUE);
                out.number(*number);
                out.text(name);
            }
            Self::Durable {
                number,
                client,
                name,
                topic,
                selector,
                no_local,
            } => {
                out.octet(DURABLE);
                out.number(*number);
                for text in [client, name, topic] {
                    out.text(text);
                }
                out.octet(flag(*no_local, NO_LOCAL) | flag(selector.is_some(), SELECTOR));
                if let Some(selector) = selector {
                    out.text(selector);
                }
            }
        }
        out.0.into()
    }

    pub(super) fn decode(octets: &[u8]) -> Result<Self, Problem> {
        let mut reader = begin(octets)?;
        let meta = match reader.octet()? {
            ENDED => Self::Ended,
            DOUBTED => Self::Doubted {
                until_ms: reader.number()?,
            },
            QUEUE => Self::Queue {
                number: reader.number()?,
                name: reader.text()?.into(),
            },
            DURABLE => {
                let number = reader.number()?;
                let [client, name, topic] = [reader.text()?, reader.text()?, reader.text()?];
                let flags = flags(reader.octet()?, NO_LOCAL | SELECTOR)?;
                let selector = (flags & SELECTOR != 0).then(|| reader.text()).transpose()?;
                Self::Durable {
                    number,
                    client: client.into(),
                    name: name.into(),
                    topic: topic.into(),
                    selector: selector.map(Box::from),
                    no_local: flags & NO_LOCAL != 0,
                }
            }
            kind => return Err(format!("it is of an unknown kind, {kind}")),
        };
        reader.end()?;
        Ok(meta)
    }
}

/// Where the octets of a message are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// In the record.
    Whole(Message),
    /// In the record of this number of the stream `shared`.
    Shared(u64),
}

/// A message in a queue: a record of the stream of the queue.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    pub(super) content: Content,
    /// Its delay is in `due`.
    pub(super) properties: Properties,
    /// When the SEND wanted it to be there.
    pub(super) due: Option<Timestamp>,
}

/// The octets of a message that waits in several queues: a record of the stream `shared`.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) number: u64,
    pub(super) message: Message,
}

/// A message for a topic: the retained one, or one that is delayed until the record is due.
#[derive(Debug, Clone)]
pub(super) struct OfTopic {
    pub(super) topic: Arc<str>,
    pub(super) message: Message,
    /// Without its delay.
    pub(super) properties: Properties,
}

impl Queued {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Writer(Vec::with_capacity(room(&self.content)));
        out.octet(WAY);
        let is_shared = matches!(self.content, Content::Shared(_));
        write_properties(&mut out, &self.properties, self.due, is_shared);
        match &self.content {
            Content::Whole(message) => write_message(&mut out, message),
            Content::Shared(number) => out.number(*number),
        }
        out.0.into()
    }

    pub(super) fn decode(octets: &[u8]) -> Result<Self, Problem> {
        let mut reader = begin(octets)?;
        let (properties, due, is_shared) = read_properties(&mut reader)?;
        let content = if is_shared {
            let number = reader.number()?;
            reader.end()?;
            Content::Shared(number)
        } else {
            Content::Whole(read_message(reader)?)
        };
        Ok(Self {
            content,
            properties,
            due,
        })
    }
}

impl Shared {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Writer(Vec::with_capacity(self.message.0.cost + HEAD_BYTES));
        out.octet(WAY);
        out.number(self.number);
        write_message(&mut out, &self.message);
        out.0.into()
    }

    pub(super) fn decode(octets: &[u8]) -> Result<Self, Problem> {
        let mut reader = begin(octets)?;
        Ok(Self {
            number: reader.number()?,
            message: read_message(reader)?,
        })
    }
}

impl OfTopic {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Writer(Vec::with_capacity(self.message.0.cost + HEAD_BYTES));
        out.octet(WAY);
        write_properties(&mut out, &self.properties, None, false);
        out.text(&self.topic);
        write_message(&mut out, &self.message);
        out.0.into()
    }

    pub(super) fn decode(octets: &[u8]) -> Result<Self, Problem> {
        let mut reader = begin(octets)?;
        let (properties, due, is_shared) = read_properties(&mut reader)?;
        if is_shared || due.is_some() {
            return Err("it is no message of a topic".to_owned());
        }
        Ok(Self {
            topic: reader.text()?.into(),
            message: read_message(reader)?,
            properties,
        })
    }
}

/// What stands before the octets of a message, mostly.
const HEAD_BYTES: usize = 64;

fn room(content: &Content) -> usize {
    match content {
        Content::Whole(message) => message.0.cost + HEAD_BYTES,
        Content::Shared(_) => HEAD_BYTES,
    }
}

fn begin(octets: &[u8]) -> Result<Reader<'_>, Problem> {
    let mut reader = Reader::new(octets);
    match reader.octet()? {
        WAY => Ok(reader),
        way => Err(format!(
            "it is written in a way that is not known here, number {way}"
        )),
    }
}

const EXPIRES: u8 = 1;
const DUE: u8 = 2;
const GROUP: u8 = 4;
const SHARED: u8 = 8;

const KEEP: u8 = 1;
const CLEAR: u8 = 2;

fn write_properties(
    out: &mut Writer,
    properties: &Properties,
    due: Option<Timestamp>,
    is_shared: bool,
) {
    let Properties {
        bytes,
        priority,
        expires,
        delay_ms: _,
        persistent: _,
        group,
        retain,
    } = properties;
    out.octet(
        flag(expires.is_some(), EXPIRES)
            | flag(due.is_some(), DUE)
            | flag(group.is_some(), GROUP)
            | flag(is_shared, SHARED),
    );
    out.octet(*priority);
    out.octet(match retain {
        Retain::No => 0,
        Retain::Keep => KEEP,
        Retain::Clear => CLEAR,
    });
    out.number(*bytes as u64);
    for moment in [expires, &due].into_iter().flatten() {
        out.number(moment.as_millis());
    }
    if let Some(group) = group {
        out.text(group);
    }
}

/// Properties, when the message is due, and whether its octets are elsewhere.
fn read_properties(
    reader: &mut Reader<'_>,
) -> Result<(Properties, Option<Timestamp>, bool), Problem> {
    let flags = flags(reader.octet()?, EXPIRES | DUE | GROUP | SHARED)?;
    let priority = reader.octet()?;
    let retain = match reader.octet()? {
        0 => Retain::No,
        KEEP => Retain::Keep,
        CLEAR => Retain::Clear,
        other => return Err(format!("it is retained in an unknown way, {other}")),
    };
    let bytes = reader.number()?;
    let bytes = usize::try_from(bytes).map_err(|_| "its length is out of range".to_owned())?;
    let mut moment = |bit| {
        (flags & bit != 0)
            .then(|| reader.number().map(Timestamp::from_millis))
            .transpose()
    };
    let (expires, due) = (moment(EXPIRES)?, moment(DUE)?);
    let group = (flags & GROUP != 0).then(|| reader.text()).transpose()?;
    let properties = Properties {
        bytes,
        priority,
        expires,
        delay_ms: 0,
        persistent: true,
        group: group.map(Arc::from),
        retain,
    };
    Ok((properties, due, flags & SHARED != 0))
}

fn write_message(out: &mut Writer, message: &Message) {
    out.0.extend_from_slice(&message.0.octets());
}

fn read_message(reader: Reader<'_>) -> Result<Message, Problem> {
    let octets = Bytes::copy_from_slice(reader.rest());
    let tail = Tail::from_octets(octets).map_err(|invalid| format!("of its message, {invalid}"))?;
    Ok(Message(Publication::new(tail)))
}

fn flag(is_set: bool, bit: u8) -> u8 {
    if is_set { bit } else { 0 }
}

fn flags(octet: u8, known: u8) -> Result<u8, Problem> {
    if octet & !known == 0 {
        Ok(octet)
    } else {
        Err(format!("it has unknown flags, {octet}"))
    }
}

#[cfg(test)]
mod tests;
