//! What the headers of a SEND tell the broker. All of them go to the receivers as they are.

use std::sync::Arc;

use gumboot_broker_core::{GROUP_BYTES_MAX, PRIORITY_MAX, Properties, Retain, Timestamp};
use gumboot_stomp_proto::Frame;

use super::{
    refused::Refused,
    value::{number, truth},
};

/// The properties of a message but for its bytes, which its receivers' headers are part of. `persistent` is for one that
/// does not say it.
///
/// The names of RabbitMQ, ActiveMQ, Artemis and Apollo mean what they mean there. Where several say when the message
/// expires, the earliest counts.
pub(super) fn properties(
    frame: &Frame<'_>,
    now: Timestamp,
    persistent: bool,
) -> Result<Properties, Refused> {
    let mut properties = Properties {
        persistent,
        ..Properties::default()
    };
    for (name, value) in frame.headers() {
        let value = &*value;
        match &*name {
            "ttl" | "expiration" => {
                let millis = number(&name, value)?;
                expire(&mut properties, millis, now.after(millis));
            }
            "expires" => {
                let millis = number(&name, value)?;
                expire(&mut properties, millis, Timestamp::from_millis(millis));
            }
            "delay" | "x-delay" | "AMQ_SCHEDULED_DELAY" => {
                properties.delay_ms = number(&name, value)?;
            }
            "AMQ_SCHEDULED_TIME" => {
                let due: u64 = number(&name, value)?;
                properties.delay_ms = due.saturating_sub(now.as_millis());
            }
            "priority" => {
                let priority: u64 = number(&name, value)?;
                properties.priority = u8::try_from(priority)
                    .unwrap_or(PRIORITY_MAX)
                    .min(PRIORITY_MAX);
            }
            "persistent" => properties.persistent = truth(&name, value)?,
            "JMSXGroupID" | "message_group" | "message-group" if !value.is_empty() => {
                properties.group = Some(group(&name, value)?);
            }
            "retain" => properties.retain = retain(value)?,
            _ => {}
        }
    }
    Ok(properties)
}

/// As in JMS, 0 stands for no end.
fn expire(properties: &mut Properties, millis: u64, expires: Timestamp) {
    if millis > 0 {
        let earlier = properties
            .expires
            .map_or(expires, |other| other.min(expires));
        properties.expires = Some(earlier);
    }
}

fn group(name: &str, value: &str) -> Result<Arc<str>, Refused> {
    if value.len() > GROUP_BYTES_MAX {
        let what = format!("is at most {GROUP_BYTES_MAX} bytes long");
        return Err(Refused::header(name, &what));
    }
    Ok(Arc::from(value))
}

fn retain(value: &str) -> Result<Retain, Refused> {
    match value {
        "true" | "set" => Ok(Retain::Keep),
        "remove" => Ok(Retain::Clear),
        "false" => Ok(Retain::No),
        _ => Err(Refused::header("retain", "is true, false or remove")),
    }
}

#[cfg(test)]
mod tests {
    use gumboot_stomp_proto::{Decoded, Decoder, Input, Limits, Version};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(10_000);

    fn read(headers: &str) -> Result<Properties, String> {
        let wire = format!("SEND\ndestination:/queue/a\n{headers}\n\n\0");
        let mut decoder = Decoder::new(Limits::default());
        decoder.set_version(Version::V1_2);
        let decoded = decoder.decode(&mut Input::new(wire.as_bytes()));
        let Ok(Some(Decoded::Frame(frame))) = decoded else {
            panic!("{decoded:?}");
        };
        properties(&frame, NOW, true).map_err(|refused| refused.detail)
    }

    #[test]
    fn none_of_them() {
        let default = Properties {
            persistent: true,
            ..Properties::default()
        };
        assert_eq!(read("x:y").unwrap(), default);
        assert_eq!(read("ttl:0\nexpires:0\nJMSXGroupID:").unwrap(), default);
    }

    #[test]
    fn when_it_expires() {
        let expires = |headers| read(headers).unwrap().expires.map(Timestamp::as_millis);
        assert_eq!(expires("ttl:5"), Some(10_005));
        assert_eq!(expires("expiration:5"), Some(10_005));
        assert_eq!(expires("expires:12000"), Some(12_000));
        assert_eq!(expires("expires:12000\nttl:5000"), Some(12_000));
        assert_eq!(expires("expires:12000\nttl:500"), Some(10_500));
    }

    #[test]
    fn how_long_it_is_delayed() {
        let delay = |headers| read(headers).unwrap().delay_ms;
        assert_eq!(delay("delay:5"), 5);
        assert_eq!(delay("x-delay:5"), 5);
        assert_eq!(delay("AMQ_SCHEDULED_DELAY:6"), 6);
        assert_eq!(delay("AMQ_SCHEDULED_TIME:10007"), 7);
        assert_eq!(delay("AMQ_SCHEDULED_TIME:3"), 0);
    }

    #[test]
    fn the_others() {
        let all = read("priority:7\npersistent:false\nJMSXGroupID:g\nretain:true").unwrap();
        assert_eq!((all.priority, all.persistent), (7, false));
        assert_eq!(
            (all.group.as_deref(), all.retain),
            (Some("g"), Retain::Keep)
        );
        assert_eq!(read("priority:4711").unwrap().priority, PRIORITY_MAX);
        assert_eq!(read("retain:remove").unwrap().retain, Retain::Clear);
    }

    #[test]
    fn how_long_the_name_of_a_group_is() {
        for header in ["JMSXGroupID", "message_group", "message-group"] {
            let of = |bytes| read(&format!("{header}:{}", "g".repeat(bytes)));
            assert_eq!(of(GROUP_BYTES_MAX).unwrap().group.unwrap().len(), 255);
            let wrong = format!("the header {header} is at most 255 bytes long");
            assert_eq!(of(GROUP_BYTES_MAX + 1).unwrap_err(), wrong);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (headers, detail) in [
            ("ttl:-1", "the header ttl is a whole number, not below 0"),
            (
                "priority:high",
                "the header priority is a whole number, not below 0",
            ),
            ("persistent:1", "the header persistent is true or false"),
            ("retain:1", "the header retain is true, false or remove"),
        ] {
            assert_eq!(read(headers).unwrap_err(), detail);
        }
    }
}
