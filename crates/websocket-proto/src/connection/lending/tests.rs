//! Echoes of long messages: the same bytes whether they are written from the input or copied, wherever writing stops.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::{
    CloseCode, CloseFrame, Event,
    connection::{
        tests::{client, compressing, server, start, transmit},
        transmit::LENT_BYTES_MIN,
    },
    error::Error,
    message::{Message, MessageKind},
};

/// What a client sends: long messages, short ones between them, a ping, and a Close behind all.
fn frames() -> Vec<u8> {
    let mut client = client();
    for length in [
        LENT_BYTES_MIN,
        5,
        LENT_BYTES_MIN - 1,
        70_000,
        LENT_BYTES_MIN + 1,
    ] {
        let text: String = ('a'..='z').cycle().take(length).collect();
        client.send(Message::text(text)).unwrap();
    }
    client.ping(b"still there?").unwrap();
    client
        .send(Message::binary(vec![7; LENT_BYTES_MIN]))
        .unwrap();
    client
        .close(Some(&CloseFrame::truncated(CloseCode::NORMAL, "bye")))
        .unwrap();
    transmit(&mut client)
}

/// Sends back what comes.
fn echo(connection: &mut Connection, input: &mut Input<'_>) -> Result<(), Error> {
    while let Some(event) = connection.handle_input(start(), input)? {
        if let Event::Message(message) = event {
            connection.send_back(message).unwrap();
        }
    }
    Ok(())
}

/// Up to `count` of the bytes that wait, out of two slices at a time.
fn write(lending: &mut Lending<'_>, count: usize) -> Vec<u8> {
    let mut written = Vec::new();
    while written.len() < count {
        let mut slices = [IoSlice::new(&[]); 2];
        let filled = lending.poll_transmit(&mut slices);
        let mut bytes: Vec<u8> = slices[..filled]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect();
        if bytes.is_empty() {
            break;
        }
        bytes.truncate(count - written.len());
        lending.transmitted(start(), bytes.len());
        written.extend(bytes);
    }
    written
}

/// What a server answers that copies all.
fn copied(bytes: &[u8]) -> Vec<u8> {
    let mut server = server();
    echo(&mut server, &mut Input::new(&mut bytes.to_vec())).unwrap();
    transmit(&mut server)
}

#[test]
fn what_is_not_written_at_once_is_written_later() {
    let frames = frames();
    let expected = copied(&frames);
    let steps = (0..expected.len()).step_by(4099);
    let around = [1, 4, 5, LENT_BYTES_MIN + 3, LENT_BYTES_MIN + 4];
    for count in around.into_iter().chain(steps).chain([usize::MAX]) {
        let mut server = server();
        let mut bytes = frames.clone();
        let (mut lending, fed) = Lending::feed(&mut server, &mut bytes, echo);
        fed.unwrap();
        assert!(lending.is_lent());
        let mut written = write(&mut lending, count);
        assert_eq!(written.len(), count.min(expected.len()));
        drop(lending);
        // The buffer is somebody else's now.
        bytes.fill(0);
        assert_eq!(server.bytes_pending(), expected.len() - written.len());
        written.extend(transmit(&mut server));
        assert!(written == expected, "stopped at {count}");
    }
}

#[test]
fn what_waited_before_and_what_is_sent_after_keep_their_places() {
    let mut frames = frames();
    let expected = copied(&frames);
    let mut server = server();
    server.ping(b"first").unwrap();
    let (lending, fed) = Lending::feed(&mut server, &mut frames, |connection, input| {
        let mut first = true;
        while let Some(event) = connection.handle_input(start(), input)? {
            if let Event::Message(message) = event {
                connection.send_back(message).unwrap();
            }
            if first {
                connection.ping(b"second").unwrap();
                first = false;
            }
        }
        Ok::<(), Error>(())
    });
    fed.unwrap();
    drop(lending);
    let answer = transmit(&mut server);
    let head = 4 + LENT_BYTES_MIN;
    let parts = [
        b"\x89\x05first",
        &expected[..head],
        b"\x89\x06second",
        &expected[head..],
    ];
    assert!(answer == parts.concat());
}

#[test]
fn only_long_payloads_of_this_input_are_lent() {
    let long = vec![1; LENT_BYTES_MIN];
    for (kind, bytes, lent) in [
        (MessageKind::Binary, &long[..], true),
        (MessageKind::Binary, &long[1..], false),
        (MessageKind::Text, &long[..], true),
    ] {
        let mut other = client();
        other.send_copy(kind, bytes).unwrap();
        let mut frame = transmit(&mut other);
        let mut server = server();
        let (lending, fed) = Lending::feed(&mut server, &mut frame, echo);
        fed.unwrap();
        assert_eq!(lending.is_lent(), lent);
    }
    // What is sent masked or compressed is not what has come.
    for [mut echoing, mut sender] in [[client(), server()], compressing()] {
        sender.send(Message::binary(long.clone())).unwrap();
        let mut frame = transmit(&mut sender);
        let (lending, fed) = Lending::feed(&mut echoing, &mut frame, echo);
        fed.unwrap();
        assert!(!lending.is_lent());
        drop(lending);
        assert!(echoing.bytes_pending() > 0);
    }
    // Relayed: it lies in the input of another connection.
    let mut sender = client();
    sender.send(Message::binary(long)).unwrap();
    let mut frame = transmit(&mut sender);
    let expected = copied(&frame);
    let (mut one, mut two) = (server(), server());
    let mut input_of_two = vec![0; 2 * LENT_BYTES_MIN];
    let (lending, ()) = Lending::feed(&mut two, &mut input_of_two, |two, _| {
        let mut input = Input::new(&mut frame);
        let event = one.handle_input(start(), &mut input).unwrap();
        let Some(Event::Message(message)) = event else {
            panic!("{event:?}");
        };
        two.send_back(message).unwrap();
    });
    assert!(!lending.is_lent());
    drop(lending);
    assert!(transmit(&mut two) == expected);
}

#[test]
fn a_violation_behind_an_echo_leaves_its_close_behind_it() {
    let mut sender = client();
    sender
        .send(Message::binary(vec![1; LENT_BYTES_MIN]))
        .unwrap();
    let mut frame = transmit(&mut sender);
    let expected = copied(&frame);
    // Not masked.
    frame.extend(b"\x82\x00");
    let mut server = server();
    let (lending, fed) = Lending::feed(&mut server, &mut frame, echo);
    assert!(fed.is_err() && lending.is_lent());
    drop(lending);
    frame.fill(0);
    let answer = transmit(&mut server);
    assert!(answer.starts_with(&expected));
    assert_eq!(answer[expected.len()], 0x88);
}

#[test]
fn nothing_stays_lent_behind_a_panic() {
    let mut frames = frames();
    let expected = copied(&frames);
    let mut server = server();
    let lending = AssertUnwindSafe(|| {
        Lending::feed(&mut server, &mut frames, |connection, input| {
            echo(connection, input).unwrap();
            panic!("as a program may");
        })
    });
    assert!(catch_unwind(lending).is_err());
    frames.fill(0);
    assert!(transmit(&mut server) == expected);
}

#[test]
#[should_panic(expected = "an input was lent and never given back")]
fn what_lies_in_an_input_of_before_is_not_looked_for_in_the_next() {
    let mut server = server();
    for _ in 0..2 {
        let mut question = frames();
        let (lending, fed) = Lending::feed(&mut server, &mut question, echo);
        fed.unwrap();
        assert!(lending.is_lent());
        std::mem::forget(lending);
    }
}

#[test]
fn a_buffer_that_is_taken_away_midway_knows_no_input() {
    let mut server = server();
    let mut question = frames();
    let (lending, buffer) = Lending::feed(&mut server, &mut question, |connection, _| {
        connection.reclaim_buffer().unwrap()
    });
    drop(lending);
    server.lend_buffer(buffer);
    echo(&mut server, &mut Input::new(&mut question)).unwrap();
    assert!(!server.transmit.is_lent());
}
