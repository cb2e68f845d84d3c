//! `[destinations]`, `[[queues]]` and `[topics]`: what names mean, and what holds for what waits.

use std::{collections::BTreeMap, sync::Arc};

use gumboot_broker::{Destination, Kind, Kinds, Overflow, QueuePolicy};
use serde::Deserialize;
use toml::Spanned;

use super::{
    problem::Problems,
    units::{bytes, some},
};

/// What the usual prefixes mean; a configuration adds others.
const USUAL: &[(&str, Kind)] = &[
    ("/topic/", Kind::Topic),
    ("/queue/", Kind::Queue),
    ("/temp-queue/", Kind::TempQueue),
    ("/temp-topic/", Kind::TempTopic),
    ("/user/", Kind::User),
];

/// `[destinations]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Destinations {
    /// What names without a prefix are.
    bare: Option<KindName>,
    /// Whether who names a queue of its own in a `reply-to` is subscribed to it.
    pub(super) reply_to_subscribes: bool,
    /// What names with a prefix are.
    prefixes: BTreeMap<Spanned<String>, KindName>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    Queue,
    TempQueue,
    TempTopic,
    Topic,
    User,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Queue => Self::Queue,
            KindName::TempQueue => Self::TempQueue,
            KindName::TempTopic => Self::TempTopic,
            KindName::Topic => Self::Topic,
            KindName::User => Self::User,
        }
    }
}

impl Destinations {
    pub(super) fn kinds(&self, problems: &mut Problems<'_>) -> Kinds {
        for prefix in self.prefixes.keys() {
            let text = prefix.get_ref();
            if text.is_empty() || text.chars().any(char::is_control) {
                problems.at(
                    prefix.span(),
                    "a prefix is not empty and has no control characters",
                );
            } else if USUAL
                .iter()
                .any(|(usual, _)| usual.starts_with(text.as_str()))
            {
                let message = format!("'{text}' would change what the usual prefixes mean");
                problems.at(prefix.span(), &message);
            }
        }
        let others = self.prefixes.iter();
        let others = others.map(|(prefix, kind)| (prefix.get_ref().as_str(), Kind::from(*kind)));
        Kinds::new(
            USUAL.iter().copied().chain(others),
            self.bare.map(Kind::from),
        )
    }
}

/// One of `[[queues]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Queue {
    pattern: Spanned<String>,
    overflow: Option<OverflowName>,
    #[serde(default, deserialize_with = "some")]
    messages_max: Option<usize>,
    #[serde(default, deserialize_with = "bytes")]
    bytes_max: Option<usize>,
    #[serde(default, deserialize_with = "some")]
    deliveries_max: Option<u32>,
    dead_letters: Option<Spanned<String>>,
}

/// `[topics]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Policy {
    #[serde(deserialize_with = "some")]
    messages_max: Option<usize>,
    #[serde(deserialize_with = "bytes")]
    bytes_max: Option<usize>,
    #[serde(deserialize_with = "some")]
    deliveries_max: Option<u32>,
    dead_letters: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OverflowName {
    Reject,
    DropOldest,
}

impl Policy {
    pub(super) fn resolve(self, kinds: &Kinds, problems: &mut Problems<'_>) -> QueuePolicy {
        let default = QueuePolicy::default();
        let dead_letters = match self.dead_letters {
            None => default.dead_letters,
            Some(name) if name.get_ref() == "off" => None,
            Some(name) => queue(&name, kinds, problems).filter(|queue| {
                let is_one = !queue.is_pattern();
                if !is_one {
                    problems.at(
                        name.span(),
                        "dead letters go to one queue, not to a pattern",
                    );
                }
                is_one
            }),
        };
        QueuePolicy {
            messages_max: self.messages_max.unwrap_or(default.messages_max),
            bytes_max: self.bytes_max.unwrap_or(default.bytes_max),
            overflow: default.overflow,
            deliveries_max: self.deliveries_max.unwrap_or(default.deliveries_max),
            dead_letters,
        }
    }
}

/// What holds for the queues of each pattern.
pub(super) fn resolve_queues(
    queues: Vec<Queue>,
    kinds: &Kinds,
    problems: &mut Problems<'_>,
) -> Vec<(Destination, Arc<QueuePolicy>)> {
    let mut policies = Vec::new();
    for written in queues {
        let pattern = queue(&written.pattern, kinds, problems);
        let overflow = match written.overflow {
            Some(OverflowName::DropOldest) => Overflow::DropOldest,
            Some(OverflowName::Reject) | None => Overflow::Reject,
        };
        let policy = Policy {
            messages_max: written.messages_max,
            bytes_max: written.bytes_max,
            deliveries_max: written.deliveries_max,
            dead_letters: written.dead_letters,
        };
        let policy = QueuePolicy {
            overflow,
            ..policy.resolve(kinds, problems)
        };
        if let Some(pattern) = pattern {
            policies.push((pattern, Arc::new(policy)));
        }
    }
    policies
}

/// The queue of this name, or the queues of this pattern.
fn queue(
    name: &Spanned<String>,
    kinds: &Kinds,
    problems: &mut Problems<'_>,
) -> Option<Destination> {
    match kinds.parse(name.get_ref()) {
        Ok(queue) if queue.kind() == Kind::Queue => Some(queue),
        Ok(_) => {
            problems.at(name.span(), &format!("'{}' is no queue", name.get_ref()));
            None
        }
        Err(error) => {
            problems.at(name.span(), &error.to_string());
            None
        }
    }
}
