//! A connection that is made anew, with a server that fails in every phase of it. The time is paused: waits are exact,
//! and take none.

mod closing;
mod failures;
mod messages;
mod server;
mod sockets;
mod waits;

use gumboot_websocket::{Failure, ReconnectEvent, Reconnecting};

/// The next event, which is to be that a connection stands.
async fn open(connection: &mut Reconnecting) {
    let event = connection.next().await;
    assert!(
        matches!(event, Some(ReconnectEvent::Open { .. })),
        "{event:?}"
    );
}

/// The next event, which is to be a message of this text.
async fn expect_text(connection: &mut Reconnecting, text: &str) {
    match connection.next().await {
        Some(ReconnectEvent::Message(message)) => assert_eq!(message.as_text(), Some(text)),
        event => panic!("{event:?} instead of {text}"),
    }
}

/// Why there is no connection, which the next event is to say.
async fn expect_waiting(connection: &mut Reconnecting) -> Failure {
    match connection.next().await {
        Some(ReconnectEvent::Waiting { failure, .. }) => failure,
        event => panic!("{event:?} instead of a wait"),
    }
}

/// Why it is given up, which the next event is to say, and how many messages were not sent.
async fn expect_given_up(connection: &mut Reconnecting) -> (Failure, usize) {
    match connection.next().await {
        Some(ReconnectEvent::GivenUp { failure, unsent }) => (failure, unsent.len()),
        event => panic!("{event:?} instead of the end"),
    }
}
