//! What the headers of a SUBSCRIBE or UNSUBSCRIBE tell the broker, beside what STOMP itself defines.

use std::borrow::Cow;

use gumboot_broker_core::{
    AckMode, Credit, Destination, Kind, Limits, Selector, SlowConsumer, Subscribe,
};
use gumboot_stomp_proto::Frame;

use super::{
    history_headers::{From, is_of_stream},
    refused::Refused,
    value::{number, truth},
};
use crate::mailbox::Slow;

/// The names under which a durable subscription is known to the brokers that clients come from.
const DURABLE_NAMES: [&str; 4] = [
    "durable-subscription-name",
    "durable-subscriber-name",
    "activemq.subscriptionName",
    "activemq.subcriptionName",
];

/// What is on its way to one who looks into a queue at most: each of a session's subscriptions can look at all of it, and
/// what they are shown counts nowhere else.
const BROWSER_CREDIT_MAX: Credit = Credit {
    messages: 100,
    bytes: 1024 * 1024,
};

/// What a SUBSCRIBE asks for.
#[derive(Debug)]
pub(super) struct Options {
    credit: Option<Credit>,
    pub(super) selector: Option<Selector>,
    no_local: bool,
    exclusive: bool,
    pub(super) browse: bool,
    durable: Option<String>,
    pub(super) slow: Slow,
    from: Option<From>,
}

impl Options {
    /// Reads the headers of a subscription to `destination`, whose id is the name of a durable one where a client of
    /// RabbitMQ or Apollo asks for that.
    pub(super) fn read(
        frame: &Frame<'_>,
        destination: &Destination,
        id: Option<&str>,
        limits: &Limits,
    ) -> Result<Self, Refused> {
        let is = |names: [&str; 2]| any_is_true(frame, names);
        let durable = match durable_name(frame) {
            Some(name) => Some(name.into_owned()),
            None if destination.kind() != Kind::Topic => None,
            None if is_durable_by_id(frame)? => {
                let wanted = "is the name of a durable subscription; durable needs it";
                Some(id.ok_or_else(|| Refused::header("id", wanted))?.to_owned())
            }
            None => None,
        };
        let browse = is(["browser", "browse"])?;
        let (no_local, exclusive) = (
            is(["no-local", "activemq.noLocal"])?,
            is(["exclusive", "activemq.exclusive"])?,
        );
        Ok(Self {
            credit: credit(frame, limits)?,
            selector: selector(frame)?,
            no_local,
            exclusive,
            browse,
            durable,
            slow: slow(frame)?,
            from: From::read(frame)?,
        })
    }

    /// The name under which it stays when its client is away, if it does.
    pub(super) fn durable(&self) -> Option<&str> {
        self.durable.as_deref()
    }

    /// Whether it asks to begin at a place in the history of its topic.
    pub(super) fn has_place(&self) -> bool {
        self.from.is_some()
    }

    /// Whether it asks as a client of streams does.
    pub(super) fn is_stream(&self) -> bool {
        self.from.is_some_and(|from| from.is_stream)
    }

    /// The same for the broker.
    pub(super) fn subscribe<'a>(
        &'a mut self,
        destination: &'a Destination,
        ack: AckMode,
    ) -> Result<Subscribe<'a>, Refused> {
        let waits_in_queue = ack != AckMode::Auto
            || self.durable.is_some()
            || matches!(destination.kind(), Kind::Queue | Kind::TempQueue);
        let slow = match &self.slow {
            Slow::Disconnect => SlowConsumer::End,
            Slow::DropOldest => SlowConsumer::DropOldest,
            Slow::KeepLatest(_) if waits_in_queue => {
                return Err(Refused::header(
                    "slow-consumer",
                    "is keep-latest only with ack:auto, and for a topic that is not durable",
                ));
            }
            Slow::KeepLatest(_) => SlowConsumer::End,
        };
        let credit = if self.browse {
            let asked = self.credit.unwrap_or(BROWSER_CREDIT_MAX);
            Some(Credit {
                messages: asked.messages.min(BROWSER_CREDIT_MAX.messages),
                bytes: asked.bytes.min(BROWSER_CREDIT_MAX.bytes),
            })
        } else {
            self.credit
        };
        Ok(Subscribe {
            ack,
            credit,
            selector: self.selector.take(),
            no_local: self.no_local,
            exclusive: self.exclusive,
            browse: self.browse,
            durable: self.durable.as_deref(),
            slow,
            from: self.from.map(|from| from.replay),
            ..Subscribe::new(destination)
        })
    }
}

/// The durable subscription that an UNSUBSCRIBE gives up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// None.
    Nothing,
    /// The one of this name.
    Named(String),
    /// The one that the session has by this id, or else the one whose name is the id.
    ById,
}

/// Reads the headers of an UNSUBSCRIBE.
pub(super) fn given_up(frame: &Frame<'_>) -> Result<GivenUp, Refused> {
    Ok(match durable_name(frame) {
        Some(name) => GivenUp::Named(name.into_owned()),
        None if is_durable_by_id(frame)? => GivenUp::ById,
        None => GivenUp::Nothing,
    })
}

/// The name of a durable subscription, if the frame has one.
fn durable_name<'f>(frame: &'f Frame<'_>) -> Option<Cow<'f, str>> {
    DURABLE_NAMES.iter().find_map(|name| frame.header(name))
}

/// Whether the frame is about a durable subscription whose name is the id, as those of RabbitMQ and Apollo are.
fn is_durable_by_id(frame: &Frame<'_>) -> Result<bool, Refused> {
    let is_durable = any_is_true(frame, ["durable", "persistent"])?;
    let auto_deletes = any_is_true(frame, ["auto-delete"; 2])?;
    // Of a stream, it is that which is durable.
    Ok(is_durable && !auto_deletes && !is_of_stream(frame))
}

fn any_is_true(frame: &Frame<'_>, names: [&str; 2]) -> Result<bool, Refused> {
    let mut any = false;
    for name in names {
        let value = frame.header(name);
        any |= value.map_or(Ok(false), |value| truth(name, &value))?;
    }
    Ok(any)
}

/// How much may be on its way: `credit:messages` or `credit:messages,bytes`, or as other brokers call it. 0 stands for
/// as much as the server allows.
fn credit(frame: &Frame<'_>, limits: &Limits) -> Result<Option<Credit>, Refused> {
    let mut credit = Credit {
        messages: limits.credit_messages_default,
        bytes: limits.credit_bytes_default,
    };
    let unlimited = |count: usize, max: usize| if count == 0 { max } else { count };
    let mut is_named = false;
    for name in [
        "credit",
        "prefetch-count",
        "activemq.prefetchSize",
        "consumer-window-size",
    ] {
        let Some(value) = frame.header(name) else {
            continue;
        };
        is_named = true;
        let (messages, bytes) = match (name, value.split_once(',')) {
            ("consumer-window-size", _) => (None, Some(&*value)),
            ("credit", Some((messages, bytes))) => (Some(messages), Some(bytes)),
            _ => (Some(&*value), None),
        };
        if let Some(messages) = messages {
            credit.messages = unlimited(number(name, messages)?, limits.credit_messages_max);
        }
        // As Artemis has it: -1 is no limit, and 0 one message at a time.
        match (name, bytes) {
            ("consumer-window-size", Some("-1")) => {
                credit.bytes = limits.credit_bytes_max;
                continue;
            }
            ("consumer-window-size", Some("0")) => {
                credit.messages = 1;
                continue;
            }
            _ => {}
        }
        if let Some(bytes) = bytes {
            credit.bytes = unlimited(number(name, bytes)?, limits.credit_bytes_max);
        }
    }
    Ok(is_named.then_some(credit))
}

fn selector(frame: &Frame<'_>) -> Result<Option<Selector>, Refused> {
    let text = frame.header("selector");
    let parsed = text
        .filter(|text| !text.trim().is_empty())
        .map(|text| Selector::parse(&text));
    parsed
        .transpose()
        .map_err(|error| Refused::new("Invalid selector", &error))
}

fn slow(frame: &Frame<'_>) -> Result<Slow, Refused> {
    let Some(value) = frame.header("slow-consumer") else {
        return Ok(Slow::Disconnect);
    };
    match &*value {
        "disconnect" => Ok(Slow::Disconnect),
        "drop-oldest" => Ok(Slow::DropOldest),
        "keep-latest" => match frame.header("key-header") {
            Some(header) => Ok(Slow::KeepLatest((&*header).into())),
            None => Err(Refused::header(
                "key-header",
                "names the header whose values tell messages apart; keep-latest needs it",
            )),
        },
        _ => Err(Refused::header(
            "slow-consumer",
            "is disconnect, drop-oldest or keep-latest",
        )),
    }
}

#[cfg(test)]
mod tests {
    use gumboot_stomp_proto::{Decoded, Decoder, Input, Limits as FrameLimits, Version};

    use super::*;

    fn read(destination: &str, headers: &str) -> Result<Options, String> {
        let wire = format!("SUBSCRIBE\nid:s\n{headers}\n\n\0");
        let mut decoder = Decoder::new(FrameLimits::default());
        decoder.set_version(Version::V1_2);
        let decoded = decoder.decode(&mut Input::new(wire.as_bytes()));
        let Ok(Some(Decoded::Frame(frame))) = decoded else {
            panic!("{decoded:?}");
        };
        let destination = Destination::parse(destination).unwrap();
        Options::read(&frame, &destination, Some("s"), &Limits::default())
            .map_err(|refused| refused.detail)
    }

    #[test]
    fn credit_by_any_name() {
        let credit = |headers| {
            let credit = read("/queue/a", headers).unwrap().credit;
            credit.map(|credit| (credit.messages, credit.bytes))
        };
        let Limits {
            credit_messages_default: messages,
            credit_bytes_default: bytes,
            credit_messages_max: max,
            ..
        } = Limits::default();
        assert_eq!(credit("x:y"), None);
        assert_eq!(credit("credit:5"), Some((5, bytes)));
        assert_eq!(credit("credit:5,100"), Some((5, 100)));
        assert_eq!(credit("prefetch-count:7"), Some((7, bytes)));
        assert_eq!(credit("prefetch-count:0"), Some((max, bytes)));
        assert_eq!(credit("activemq.prefetchSize:1"), Some((1, bytes)));
        assert_eq!(credit("consumer-window-size:1000"), Some((messages, 1000)));
        assert_eq!(credit("consumer-window-size:0"), Some((1, bytes)));
        let bytes_max = Limits::default().credit_bytes_max;
        assert_eq!(
            credit("consumer-window-size:-1"),
            Some((messages, bytes_max))
        );
        assert!(read("/queue/a", "credit:5,").is_err());
        assert!(read("/queue/a", "prefetch-count:-1").is_err());
    }

    #[test]
    fn who_only_looks_has_little_credit() {
        let queue = Destination::parse("/queue/a").unwrap();
        for (headers, messages) in [
            ("browser:true", 100),
            ("browser:true\nprefetch-count:0", 100),
            ("browser:true\nprefetch-count:7", 7),
        ] {
            let mut options = read("/queue/a", headers).unwrap();
            let credit = options.subscribe(&queue, AckMode::Auto).unwrap().credit;
            assert_eq!(credit.unwrap().messages, messages);
            assert!(credit.unwrap().bytes <= BROWSER_CREDIT_MAX.bytes);
        }
    }

    #[test]
    fn who_is_durable() {
        let durable =
            |destination: &str, headers: &str| read(destination, headers).unwrap().durable;
        for name in DURABLE_NAMES {
            let header = format!("{name}:n");
            assert_eq!(durable("/topic/a", &header).as_deref(), Some("n"));
        }
        let by_id = durable("/topic/a", "durable:true\nauto-delete:false");
        assert_eq!(by_id.as_deref(), Some("s"));
        assert_eq!(durable("/topic/a", "persistent:true").as_deref(), Some("s"));
        assert_eq!(durable("/topic/a", "durable:true\nauto-delete:true"), None);
        assert_eq!(durable("/topic/a", "durable:false"), None);
        // A queue keeps its messages anyhow.
        assert_eq!(durable("/queue/a", "durable:true"), None);
    }

    #[test]
    fn slow_consumers() {
        let slow = |headers| read("/topic/a", headers).map(|options| options.slow);
        assert_eq!(slow("x:y"), Ok(Slow::Disconnect));
        assert_eq!(slow("slow-consumer:drop-oldest"), Ok(Slow::DropOldest));
        let latest = slow("slow-consumer:keep-latest\nkey-header:symbol");
        assert_eq!(latest, Ok(Slow::KeepLatest("symbol".into())));
        assert!(slow("slow-consumer:keep-latest").is_err());
        assert!(slow("slow-consumer:ignore").is_err());

        let topic = Destination::parse("/topic/a").unwrap();
        let mut options = read("/topic/a", "slow-consumer:keep-latest\nkey-header:k").unwrap();
        assert!(options.subscribe(&topic, AckMode::Auto).is_ok());
        assert!(options.subscribe(&topic, AckMode::Client).is_err());
    }

    #[test]
    fn the_others() {
        let all = "selector:a = 1\nno-local:true\nexclusive:true\nbrowser:true";
        let options = read("/queue/a", all).unwrap();
        assert!(options.no_local && options.exclusive && options.browse);
        assert_eq!(options.selector.unwrap().as_str(), "a = 1");
        let vendors = "activemq.noLocal:true\nactivemq.exclusive:true\nselector: ";
        let options = read("/queue/a", vendors).unwrap();
        assert!(options.no_local && options.exclusive && !options.browse);
        assert_eq!(options.selector, None);
        assert_eq!(
            read("/queue/a", "selector:a =").unwrap_err(),
            "expected a header, a value or a parenthesis (selector, at byte 3)"
        );
        assert!(read("/queue/a", "exclusive:yes").is_err());
    }
}
