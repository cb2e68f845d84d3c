//! Where a subscription is in the history of its topic, where a server keeps one: what it has been given, and what it asks
//! for over a new connection.

use std::borrow::Cow;

use gumboot_stomp_proto::Frame;

/// Headers of SUBSCRIBE by which a client says what it has seen.
const SEEN_HEADERS: [&str; 2] = ["from-offset", "from-epoch"];

/// The header of SUBSCRIBE by which a client of a stream says where it begins.
const STREAM_HEADER: &str = "x-stream-offset";

/// Headers of SUBSCRIBE that name a durable subscription, as the brokers know them that clients come from.
const DURABLE_HEADERS: [&str; 4] = [
    "durable-subscription-name",
    "durable-subscriber-name",
    "activemq.subscriptionName",
    "activemq.subcriptionName",
];

/// Headers of SUBSCRIBE that make a durable one of its id, if they are true.
const DURABLE_BY_ID_HEADERS: [&str; 2] = ["durable", "persistent"];

/// The place of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    epoch: String,
    offset: u64,
    /// Something was given since it began, and the retained value before that.
    has_begun: bool,
}

/// What a RECEIPT or a message means for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It comes next, as far as is known.
    Next,
    /// It comes next, and what comes over a new connection is behind it.
    Placed,
    /// Something before it may be missing.
    Gap,
    /// It was given before.
    Again,
}

impl Place {
    /// The place that a frame names.
    fn of(frame: &Frame<'_>) -> Option<Self> {
        Some(Self {
            epoch: frame.header("epoch")?.into_owned(),
            offset: frame.header("offset")?.parse().ok()?,
            has_begun: false,
        })
    }

    /// Takes the RECEIPT of a SUBSCRIBE, which may have had headers of the program's own. For a durable subscription, the
    /// server knows what it has been given; it takes no place from one.
    pub(crate) fn on_receipt(
        place: &mut Option<Self>,
        own: &[(Cow<'static, str>, String)],
        frame: &Frame<'_>,
    ) -> Step {
        if is_durable(own) {
            return Step::Next;
        }
        let asked = place.is_some() || own.iter().any(|(name, _)| name == SEEN_HEADERS[0]);
        let is_recovered = frame.header("recovered").is_some_and(|is| is == "true");
        let had_begun = place.as_ref().is_some_and(|place| place.has_begun);
        *place = Self::of(frame).map(|place| Self {
            has_begun: is_recovered && had_begun,
            ..place
        });
        match asked && !is_recovered {
            true => Step::Gap,
            false => Step::Next,
        }
    }

    /// Takes a message; only who was told a place keeps one, since a pattern has none. A retained value is in none, and
    /// comes before all others.
    pub(crate) fn on_message(place: &mut Option<Self>, frame: &Frame<'_>) -> Step {
        let Some(place) = place else {
            return Step::Next;
        };
        let had_begun = std::mem::replace(&mut place.has_begun, true);
        let (Some(epoch), Some(offset)) = (frame.header("epoch"), frame.header("offset")) else {
            let is_retained = frame.header("retained").is_some_and(|is| is == "true");
            return match is_retained && had_begun {
                true => Step::Again,
                false => Step::Next,
            };
        };
        let Ok(offset) = offset.parse() else {
            return Step::Next;
        };
        if place.epoch != epoch {
            place.epoch = epoch.into_owned();
        } else if offset <= place.offset {
            return Step::Again;
        }
        place.offset = offset;
        Step::Placed
    }

    /// The server refuses to begin behind the place: the subscription goes on with what comes next, also if it was to
    /// begin elsewhere at first. Whether there was a place.
    pub(crate) fn give_up(
        place: &mut Option<Self>,
        own: &mut Vec<(Cow<'static, str>, String)>,
    ) -> bool {
        let had_one = place.take().is_some();
        if had_one {
            own.retain(|(name, _)| !SEEN_HEADERS.contains(&&**name) && name != STREAM_HEADER);
        }
        had_one
    }

    /// The headers of a SUBSCRIBE that begins behind this place.
    pub(crate) fn headers(
        &self,
        own: &[(Cow<'static, str>, String)],
    ) -> Vec<(Cow<'static, str>, String)> {
        let [offset, epoch] = SEEN_HEADERS;
        let own = own
            .iter()
            .filter(|(name, _)| !SEEN_HEADERS.contains(&&**name));
        let mut headers: Vec<_> = own.cloned().collect();
        headers.push((offset.into(), self.offset.to_string()));
        headers.push((epoch.into(), self.epoch.clone()));
        headers
    }
}

/// Whether a SUBSCRIBE with these headers is for a durable subscription.
fn is_durable(own: &[(Cow<'static, str>, String)]) -> bool {
    let is_any = |names: &[&str], wanted: &str| {
        let mut own = own.iter();
        own.any(|(name, value)| names.contains(&&**name) && value.eq_ignore_ascii_case(wanted))
    };
    // Of a stream, it is that which is durable.
    let is_by_id = is_any(&DURABLE_BY_ID_HEADERS, "true")
        && !is_any(&["auto-delete"], "true")
        && !is_any(&["x-queue-type"], "stream");
    is_by_id
        || own
            .iter()
            .any(|(name, _)| DURABLE_HEADERS.contains(&&**name))
}
