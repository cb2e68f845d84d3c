//! How long is waited, and how often it is tried.

use std::time::Duration;

use gumboot_websocket::{
    Backoff, RETRY_AFTER_MAX, Reconnect, ReconnectEvent, ReconnectState, Reconnecting, STANDS_AFTER,
};
use tokio::{io::DuplexStream, time::Instant};

use crate::{
    expect_given_up, expect_waiting, open,
    server::{Plan, accept, answer, client, echo},
};

fn backoff() -> Backoff {
    Backoff::new().seed(1)
}

/// The attempt that is announced next, and how long it takes until its outcome is known.
async fn next_wait(connection: &mut Reconnecting) -> (u32, Duration) {
    match connection.next().await {
        Some(ReconnectEvent::Waiting { attempt, wait, .. }) => (attempt, wait),
        event => panic!("{event:?}"),
    }
}

/// A server that lets a connection stand for a time.
fn stand_for(time: Duration) -> Plan {
    accept(async move |mut socket| {
        let _ = tokio::time::timeout(time, socket.receive()).await;
    })
}

#[tokio::test(start_paused = true)]
async fn waits_are_those_of_the_backoff() {
    let plans = [
        Plan::Refuse,
        Plan::Refuse,
        Plan::Refuse,
        Plan::Refuse,
        echo(),
    ];
    let mut connection = client(plans).backoff(backoff()).start();
    let (start, mut expected) = (Instant::now(), backoff());
    let mut sum = Duration::ZERO;
    for number in 1..=4 {
        let wait = expected.next_wait();
        assert_eq!(next_wait(&mut connection).await, (number, wait));
        assert_eq!(connection.state(), ReconnectState::Waiting);
        sum += wait;
    }
    open(&mut connection).await;
    assert_eq!(connection.state(), ReconnectState::Open);
    let late = start.elapsed() - sum;
    assert!(late < Duration::from_millis(20), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn only_a_connection_that_stood_is_a_success() {
    let short = stand_for(STANDS_AFTER - Duration::from_secs(1));
    let long = stand_for(STANDS_AFTER);
    let plans = [Plan::Refuse, short, long, echo()];
    let mut connection = client(plans).backoff(backoff()).start();
    assert_eq!(next_wait(&mut connection).await.0, 1);
    open(&mut connection).await;
    assert_eq!(next_wait(&mut connection).await.0, 2);
    open(&mut connection).await;
    assert_eq!(next_wait(&mut connection).await.0, 1);
    open(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_on_request() {
    let plans = [(); 4].map(|()| Plan::Refuse);
    let mut connection = client(plans).attempts_max(3).start();
    for number in 1..=3 {
        assert_eq!(next_wait(&mut connection).await.0, number);
    }
    connection.send("too late").await.unwrap_or_default();
    expect_given_up(&mut connection).await;
    assert_eq!(connection.state(), ReconnectState::Ended);

    let mut connection = client([Plan::Refuse]).attempts_max(0).start();
    expect_given_up(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn attempts_are_not_bounded_otherwise() {
    let mut plans: Vec<_> = (0..1000).map(|_| Plan::Refuse).collect();
    plans.push(echo());
    let mut connection = client(plans).start();
    for number in 1..=1000 {
        assert_eq!(next_wait(&mut connection).await.0, number);
    }
    open(&mut connection).await;
}

/// The wait that a server asks for, as it is kept.
async fn asked_for(
    retry_after: &str,
    change: fn(Reconnect<DuplexStream>) -> Reconnect<DuplexStream>,
) -> Duration {
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after:";
    let plans = [answer(format!("{head} {retry_after}\r\n\r\n")), echo()];
    let mut connection = change(client(plans)).start();
    let (_, wait) = next_wait(&mut connection).await;
    let start = Instant::now();
    open(&mut connection).await;
    assert!(start.elapsed() >= wait);
    wait
}

#[tokio::test(start_paused = true)]
async fn a_server_may_ask_to_be_left_alone() {
    let seconds = Duration::from_secs;
    assert_eq!(asked_for("7", |same| same).await, seconds(7));
    assert_eq!(
        asked_for("7", |r| r.backoff(backoff())).await,
        seconds(7) + backoff().next_wait()
    );
    assert_eq!(asked_for("1000000", |same| same).await, RETRY_AFTER_MAX);
    let bounded = asked_for("7", |r| r.retry_after_max(Duration::from_secs(2))).await;
    assert_eq!(bounded, seconds(2));
    assert_eq!(
        asked_for("Thu, 01 Jan 1970 00:00:00 GMT", |same| same).await,
        seconds(0)
    );
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_events_waits_no_longer_for_it() {
    let mut connection = client([Plan::Refuse, echo()]).backoff(backoff()).start();
    // The wait runs from the failure on, not from when the program hears of it.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let start = Instant::now();
    expect_waiting(&mut connection).await;
    open(&mut connection).await;
    assert!(start.elapsed() < Duration::from_millis(20));
}
