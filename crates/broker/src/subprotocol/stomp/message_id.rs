//! The name of a delivery on the wire: the number of its subscription, and its own there. It is both `message-id` and
//! `ack`.

use gumboot_broker_core::{DeliveryId, SubscriptionId};

/// The digits of a `u32`, a hyphen, and those of a `u64`, at most.
const NAME_BYTES_MAX: usize = 10 + 1 + 20;

/// Where the name of a message is written, as `message-id`, `ack` and `id` have it.
#[derive(Debug)]
pub(super) struct Text {
    octets: [u8; NAME_BYTES_MAX],
    len: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            octets: [0; NAME_BYTES_MAX],
            len: 0,
        }
    }
}

impl Text {
    /// The name of a delivery.
    pub(super) fn of_delivery(&mut self, id: DeliveryId) -> &str {
        let mut digits = itoa::Buffer::new();
        self.push(digits.format(id.subscription.0));
        self.push("-");
        self.push(digits.format(id.number));
        self.as_str()
    }

    /// The name of a message that nobody acknowledges.
    pub(super) fn of_number(&mut self, number: u64) -> &str {
        self.push(itoa::Buffer::new().format(number));
        self.as_str()
    }

    fn push(&mut self, part: &str) {
        let end = self.len + part.len();
        self.octets[self.len..end].copy_from_slice(part.as_bytes());
        self.len = end;
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.octets[..self.len]).expect("digits and a hyphen are UTF-8")
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
        assert_eq!(parse(Text::default().of_delivery(id)), Some(id));
        let most = DeliveryId {
            subscription: SubscriptionId(u32::MAX),
            number: u64::MAX,
        };
        let mut text = Text::default();
        assert_eq!(text.of_delivery(most), "4294967295-18446744073709551615");
        assert_eq!(Text::default().of_number(u64::MAX), u64::MAX.to_string());
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
