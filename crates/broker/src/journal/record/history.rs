//! What the records of histories hold.

use std::sync::Arc;

use bytes::Bytes;
use gumboot_broker_core::{HistoriesEnd, Properties, Timestamp};

use super::{
    super::octets::{Problem, Reader, Writer},
    Content, WAY, begin, read_message, read_properties, room, write_message, write_properties,
};

/// What is known of histories: a record of the stream `history`, or of `history-ends`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::journal) enum HistoryMeta {
    /// A topic with a history, whose messages are in the stream of this number.
    Topic { number: u64, name: Arc<str> },
    /// Offsets may be given up to this one.
    Reserved(u64),
    /// How the offsets of a topic stood at an end in order.
    LogEnd {
        topic: Arc<str>,
        gone: u64,
        next: u64,
    },
    /// How all stood at an end in order.
    Ended(Ended),
}

/// How histories stood at an end in order, behind what is said of single topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::journal) struct Ended {
    pub(in crate::journal) top: u64,
    pub(in crate::journal) forgotten: u64,
    pub(in crate::journal) leapt: u64,
    /// The patterns of the topics that had a history: of others, nobody knows what was sent.
    pub(in crate::journal) patterns: Vec<Box<str>>,
}

const TOPIC: u8 = 0;
const RESERVED: u8 = 1;
const LOG_END: u8 = 2;
const ENDED: u8 = 3;

impl Ended {
    pub(in crate::journal) fn new(end: &HistoriesEnd, patterns: Vec<Box<str>>) -> Self {
        Self {
            top: end.top,
            forgotten: end.forgotten,
            leapt: end.leapt,
            patterns,
        }
    }
}

impl HistoryMeta {
    pub(in crate::journal) fn encode(&self) -> Bytes {
        let mut out = Writer(vec![WAY]);
        match self {
            Self::Topic { number, name } => {
                out.octet(TOPIC);
                out.number(*number);
                out.text(name);
            }
            Self::Reserved(until) => {
                out.octet(RESERVED);
                out.number(*until);
            }
            Self::LogEnd { topic, gone, next } => {
                out.octet(LOG_END);
                out.text(topic);
                out.number(*gone);
                out.number(*next);
            }
            Self::Ended(ended) => {
                out.octet(ENDED);
                for number in [ended.top, ended.forgotten, ended.leapt] {
                    out.number(number);
                }
                out.number(ended.patterns.len() as u64);
                ended.patterns.iter().for_each(|pattern| out.text(pattern));
            }
        }
        out.0.into()
    }

    pub(in crate::journal) fn decode(octets: &[u8]) -> Result<Self, Problem> {
        let mut reader = begin(octets)?;
        let meta = match reader.octet()? {
            TOPIC => Self::Topic {
                number: reader.number()?,
                name: reader.text()?.into(),
            },
            RESERVED => Self::Reserved(reader.number()?),
            LOG_END => Self::LogEnd {
                topic: reader.text()?.into(),
                gone: reader.number()?,
                next: reader.number()?,
            },
            ENDED => Self::Ended(read_ended(&mut reader)?),
            kind => return Err(format!("it is of an unknown kind, {kind}")),
        };
        reader.end()?;
        Ok(meta)
    }
}

fn read_ended(reader: &mut Reader<'_>) -> Result<Ended, Problem> {
    let (top, forgotten, leapt) = (reader.number()?, reader.number()?, reader.number()?);
    let count = reader.number()?;
    let patterns = (0..count).map(|_| reader.text().map(Box::from));
    Ok(Ended {
        top,
        forgotten,
        leapt,
        patterns: patterns.collect::<Result<_, _>>()?,
    })
}

/// A message in the history of a topic: a record of the stream of the topic.
#[derive(Debug, Clone)]
pub(in crate::journal) struct Logged {
    pub(in crate::journal) offset: u64,
    /// When it was sent.
    pub(in crate::journal) at: Timestamp,
    pub(in crate::journal) content: Content,
    /// Without its delay.
    pub(in crate::journal) properties: Properties,
}

impl Logged {
    pub(in crate::journal) fn encode(&self) -> Bytes {
        let mut out = Writer(Vec::with_capacity(room(&self.content)));
        out.octet(WAY);
        let is_shared = matches!(self.content, Content::Shared(_));
        write_properties(&mut out, &self.properties, None, is_shared);
        out.number(self.offset);
        out.number(self.at.as_millis());
        match &self.content {
            Content::Whole(message) => write_message(&mut out, message),
            Content::Shared(number) => out.number(*number),
        }
        out.0.into()
    }

    pub(in crate::journal) fn decode(octets: &[u8]) -> Result<Self, Problem> {
        let mut reader = begin(octets)?;
        let (properties, due, is_shared) = read_properties(&mut reader)?;
        if due.is_some() {
            return Err("it is no message of a history".to_owned());
        }
        let offset = reader.number()?;
        let at = Timestamp::from_millis(reader.number()?);
        let content = if is_shared {
            let number = reader.number()?;
            reader.end()?;
            Content::Shared(number)
        } else {
            Content::Whole(read_message(reader)?)
        };
        Ok(Self {
            offset,
            at,
            content,
            properties,
        })
    }
}
