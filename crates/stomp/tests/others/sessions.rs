//! Versions, users, refusals and heart-beats.

use std::time::Duration;

use gumboot_stomp::{Error, HeartBeat, State, Subscribe, Version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::other::{At, Kind, USER, next, send, soon};

/// What both sides promise in the case of heart-beats.
const BEAT_MS: u32 = 1_000;

/// Long enough for a side that does not beat to be given up several times over.
const IDLE: Duration = Duration::from_secs(15);

pub(crate) async fn a_version_is_agreed_on(at: At) {
    let all = Version::ALL;
    let offers: [&[Version]; 5] = [&all[..1], &all[1..2], &all[2..], &all[..2], &all];
    for offered in offers {
        let session = soon(at.client().versions(offered).connect()).await;
        let session = session.expect("it speaks that");
        let State::Connected(server) = session.state() else {
            panic!("{:?}", session.state())
        };
        assert_eq!(Some(&server.version), offered.last());
        let name = server.server.expect("it says its name");
        assert!(name.starts_with(at.kind().name()), "{name}");

        let queue = at.destination("queue", server.version.as_str());
        let mut subscription = soon(session.subscribe(queue.as_str()))
            .await
            .expect("a queue");
        send(&session, &queue, "hello").await;
        assert_eq!(next(&mut subscription).await.text(), Some("hello"));
        soon(subscription.unsubscribe())
            .await
            .expect("it is confirmed");
        soon(session.disconnect()).await.expect("it is confirmed");
        assert!(matches!(session.state(), State::Ended(None)));
    }
}

pub(crate) async fn a_wrong_password_is_refused(at: At) {
    let expected = match at.kind() {
        Kind::ActiveMq => "User name [guest] or password is invalid.",
        Kind::RabbitMq => "Bad CONNECT",
    };
    let refused = soon(at.stranger().login(USER, "wrong").connect()).await;
    match refused {
        Err(Error::Refused(error)) => assert_eq!(error.message.as_deref(), Some(expected)),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_refused_subscription_is_told(at: At) {
    let session = at.session().await;
    let queue = at.destination("queue", "a");
    let (subscribe, expected) = match at.kind() {
        Kind::ActiveMq => (Subscribe::to(&queue).header("selector", "("), "("),
        Kind::RabbitMq => (Subscribe::to("/nothing/like/it"), "Unknown destination"),
    };
    match soon(session.subscribe(subscribe)).await {
        Err(Error::Refused(error)) => assert_eq!(error.message.as_deref(), Some(expected)),
        other => panic!("{other:?}"),
    }
    // An ERROR ends the connection. The next one has nothing of it.
    send(&session, &queue, "hello").await;
    soon(session.disconnect()).await.expect("it is confirmed");
}

pub(crate) async fn beats_keep_an_idle_session(at: At) {
    let beat = HeartBeat {
        can_send_ms: BEAT_MS,
        wants_ms: BEAT_MS,
    };
    let session = soon(at.client().heart_beat(beat).no_reconnect().connect()).await;
    let session = session.expect("it takes us in");
    let (beats, lost) = tokio::join!(silent(&at), timeout(IDLE, session.ended()));
    assert!(
        lost.is_err(),
        "the session ended while it was idle: {lost:?}"
    );
    assert!(beats > 0, "the server sent none");
    send(&session, &at.destination("queue", "a"), "hello").await;
    soon(session.disconnect()).await.expect("it is confirmed");
}

/// A client that promises to beat and does not: the server ends it before the idle time is over, so the session beside it
/// lives by its beats. Counts those of the server.
async fn silent(at: &At) -> usize {
    let until = Instant::now() + IDLE;
    let mut stream = TcpStream::connect(at.stream_address())
        .await
        .expect("it listens");
    let connect = format!(
        "CONNECT\naccept-version:1.2\nhost:/\nlogin:{USER}\npasscode:{USER}\n\
         heart-beat:{BEAT_MS},{BEAT_MS}\n\n\0"
    );
    stream
        .write_all(connect.as_bytes())
        .await
        .expect("it reads");
    let mut received = Vec::new();
    let ended = tokio::time::timeout_at(until, stream.read_to_end(&mut received)).await;
    assert!(ended.is_ok(), "a silent client was not given up");
    let frame = received
        .iter()
        .position(|&octet| octet == 0)
        .expect("it answers");
    let behind = received[frame + 1..].iter();
    behind.take_while(|&&octet| octet == b'\n').count()
}
