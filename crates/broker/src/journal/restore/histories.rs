//! Histories of topics, and the offsets that go on: where the server before ended in order, as if nothing had been, else
//! behind a leap.

use std::collections::{BTreeMap, VecDeque};

use gumboot_broker_core::{Destination, HistoriesEnd, Kind, LogEnd};
use gumboot_store::{Keep, Offset, Operation as StoreOperation, Outcome};

use super::{
    super::{
        places::{HistoryPlace, LoggedPlace, history_stream},
        record::{Content, Ended, HistoryMeta, Logged},
    },
    Restore, RestoreError, wrong,
};

/// What the store says of histories.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By their numbers, with the places of their records in `history`.
    topics: BTreeMap<u64, (Destination, Offset)>,
    reserved: Option<u64>,
    /// How all stood at the end, if that was in order.
    end: Option<Ended>,
    logs: Vec<LogEnd>,
    /// What is reserved from now on, if that is to be stored.
    pub(super) reserves: Option<u64>,
    /// What nobody needs any more goes with these.
    pub(super) operations: Vec<StoreOperation>,
}

impl Found {
    /// Whether there is a history of this number.
    pub(super) fn has(&self, number: u64) -> bool {
        self.topics.contains_key(&number)
    }
}

impl Restore<'_> {
    /// The topics with a history, and how their offsets stand.
    pub(super) async fn read_history_meta(&mut self) -> Result<Found, RestoreError> {
        let mut found = Found::default();
        let streams = &self.places.streams;
        let [history, ends] = [streams.history.clone(), streams.history_ends.clone()];
        for stream in [history, ends] {
            let mut from = Offset::FIRST;
            while let Some(records) = self.portion(&stream, &mut from).await? {
                for record in records {
                    HistoryMeta::decode(&record.payload)
                        .and_then(|meta| self.take_history_meta(&mut found, meta, record.offset))
                        .map_err(|problem| wrong(&stream, &record, problem))?;
                }
            }
        }
        if self.ended.is_empty()
            || found.end.as_ref().map(|end| &end.patterns) != Some(&self.patterns())
        {
            // What was sent to topics that had no history, nobody knows.
            found.end = None;
        }
        Ok(found)
    }

    fn take_history_meta(
        &mut self,
        found: &mut Found,
        meta: HistoryMeta,
        offset: Offset,
    ) -> Result<(), String> {
        match meta {
            HistoryMeta::Topic { number, name } => {
                let topic = self.topic(&name)?;
                self.places.next_history = self.places.next_history.max(number.saturating_add(1));
                let is_known = found.topics.values().any(|(known, _)| *known == topic);
                let before = found.topics.insert(number, (topic, offset));
                if is_known || before.is_some() {
                    return Err("it is there twice".to_owned());
                }
            }
            HistoryMeta::Reserved(until) => {
                self.places.reserved = Some(offset);
                if found.reserved.replace(until).is_some() {
                    return Err("offsets are reserved twice".to_owned());
                }
            }
            HistoryMeta::LogEnd { topic, gone, next } => found.logs.push(LogEnd {
                topic: self.topic(&topic)?,
                gone,
                next,
            }),
            HistoryMeta::Ended(ended) => found.end = Some(ended),
        }
        Ok(())
    }

    fn topic(&self, name: &str) -> Result<Destination, String> {
        let topic = self.destination(name)?;
        if topic.kind() == Kind::Topic && !topic.is_pattern() {
            Ok(topic)
        } else {
            Err(format!("{topic} is no topic by the present configuration"))
        }
    }

    /// The patterns of the topics that have a history.
    fn patterns(&self) -> Vec<Box<str>> {
        self.config.history_patterns()
    }

    pub(super) async fn read_histories(&mut self, found: &mut Found) -> Result<(), RestoreError> {
        if found.end.is_some() {
            for log in &found.logs {
                self.broker.restore_log(log);
            }
        }
        let topics = std::mem::take(&mut found.topics);
        for (number, (topic, record)) in topics {
            let messages = self.read_history(number, &topic, found).await?;
            if messages.is_empty() {
                found.operations.push(StoreOperation::Settle {
                    stream: self.places.streams.history.clone(),
                    offset: record,
                    outcome: Outcome::Done,
                });
                let stream = history_stream(number);
                found.operations.push(StoreOperation::Remove { stream });
                continue;
            }
            self.restored.histories += 1;
            self.restored.logged += messages.len();
            let place = HistoryPlace {
                number,
                record,
                messages,
            };
            self.places.histories.insert(topic, place);
        }
        let has_histories = !self.config.broker.histories.is_empty();
        match (found.reserved, &found.end) {
            (Some(reserved), Some(ended)) => {
                let end = HistoriesEnd {
                    top: ended.top,
                    forgotten: ended.forgotten,
                    leapt: ended.leapt,
                    logs: Vec::new(),
                };
                self.broker.continue_offsets(&end, reserved);
            }
            (Some(reserved), None) => {
                found.reserves = Some(self.broker.restore_offsets(reserved));
            }
            (None, _) if has_histories => found.reserves = Some(self.broker.begin_offsets()),
            (None, _) => {}
        }
        Ok(())
    }

    /// The messages of a history that are within its bounds; none if the topic has no history any more.
    async fn read_history(
        &mut self,
        number: u64,
        topic: &Destination,
        found: &mut Found,
    ) -> Result<VecDeque<LoggedPlace>, RestoreError> {
        let stream = history_stream(number);
        let mut messages = VecDeque::new();
        if self.config.broker.history(topic).is_none() {
            return match self.config.drops_histories {
                true => Ok(messages),
                false => Err(RestoreError::History {
                    topic: topic.to_string(),
                }),
            };
        }
        let mut is_shorter = false;
        let (mut from, mut before) = (Offset::FIRST, 0);
        while let Some(records) = self.portion(&stream, &mut from).await? {
            for record in records {
                let place = Logged::decode(&record.payload)
                    .and_then(|logged| self.take_logged(topic, &logged, &mut before))
                    .map_err(|problem| wrong(&stream, &record, problem))?;
                messages.push_back(place);
            }
            // The configuration may bound it more tightly than the one before.
            let gone = self.broker.history_gone(topic);
            while let Some(place) = messages.pop_front_if(|place| place.offset <= gone) {
                is_shorter = true;
                let shared = place.shared.and_then(|n| self.places.shared.get_mut(&n));
                if let Some(shared) = shared {
                    shared.messages -= 1;
                }
            }
        }
        if is_shorter && !messages.is_empty() {
            let keep = Keep {
                records: Some(messages.len()),
                ..Keep::default()
            };
            found.operations.push(StoreOperation::Trim { stream, keep });
        }
        Ok(messages)
    }

    fn take_logged(
        &mut self,
        topic: &Destination,
        logged: &Logged,
        before: &mut u64,
    ) -> Result<LoggedPlace, String> {
        let Logged {
            offset,
            at,
            content,
            properties,
        } = logged;
        if *offset <= *before {
            return Err(format!("its offset, {offset}, is not above {before}"));
        }
        *before = *offset;
        let message = self.message(content)?;
        self.broker
            .restore_history(topic, *offset, &message, properties, *at);
        Ok(LoggedPlace {
            offset: *offset,
            shared: match content {
                Content::Shared(number) => Some(*number),
                Content::Whole(_) => None,
            },
        })
    }
}
