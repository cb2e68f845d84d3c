//! What a store does, case by case.

use bytes::Bytes;

use super::{Subject, name, payloads};
use crate::{
    batch::{Append, Batch, Keep, Outcome},
    error::{Refused, StoreError},
    limits::{BATCH_OPERATIONS_MAX, PORTION_RECORDS_MAX},
    record::{Level, Offset, Portion},
    wait::wait,
};

type Case = fn(&mut Subject<'_>);

/// Every case with its name.
pub(super) const ALL: &[(&str, Case)] = &[
    ("records come in order", records_come_in_order),
    ("offsets grow and do not come back", offsets_grow),
    (
        "payloads of every length come back",
        payloads_of_every_length,
    ),
    ("a lease keeps others away", a_lease_keeps_others_away),
    ("what is done does not come again", done_is_gone),
    ("what comes again does so in its place", again_in_its_place),
    ("a delay is kept", a_delay_is_kept),
    ("dead letters move", dead_letters_move),
    ("what is not there can be settled", settling_nothing),
    ("read from an offset, in portions", read_in_portions),
    ("lease in portions", lease_in_portions),
    ("trim by records, bytes and age", trim),
    ("trim tells what is missing", trim_tells),
    ("a removed stream is gone", removed),
    ("a batch mixes everything", mixed_batch),
    ("a refused batch changes nothing", refused_batch),
    ("levels are told", levels),
    ("batches keep their order unpolled", order_unpolled),
    ("everything is there after a reopening", reopened),
];

fn records_come_in_order(subject: &mut Subject<'_>) {
    let (a, b) = (name("/queue/a"), name("/queue/b"));
    subject.append(&a, &["1", "2"], 5);
    subject.append(&b, &["x"], 6);
    subject.append(&a, &["3"], 7);
    assert_eq!(payloads(&subject.read(&a, Offset::FIRST)), ["1", "2", "3"]);
    assert_eq!(payloads(&subject.read(&b, Offset::FIRST)), ["x"]);
    assert!(subject.read(&name("none"), Offset::FIRST).is_empty());
    assert!(subject.lease(&name("none"), 9).is_empty());
    let records = subject.read(&a, Offset::FIRST);
    let moments: Vec<_> = records.iter().map(|record| record.appended_ms).collect();
    assert_eq!(moments, [5, 5, 7]);
    let infos = subject.streams();
    let told = infos
        .iter()
        .map(|info| (info.name.as_str(), info.records, info.bytes));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [("/queue/a", 3, 3), ("/queue/b", 1, 1)]
    );
}

fn offsets_grow(subject: &mut Subject<'_>) {
    let queue = name("q");
    let mut last = Offset(0);
    for round in 0..4 {
        let offsets = subject.append(&queue, &["a", "b"], round);
        for &offset in &offsets {
            assert!(offset > last, "{offset} after {last}");
            last = offset;
        }
        let mut batch = Batch::new(round);
        for &offset in &offsets {
            batch.settle(&queue, offset, Outcome::Done);
        }
        if round == 2 {
            batch.remove(&queue);
        }
        subject.commit(batch);
        if !subject.reopen() {
            last = Offset(0);
        }
    }
}

fn payloads_of_every_length(subject: &mut Subject<'_>) {
    let queue = name("q");
    let lengths = [0, 1, 1023, 1024, 1025, 4096, 65_535, 65_536, 1_000_000];
    let payload = |length: usize| Bytes::from_iter((0..length).map(|index| (index % 251) as u8));
    let mut batch = Batch::new(0);
    for length in lengths {
        batch.append(&queue, payload(length));
    }
    subject.commit(batch);
    for round in 0..2 {
        let records = subject.read(&queue, Offset::FIRST);
        assert_eq!(records.len(), lengths.len());
        for (record, length) in records.iter().zip(lengths) {
            assert!(
                record.payload == payload(length),
                "{length} bytes, round {round}"
            );
        }
        if !subject.reopen() {
            return;
        }
    }
}

fn a_lease_keeps_others_away(subject: &mut Subject<'_>) {
    let queue = name("q");
    subject.append(&queue, &["1", "2"], 0);
    assert_eq!(payloads(&subject.lease(&queue, 0)), ["1", "2"]);
    assert!(subject.lease(&queue, 1_000_000).is_empty());
    assert_eq!(payloads(&subject.read(&queue, Offset::FIRST)), ["1", "2"]);
    if subject.reopen() {
        assert_eq!(
            payloads(&subject.lease(&queue, 0)),
            ["1", "2"],
            "nobody has it any more"
        );
    }
}

fn done_is_gone(subject: &mut Subject<'_>) {
    let queue = name("q");
    let offsets = subject.append(&queue, &["1", "2", "3"], 0);
    subject.lease(&queue, 0);
    let mut batch = Batch::new(1);
    batch.settle(&queue, offsets[1], Outcome::Done);
    subject.commit(batch);
    for _ in 0..2 {
        assert_eq!(payloads(&subject.read(&queue, Offset::FIRST)), ["1", "3"]);
        if !subject.reopen() {
            return;
        }
    }
    assert_eq!(payloads(&subject.lease(&queue, 0)), ["1", "3"]);
}

fn again_in_its_place(subject: &mut Subject<'_>) {
    let queue = name("q");
    let offsets = subject.append(&queue, &["1", "2", "3"], 0);
    let two = Portion {
        records: 2,
        ..Portion::ALL
    };
    assert_eq!(payloads(&subject.lease_portion(&queue, two, 0)), ["1", "2"]);
    let mut batch = Batch::new(1);
    batch.settle(
        &queue,
        offsets[1],
        Outcome::Again {
            due_ms: 0,
            deliveries: 1,
        },
    );
    batch.settle(
        &queue,
        offsets[0],
        Outcome::Again {
            due_ms: 0,
            deliveries: 7,
        },
    );
    subject.commit(batch);
    subject.reopen_or_stay();
    let records = subject.lease(&queue, 1);
    assert_eq!(payloads(&records), ["1", "2", "3"]);
    let deliveries: Vec<_> = records.iter().map(|record| record.deliveries).collect();
    assert_eq!(deliveries, [7, 1, 0]);
}

fn a_delay_is_kept(subject: &mut Subject<'_>) {
    let queue = name("q");
    let mut batch = Batch::new(0);
    batch.append_later(&queue, Bytes::from_static(b"late"), 100);
    batch.append(&queue, Bytes::from_static(b"now"));
    let offsets = subject.commit(batch).offsets;
    subject.reopen_or_stay();
    assert_eq!(payloads(&subject.lease(&queue, 99)), ["now"]);
    let late = subject.lease(&queue, 100);
    assert_eq!(payloads(&late), ["late"]);
    assert_eq!(late[0].due_ms, 100);
    let mut batch = Batch::new(100);
    batch.settle(
        &queue,
        offsets[0],
        Outcome::Again {
            due_ms: 300,
            deliveries: 1,
        },
    );
    subject.commit(batch);
    subject.reopen_or_stay();
    let early = subject.lease(&queue, 299);
    assert!(!payloads(&early).contains(&"late"));
    assert_eq!(payloads(&subject.lease(&queue, 300)), ["late"]);
}

fn dead_letters_move(subject: &mut Subject<'_>) {
    let (queue, dead) = (name("q"), name("dead"));
    let offsets = subject.append(&queue, &["poison", "good"], 0);
    subject.lease(&queue, 0);
    let mut batch = Batch::new(1);
    let letter = Append {
        stream: dead.clone(),
        payload: Bytes::from_static(b"poison, because"),
        deliveries: 5,
        due_ms: 0,
    };
    batch.bury(&queue, offsets[0], letter);
    assert_eq!(subject.commit(batch).offsets.len(), 1);
    subject.reopen_or_stay();
    assert_eq!(payloads(&subject.read(&queue, Offset::FIRST)), ["good"]);
    let letters = subject.lease(&dead, 1);
    assert_eq!(payloads(&letters), ["poison, because"]);
    assert_eq!(letters[0].deliveries, 5);
}

fn settling_nothing(subject: &mut Subject<'_>) {
    let queue = name("q");
    let offsets = subject.append(&queue, &["1"], 0);
    let mut batch = Batch::new(1);
    let again = Outcome::Again {
        due_ms: 0,
        deliveries: 1,
    };
    batch.settle(&name("none"), offsets[0], Outcome::Done);
    batch.settle(&queue, Offset(0), Outcome::Dead);
    batch.settle(&queue, Offset(u64::MAX), again);
    batch.settle(&queue, offsets[0], Outcome::Done);
    batch.settle(&queue, offsets[0], again);
    batch.settle(&queue, offsets[0], Outcome::Done);
    batch.trim(&name("none"), Keep::default());
    batch.remove(&name("none"));
    subject.commit(batch);
    subject.reopen_or_stay();
    assert!(subject.read(&queue, Offset::FIRST).is_empty());
    let infos = subject.streams();
    assert!(
        infos
            .iter()
            .all(|info| info.records == 0 && info.bytes == 0)
    );
}

fn read_in_portions(subject: &mut Subject<'_>) {
    let topic = name("t");
    let offsets = subject.append(&topic, &["aaaa", "bb", "cc", "d"], 0);
    let read = |from, records, bytes| {
        let records = subject.read_portion(&topic, from, Portion { records, bytes });
        payloads(&records).join(" ")
    };
    assert_eq!(read(Offset::FIRST, 2, 100), "aaaa bb");
    assert_eq!(read(offsets[1], 100, 4), "bb cc");
    assert_eq!(read(offsets[1], 100, 3), "bb");
    assert_eq!(read(Offset::FIRST, 100, 1), "aaaa", "one at least");
    assert_eq!(read(offsets[3], 100, 100), "d");
    assert_eq!(read(offsets[3].next(), 100, 100), "");
    assert_eq!(read(Offset::FIRST, 0, 100), "");
    assert_eq!(read(Offset(0), usize::MAX, usize::MAX), "aaaa bb cc d");
}

fn lease_in_portions(subject: &mut Subject<'_>) {
    let queue = name("q");
    subject.append(&queue, &["aaaa", "bb", "cc", "d"], 0);
    let lease = |records, bytes| {
        let records = subject.lease_portion(&queue, Portion { records, bytes }, 0);
        payloads(&records).join(" ")
    };
    assert_eq!(lease(0, 100), "");
    assert_eq!(lease(100, 3), "aaaa", "one at least");
    assert_eq!(lease(100, 4), "bb cc");
    assert_eq!(lease(1, 100), "d");
    let many = vec!["m"; BATCH_OPERATIONS_MAX];
    subject.append(&queue, &many, 0);
    subject.append(&queue, &many, 0);
    let everything = Portion {
        records: usize::MAX,
        bytes: usize::MAX,
    };
    let leased = subject.lease_portion(&queue, everything, 0);
    assert_eq!(leased.len(), PORTION_RECORDS_MAX);
}

fn trim(subject: &mut Subject<'_>) {
    let topic = name("t");
    for now_ms in 1..=6 {
        subject.append(&topic, &["ab"], now_ms);
    }
    let keeps = [
        (
            Keep {
                records: Some(6),
                ..Keep::default()
            },
            6,
        ),
        (
            Keep {
                records: Some(5),
                ..Keep::default()
            },
            5,
        ),
        (
            Keep {
                bytes: Some(9),
                ..Keep::default()
            },
            4,
        ),
        (
            Keep {
                bytes: Some(8),
                ..Keep::default()
            },
            4,
        ),
        (
            Keep {
                since_ms: Some(4),
                ..Keep::default()
            },
            3,
        ),
        (
            Keep {
                records: Some(3),
                bytes: Some(100),
                since_ms: Some(6),
            },
            1,
        ),
        (
            Keep {
                bytes: Some(0),
                ..Keep::default()
            },
            0,
        ),
    ];
    for (keep, left) in keeps {
        let mut batch = Batch::new(10);
        batch.trim(&topic, keep);
        subject.commit(batch);
        subject.reopen_or_stay();
        let records = subject.read(&topic, Offset::FIRST);
        assert_eq!(records.len(), left, "{keep:?}");
        assert!(
            records
                .iter()
                .all(|record| record.appended_ms > 6 - left as u64)
        );
    }
}

fn trim_tells(subject: &mut Subject<'_>) {
    let topic = name("t");
    let offsets = subject.append(&topic, &["1", "2", "3"], 0);
    assert!(subject.streams()[0].complete_from <= offsets[0]);
    let mut batch = Batch::new(0);
    batch.trim(
        &topic,
        Keep {
            records: Some(1),
            ..Keep::default()
        },
    );
    batch.settle(&topic, offsets[2], Outcome::Done);
    subject.commit(batch);
    subject.reopen_or_stay();
    let info = subject.streams().remove(0);
    assert!(offsets[1] < info.complete_from, "the second one is missing");
    assert!(
        info.complete_from <= offsets[2],
        "the third was not trimmed"
    );
    assert!(info.next > offsets[2]);
    assert!(subject.append(&topic, &["4"], 0)[0] >= info.next);
}

fn removed(subject: &mut Subject<'_>) {
    let (topic, other) = (name("t"), name("u"));
    let first = subject.append(&topic, &["1", "2"], 0);
    subject.append(&other, &["x"], 0);
    let mut batch = Batch::new(0);
    batch.remove(&topic);
    subject.commit(batch);
    subject.reopen_or_stay();
    let infos = subject.streams();
    assert_eq!(infos.len(), 1, "{infos:?}");
    assert!(subject.read(&topic, Offset::FIRST).is_empty());
    let second = subject.append(&topic, &["3"], 0);
    assert!(second[0] > first[1]);
    let infos = subject.streams();
    assert_eq!(infos[0].name, topic);
    assert!(
        infos[0].complete_from > first[1],
        "what was removed is missing"
    );
    assert!(infos[0].complete_from <= second[0]);
    assert_eq!(payloads(&subject.read(&topic, Offset::FIRST)), ["3"]);
}

fn mixed_batch(subject: &mut Subject<'_>) {
    let (orders, bills, log) = (name("orders"), name("bills"), name("log"));
    let old = subject.append(&orders, &["o1", "o2"], 0);
    subject.append(&log, &["l1", "l2"], 0);
    let mut batch = Batch::new(3);
    batch.append(&bills, Bytes::from_static(b"b1"));
    batch.settle(&orders, old[0], Outcome::Done);
    batch.append(&log, Bytes::from_static(b"l3"));
    batch.settle(
        &orders,
        old[1],
        Outcome::Again {
            due_ms: 0,
            deliveries: 2,
        },
    );
    batch.trim(
        &log,
        Keep {
            records: Some(2),
            ..Keep::default()
        },
    );
    let offsets = subject.commit(batch).offsets;
    assert_eq!(offsets.len(), 2);
    for _ in 0..2 {
        let bill = subject.read(&bills, Offset::FIRST).remove(0);
        assert_eq!((bill.offset, bill.appended_ms), (offsets[0], 3));
        assert_eq!(payloads(&subject.read(&orders, Offset::FIRST)), ["o2"]);
        assert_eq!(subject.read(&orders, Offset::FIRST)[0].deliveries, 2);
        assert_eq!(payloads(&subject.read(&log, Offset::FIRST)), ["l2", "l3"]);
        if !subject.reopen() {
            return;
        }
    }
}

fn refused_batch(subject: &mut Subject<'_>) {
    let queue = name("q");
    let mut batch = Batch::new(0);
    for _ in 0..=BATCH_OPERATIONS_MAX {
        batch.append(&queue, Bytes::new());
    }
    let refused = wait(subject.store().commit(batch, Level::Stored));
    let expected = Refused::BatchOperations(BATCH_OPERATIONS_MAX + 1);
    assert!(matches!(refused, Err(StoreError::Refused(refused)) if refused == expected));
    assert!(subject.streams().is_empty());
    assert_eq!(subject.append(&queue, &["still works"], 0).len(), 1);
}

fn levels(subject: &mut Subject<'_>) {
    let level_max = subject.level_max();
    let levels = [
        Level::Received,
        Level::Stored,
        Level::Synced,
        Level::Replicated,
    ];
    for level in levels {
        let mut batch = Batch::new(0);
        batch.append(&name("q"), Bytes::new());
        let reached = wait(subject.store().commit(batch, level)).unwrap().level;
        assert!(
            reached >= level.min(level_max),
            "{level} was asked for, not {reached}"
        );
        assert!(reached <= level_max, "{reached} is more than there is");
    }
    let empty = wait(subject.store().commit(Batch::new(0), level_max)).unwrap();
    assert_eq!((empty.offsets.len(), empty.level), (0, level_max));
}

fn order_unpolled(subject: &mut Subject<'_>) {
    let queue = name("q");
    let mut answers = Vec::new();
    for index in 0..100 {
        let mut batch = Batch::new(0);
        batch.append(&queue, Bytes::from(index.to_string()));
        wait(subject.store().ready()).unwrap();
        answers.push(subject.store().commit(batch, Level::Stored));
    }
    let last = answers.pop().expect("there are some");
    drop(answers);
    wait(last).unwrap();
    let records = subject.read(&queue, Offset::FIRST);
    let expected: Vec<_> = (0..100).map(|index| index.to_string()).collect();
    assert_eq!(payloads(&records), expected);
}

fn reopened(subject: &mut Subject<'_>) {
    let (queue, topic) = (name("q"), name("t"));
    let epoch = subject.store().epoch();
    subject.append(&queue, &["1", "2"], 1);
    subject.append(&topic, &["x"], 2);
    let before = (subject.read(&queue, Offset::FIRST), subject.streams());
    if !subject.reopen() {
        assert!(subject.streams().is_empty());
        assert_ne!(subject.store().epoch(), epoch, "another life");
        return;
    }
    assert_eq!(subject.store().epoch(), epoch, "the same life");
    assert_eq!(subject.read(&queue, Offset::FIRST), before.0);
    assert_eq!(subject.streams(), before.1);
}
