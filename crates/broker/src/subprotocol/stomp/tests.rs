//! A session polled by hand: how much one poll does.

use std::task::Waker;

use gumboot_broker_core::{Destination, HistoryPolicy};

use super::*;
use crate::{config::Config, hub::Hub, session::tcp::Stream};

/// So many messages lie in a history.
const MESSAGES: usize = 100;

/// So many of them are looked at in one portion.
const PORTION: usize = 5;

#[tokio::test]
async fn a_replay_that_gives_nothing_is_not_one_poll() {
    let mut config = Config::default();
    let pattern = Destination::parse("/topic/h").unwrap();
    let policy = HistoryPolicy {
        messages_max: MESSAGES,
        ..HistoryPolicy::default()
    };
    config.broker.histories = vec![(pattern, Arc::new(policy))];
    config.broker.limits.replay_messages_max = PORTION;
    let (hub, _) = Hub::start(config).await.unwrap();
    let now = Instant::now();
    let mut stomp = Stomp::new(now, hub.seat(), Arc::clone(&hub.stomp_options));
    let mut carrier = Stream::default();
    let mut say = |frame: &str| {
        stomp.on_data(now, frame.as_bytes(), &mut carrier);
        stomp.after_batch();
    };
    say("CONNECT\naccept-version:1.2\nhost:h\n\n\0");
    for _ in 0..MESSAGES {
        say("SEND\ndestination:/topic/h\ncolour:blue\n\n\0");
    }
    say(
        "SUBSCRIBE\nid:s\ndestination:/topic/h\nselector:colour = 'red'\nx-stream-offset:first\n\n\0",
    );
    let mut cx = Context::from_waker(Waker::noop());
    let mut polls = 1;
    while stomp.poll_outbox(&mut cx, now, &mut carrier).is_ready() {
        polls += 1;
    }
    assert!(carrier.is_open());
    assert!(polls >= MESSAGES / PORTION, "{polls} polls");
}
