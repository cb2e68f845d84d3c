//! Where a subscription is in the history of its topic, where a server keeps one: what it has been given, and what it asks
//! for over a new connection.

use std::borrow::Cow;

use gumboot_stomp_proto::Frame;

/// Headers of SUBSCRIBE by which a client says what it has seen.
const SEEN_HEADERS: [&str; 2] = ["from-offset", "from-epoch"];

/// The place of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    epoch: String,
    offset: u64,
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
        })
    }

    /// Takes the RECEIPT of a SUBSCRIBE, which may have had headers of the program's own.
    pub(crate) fn on_receipt(
        place: &mut Option<Self>,
        own: &[(Cow<'static, str>, String)],
        frame: &Frame<'_>,
    ) -> Step {
        let asked = place.is_some() || own.iter().any(|(name, _)| name == SEEN_HEADERS[0]);
        *place = Self::of(frame);
        let recovered = frame.header("recovered");
        match asked && recovered.is_none_or(|recovered| recovered != "true") {
            true => Step::Gap,
            false => Step::Next,
        }
    }

    /// Takes a message; only who was told a place keeps one, since a pattern has none. A retained value is in none.
    pub(crate) fn on_message(place: &mut Option<Self>, frame: &Frame<'_>) -> Step {
        let (Some(place), Some(epoch), Some(offset)) =
            (place, frame.header("epoch"), frame.header("offset"))
        else {
            return Step::Next;
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
