//! What a Gumboot server says of its queues.

use serde::Deserialize;
use serde_json::Value;

use super::{look::Look, visit::Visit};
use crate::command::stomp::Failure;

/// Where it says it.
const QUEUES: &str = "/topic/$SYS/queues";

/// A queue or a durable subscription.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Figures {
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) client: String,
    #[serde(default)]
    pub(super) topic: String,
    pub(super) messages: u64,
    pub(super) ready: u64,
    pub(super) leased: u64,
    pub(super) delayed: u64,
    pub(super) bytes: u64,
    pub(super) consumers: u64,
}

/// Calls `take` with each queue for which `selector` holds, and all that is said of it.
pub(super) async fn each(
    visit: &Visit<'_>,
    selector: Option<&str>,
    mut take: impl FnMut(Figures, Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let Some(other) = visit.server().filter(|_| !visit.is_ours()) {
        let why = format!("only a Gumboot server lists its queues: this one is {other}");
        return Err(Failure::Other(why));
    }
    let mut look = Look::open(visit, QUEUES, selector).await?;
    while let Some(message) = look.next().await? {
        let read = serde_json::from_slice::<Value>(message.body())
            .and_then(|value| Ok((Figures::deserialize(&value)?, value)));
        let (figures, value) = read.map_err(|error| {
            Failure::Other(format!("what the server says of its queues: {error}"))
        })?;
        take(figures, value)?;
    }
    Ok(())
}

/// What is in a queue; none if the server does not say it, or there is no such queue for us.
pub(super) async fn of(visit: &Visit<'_>, queue: &str) -> Result<Option<Figures>, Failure> {
    if !visit.is_ours() {
        return Ok(None);
    }
    let selector = format!("kind = 'queue' AND name = '{}'", queue.replace('\'', "''"));
    let mut found = None;
    each(visit, Some(&selector), |figures, _| {
        found = Some(figures);
        Ok(())
    })
    .await?;
    Ok(found)
}

impl Figures {
    /// What is in the queue, in words; none if there is nothing.
    pub(super) fn left(&self) -> Option<String> {
        let all = messages_of(self.messages);
        let parts = [
            (self.ready, "ready"),
            (self.leased, "delivered to consumers"),
            (self.delayed, "delayed"),
        ];
        let parts = in_words(&parts)?;
        Some(format!("{all} in {}: {parts}", self.name))
    }

    /// What a look does not show, in words; none if there is nothing.
    pub(super) fn not_shown(&self) -> Option<String> {
        let parts = [
            (self.leased, "delivered to consumers"),
            (self.delayed, "delayed"),
        ];
        let parts = in_words(&parts)?;
        Some(format!("not shown: {parts}"))
    }
}

fn in_words(parts: &[(u64, &str)]) -> Option<String> {
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// So many messages, in words.
pub(super) fn messages_of(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} message{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_in_words() {
        let mut figures = Figures {
            kind: "queue".to_owned(),
            name: "/queue/a".to_owned(),
            client: String::new(),
            topic: String::new(),
            messages: 0,
            ready: 0,
            leased: 0,
            delayed: 0,
            bytes: 0,
            consumers: 0,
        };
        assert_eq!(figures.left(), None);
        (figures.messages, figures.leased) = (1, 1);
        let one = figures.left().unwrap();
        assert_eq!(one, "1 message in /queue/a: 1 delivered to consumers");
        (figures.messages, figures.ready, figures.delayed) = (6, 3, 2);
        let all = figures.left().unwrap();
        assert_eq!(
            all,
            "6 messages in /queue/a: 3 ready, 1 delivered to consumers, 2 delayed"
        );
        let not_shown = figures.not_shown().unwrap();
        assert_eq!(not_shown, "not shown: 1 delivered to consumers, 2 delayed");
    }
}
