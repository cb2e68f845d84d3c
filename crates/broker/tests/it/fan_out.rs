//! One topic, many subscribers, over WebSocket and TCP: everyone gets everything in order.

use std::thread;

use gumboot_testkit::{Over, StompPeer};

use crate::support::TestServer;

const SUBSCRIBERS: usize = 100;
const MESSAGES: usize = 100;

fn subscribers(server: &TestServer) -> Vec<StompPeer> {
    let subscriber = |index: usize| {
        let over = [Over::Tcp, Over::WebSocket][index % 2];
        let version = ["1.0", "1.1", "1.2"][index % 3];
        let mut client = server.client(over, version);
        client.subscribe(&index.to_string(), "/topic/news");
        client
    };
    (0..SUBSCRIBERS).map(subscriber).collect()
}

#[test]
fn a_hundred_subscribers_get_everything_in_order() {
    let server = TestServer::start();
    let mut subscribers = subscribers(&server);
    let mut sender = server.client(Over::WebSocket, "1.2");
    for number in 0..MESSAGES {
        sender.publish("/topic/news", &format!("message {number}"));
    }
    for (index, subscriber) in subscribers.iter_mut().enumerate() {
        for number in 0..MESSAGES {
            let message = subscriber.expect_message(format!("message {number}"));
            assert_eq!(message.header("subscription"), Some(&*index.to_string()));
            assert_eq!(
                message.header("message-id"),
                Some(&*(number + 1).to_string())
            );
        }
    }
}

#[test]
fn of_several_senders_each_one_is_in_order() {
    let server = TestServer::start();
    let mut subscribers = subscribers(&server);
    let senders: Vec<_> = [Over::Tcp, Over::WebSocket, Over::Tcp]
        .into_iter()
        .enumerate()
        .map(|(sender, over)| {
            let mut client = server.client(over, "1.2");
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    client.publish("/topic/news", &format!("{sender} {number}"));
                }
                client
            })
        })
        .collect();
    for subscriber in &mut subscribers {
        let mut next = [0; 3];
        for _ in 0..3 * MESSAGES {
            let message = subscriber.expect("MESSAGE");
            let (sender, number) = message.text().split_once(' ').unwrap();
            let sender: usize = sender.parse().unwrap();
            assert_eq!(number, next[sender].to_string(), "of sender {sender}");
            next[sender] += 1;
        }
        assert_eq!(next, [MESSAGES; 3]);
    }
    for sender in senders {
        sender.join().unwrap();
    }
}

#[test]
fn subscribers_that_leave_are_not_missed() {
    let server = TestServer::start();
    let mut subscribers = subscribers(&server);
    // Every third one goes: in order, without a word, or by UNSUBSCRIBE.
    for index in (0..SUBSCRIBERS).step_by(3).rev() {
        let mut leaving = subscribers.swap_remove(index);
        match index % 9 {
            0 => leaving.send("DISCONNECT\nreceipt:r\n\n\0"),
            3 => continue,
            _ => leaving.send(format!("UNSUBSCRIBE\nid:{index}\nreceipt:r\n\n\0")),
        }
        leaving.expect_receipt("r");
    }
    let mut sender = server.client(Over::Tcp, "1.2");
    for number in 0..10 {
        sender.publish("/topic/news", &number.to_string());
    }
    for subscriber in &mut subscribers {
        for number in 0..10 {
            subscriber.expect_message(number.to_string());
        }
    }
}
