//! Records come back as they were written, and what was changed is seen.

use proptest::{collection::vec, option, prelude::*};

use super::*;

fn message(headers: &[(String, String)], body: &[u8]) -> Message {
    let headers: Vec<_> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
    Message(Publication::new(Tail::new("/queue/a", &headers, body)))
}

fn any_message() -> impl Strategy<Value = Message> {
    let headers = vec(("[a-z:\\\\-]{1,8}", "\\PC{0,12}"), 0..4);
    (headers, vec(any::<u8>(), 0..40)).prop_map(|(headers, body)| message(&headers, &body))
}

fn any_properties() -> impl Strategy<Value = Properties> {
    let retain = prop_oneof![Just(Retain::No), Just(Retain::Keep), Just(Retain::Clear)];
    let group = option::of("\\PC{1,20}");
    let expires = option::of(any::<u64>());
    (any::<u32>(), any::<u8>(), expires, group, retain).prop_map(
        |(bytes, priority, expires, group, retain)| Properties {
            bytes: bytes as usize,
            priority,
            expires: expires.map(Timestamp::from_millis),
            delay_ms: 0,
            persistent: true,
            group: group.map(Arc::from),
            retain,
        },
    )
}

fn any_meta() -> impl Strategy<Value = Meta> {
    let text = "\\PC{0,20}".prop_map(Arc::<str>::from);
    let queue = (any::<u64>(), text).prop_map(|(number, name)| Meta::Queue { number, name });
    let names = ["\\PC{0,9}", "\\PC{0,9}", "\\PC{0,9}"];
    let selector = option::of("\\PC{0,30}");
    let durable = (any::<u64>(), names, selector, any::<bool>()).prop_map(
        |(number, [client, name, topic], selector, no_local)| Meta::Durable {
            number,
            client: client.into(),
            name: name.into(),
            topic: topic.into(),
            selector: selector.map(Box::from),
            no_local,
        },
    );
    let doubted = any::<u64>().prop_map(|until_ms| Meta::Doubted { until_ms });
    prop_oneof![Just(Meta::Ended), doubted, queue, durable]
}

fn any_history_meta() -> impl Strategy<Value = HistoryMeta> {
    let topic = (any::<u64>(), "\\PC{0,20}").prop_map(|(number, name)| HistoryMeta::Topic {
        number,
        name: name.into(),
    });
    let end = ("\\PC{0,20}", any::<u64>(), any::<u64>());
    let end = end.prop_map(|(topic, gone, next)| HistoryMeta::LogEnd {
        topic: topic.into(),
        gone,
        next,
    });
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    let ended =
        (numbers, vec("\\PC{0,9}", 0..4)).prop_map(|((top, forgotten, leapt), patterns)| {
            HistoryMeta::Ended(Ended {
                top,
                forgotten,
                leapt,
                patterns: patterns.into_iter().map(Box::from).collect(),
            })
        });
    let reserved = any::<u64>().prop_map(HistoryMeta::Reserved);
    prop_oneof![topic, reserved, end, ended]
}

/// Whatever is cut off is missed, and so is what another way of writing has, or what is behind the end.
fn check_damage<T>(octets: &Bytes, decode: impl Fn(&[u8]) -> Result<T, Problem>) {
    assert!(decode(octets).is_ok());
    for end in 0..octets.len() {
        let problem = decode(&octets[..end]).err();
        assert!(
            problem.is_some_and(|problem| !problem.is_empty()),
            "cut at {end}"
        );
    }
    for way in [0, 2, 255] {
        let mut other = octets.to_vec();
        other[0] = way;
        let problem = decode(&other).err().unwrap();
        assert!(problem.ends_with(&format!("number {way}")), "{problem}");
    }
    assert!(decode(&[octets, &b"\0"[..]].concat()).is_err());
}

fn check_message(found: &Message, expected: &Message) {
    assert_eq!(found.0.octets(), expected.0.octets());
    assert_eq!(found.0.cost, expected.0.cost);
}

proptest! {
    #[test]
    fn meta_comes_back(meta in any_meta()) {
        let octets = meta.encode();
        prop_assert_eq!(Meta::decode(&octets), Ok(meta));
        check_damage(&octets, Meta::decode);
    }

    #[test]
    fn a_message_comes_back(
        message in any_message(),
        properties in any_properties(),
        due in option::of(any::<u64>()),
        number in option::of(any::<u64>()),
    ) {
        let queued = Queued {
            content: number.map_or_else(|| Content::Whole(message.clone()), Content::Shared),
            properties,
            due: due.map(Timestamp::from_millis),
        };
        let octets = queued.encode();
        let back = Queued::decode(&octets).unwrap();
        prop_assert_eq!(&back.properties, &queued.properties);
        prop_assert_eq!(back.due, queued.due);
        match (back.content, number) {
            (Content::Whole(found), None) => check_message(&found, &message),
            (Content::Shared(found), Some(number)) => prop_assert_eq!(found, number),
            other => panic!("{other:?}"),
        }
        check_damage(&octets, Queued::decode);
    }

    #[test]
    fn octets_that_are_shared_come_back(message in any_message(), number in any::<u64>()) {
        let octets = Shared { number, message: message.clone() }.encode();
        let back = Shared::decode(&octets).unwrap();
        prop_assert_eq!(back.number, number);
        check_message(&back.message, &message);
        check_damage(&octets, Shared::decode);
    }

    #[test]
    fn a_message_of_a_topic_comes_back(
        message in any_message(),
        properties in any_properties(),
        topic in "\\PC{0,30}",
    ) {
        let record = OfTopic { topic: topic.as_str().into(), message, properties };
        let octets = record.encode();
        let back = OfTopic::decode(&octets).unwrap();
        prop_assert_eq!(&*back.topic, topic.as_str());
        prop_assert_eq!(&back.properties, &record.properties);
        check_message(&back.message, &record.message);
        check_damage(&octets, OfTopic::decode);
    }

    #[test]
    fn a_message_of_a_history_comes_back(
        message in any_message(),
        properties in any_properties(),
        offset in any::<u64>(),
        at in any::<u64>(),
        number in option::of(any::<u64>()),
    ) {
        let at = Timestamp::from_millis(at);
        let content = number.map_or_else(|| Content::Whole(message.clone()), Content::Shared);
        let logged = Logged { offset, at, content, properties };
        let octets = logged.encode();
        let back = Logged::decode(&octets).unwrap();
        prop_assert_eq!((back.offset, back.at), (offset, at));
        prop_assert_eq!(&back.properties, &logged.properties);
        match (back.content, number) {
            (Content::Whole(found), None) => check_message(&found, &message),
            (Content::Shared(found), Some(number)) => prop_assert_eq!(found, number),
            other => panic!("{other:?}"),
        }
        check_damage(&octets, Logged::decode);
    }

    #[test]
    fn what_is_known_of_histories_comes_back(meta in any_history_meta()) {
        let octets = meta.encode();
        prop_assert_eq!(HistoryMeta::decode(&octets), Ok(meta));
        check_damage(&octets, HistoryMeta::decode);
    }

    #[test]
    fn nothing_makes_it_panic(octets in vec(any::<u8>(), 0..200)) {
        let octets = [&[WAY][..], &octets].concat();
        let _ = Meta::decode(&octets);
        let _ = Queued::decode(&octets).map(drop);
        let _ = Shared::decode(&octets).map(drop);
        let _ = OfTopic::decode(&octets).map(drop);
        let _ = Logged::decode(&octets).map(drop);
        let _ = HistoryMeta::decode(&octets);
    }
}

#[test]
fn a_dead_letter_keeps_its_headers() {
    let headers = ["dead-letter-origin", "dead-letter-reason", "delivery-count"];
    let headers = headers.map(|name| (name.to_owned(), "x".to_owned()));
    let queued = Queued {
        content: Content::Whole(message(&headers, b"body")),
        properties: Properties::default(),
        due: None,
    };
    let Content::Whole(back) = Queued::decode(&queued.encode()).unwrap().content else {
        panic!("it was whole");
    };
    for (name, value) in headers {
        assert_eq!(back.0.header(&name).as_deref(), Some(&*value));
    }
}

#[test]
fn unknown_flags_and_kinds_are_refused() {
    let queued = Queued {
        content: Content::Shared(1),
        properties: Properties::default(),
        due: None,
    };
    let octets = queued.encode();
    for (place, problem) in [(1, "unknown flags"), (3, "retained in an unknown way")] {
        let mut changed = octets.to_vec();
        changed[place] |= 0x80;
        let found = Queued::decode(&changed).map(drop).unwrap_err();
        assert!(found.contains(problem), "{found}");
    }
}
