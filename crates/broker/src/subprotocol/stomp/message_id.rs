//! The name of a delivery on the wire: the number of its subscription, and its own there. It is both `message-id` and
//! `ack`.

use std::fmt;

use gumboot_broker_core::{DeliveryId, SubscriptionId};

/// A delivery as `message-id`, `ack` and `id` name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name(pub(super) DeliveryId);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.subscription.0, self.0.number)
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
        assert_eq!(parse(&Name(id).to_string()), Some(id));
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
