//! What a batch does to histories: a stream for each topic, which is as long as the history in memory.

use std::collections::VecDeque;

use gumboot_broker_core::Destination;
use gumboot_store::{Batch, Keep, Offset, Operation as StoreOperation};

use super::{
    super::{
        places::{HistoryPlace, LoggedPlace, Places, history_stream},
        record::{Content, Logged as Record},
        recorder::Logged,
    },
    New, Plan, Step,
};

impl Plan<'_> {
    pub(super) fn log(&mut self, logged: Logged) {
        let Logged {
            topic,
            offset,
            message,
            properties,
            at,
        } = logged;
        let open = self.places.histories.get(&topic);
        let number = open.map(|place| place.number);
        let number = number.unwrap_or_else(|| self.open_history(&topic));
        let content = self.content(message);
        let shared = match &content {
            Content::Shared(number) => Some(*number),
            Content::Whole(_) => None,
        };
        if let Some(place) = self.places.histories.get_mut(&topic) {
            place.messages.push_back(LoggedPlace { offset, shared });
        }
        self.logged.insert((number, offset), self.steps.len());
        let record = Record {
            offset,
            at,
            content,
            properties,
        };
        self.append(New::Logged(number, record));
    }

    fn open_history(&mut self, topic: &Destination) -> u64 {
        let number = self.places.next_history;
        self.places.next_history += 1;
        let place = HistoryPlace {
            number,
            // Learnt when it is there; who asks before finds the step.
            record: Offset(0),
            messages: VecDeque::new(),
        };
        self.places.histories.insert(topic.clone(), place);
        self.histories.insert(number, self.steps.len());
        self.append(New::History(topic.clone(), number));
        number
    }

    /// What is in the history of a topic up to this offset goes; of an empty one, nothing stays.
    pub(super) fn trim(&mut self, topic: &Destination, offset: u64) {
        let Some(place) = self.places.histories.get_mut(topic) else {
            return;
        };
        let (number, record) = (place.number, place.record);
        let gone = place
            .messages
            .partition_point(|logged| logged.offset <= offset);
        let gone: Vec<_> = place.messages.drain(..gone).collect();
        let is_empty = place.messages.is_empty();
        for logged in gone {
            match self.logged.remove(&(number, logged.offset)) {
                Some(step) => self.steps[step] = Step::Nothing,
                None => drop(self.trimmed.insert(number, topic.clone())),
            }
            if let Some(shared) = logged.shared {
                self.release(shared);
            }
        }
        if is_empty {
            self.places.histories.remove(topic);
            self.trimmed.remove(&number);
            let step = self.histories.remove(&number);
            let history = self.places.streams.history.clone();
            self.undo(step, &history, Some(record));
            let stream = history_stream(number);
            self.change(StoreOperation::Remove { stream });
        }
    }

    pub(super) fn reserve(&mut self, until: u64) {
        let history = self.places.streams.history.clone();
        let (step, offset) = (self.reserved.take(), self.places.reserved.take());
        self.undo(step, &history, offset);
        self.reserved = Some(self.steps.len());
        self.append(New::Reserved(until));
    }
}

/// The stream of a history has as many records as the history has messages, once all of the batch is appended.
pub(super) fn shorten(batch: &mut Batch, places: &Places, number: u64, topic: &Destination) {
    if let Some(place) = places.histories.get(topic) {
        let keep = Keep {
            records: Some(place.messages.len()),
            ..Keep::default()
        };
        batch.trim(&history_stream(number), keep);
    }
}
