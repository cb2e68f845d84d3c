//! The name of a delivery on the wire: the number of its subscription, and its own there. It is both `message-id` and
//! `ack`.

use gumboot_broker_core::{DeliveryId, SubscriptionId};

/// Where the digits of a name are written.
pub(super) struct Digits {
    subscription: itoa::Buffer,
    number: itoa::Buffer,
}

impl Digits {
    pub(super) fn new() -> Self {
        Self {
            subscription: itoa::Buffer::new(),
            number: itoa::Buffer::new(),
        }
    }

    /// The name of a delivery, in parts.
    pub(super) fn of_delivery(&mut self, id: DeliveryId) -> [&str; 3] {
        let subscription = self.subscription.format(id.subscription.0);
        [subscription, "-", self.number.format(id.number)]
    }

    /// The name of a message that nobody acknowledges.
    pub(super) fn of_number(&mut self, number: u64) -> &str {
        self.number.format(number)
    }
}

/// The delivery of a name; none if nothing can have it.
pub(super) fn parse(name: &str) -> Option<DeliveryId> {
    let (subscription, number) = name.split_once('-')?;
    let is_digits = |part: &str| part.bytes().all(|octet| octet.is_ascii_digit());
    if !is_digits(subscription) || !is_digits(number) {
        return None;
    }
    Some(DeliveryId {
        subscription: SubscriptionId(subscription.parse().ok()?),
        number: number.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let id = DeliveryId {
            subscription: SubscriptionId(3),
            number: 1 << 40,
        };
        assert_eq!(parse(&Digits::new().of_delivery(id).concat()), Some(id));
        for name in [
            "",
            "-",
            "3",
            "3-",
            "-3",
            "3-x",
            "+3-1",
            "3-1-1",
            "99999999999-1",
        ] {
            assert_eq!(parse(name), None, "{name:?}");
        }
    }
}
