//! The STOMP client of `gumboot-stomp` with the server: over WebSocket, over TCP, and over TLS.

use gumboot_stomp::{AckMode, Client, Error, Outgoing, Session, Subscribe, Subscription, Version};
use tokio::time::timeout;

use crate::program::{Program, address};

const ANY: &str = "127.0.0.1:0";

const WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(20);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it happens in time")
}

/// The program, and the URLs of its server over WebSocket and over TCP.
fn serve() -> (Program, [String; 2]) {
    let program = Program::start(&["--listen", ANY, "--stomp-listen", ANY]);
    let lines = program.print(5);
    let http = address(&lines[1], "console    http://", "/");
    let stomp = address(&lines[4], "stomp      ", "");
    (
        program,
        [format!("ws://{http}/ws"), format!("stomp://{stomp}")],
    )
}

async fn open(url: &str, version: Version) -> Session {
    let client = Client::new(url).unwrap().versions(&[version]);
    soon(client.connect()).await.unwrap()
}

async fn expect(subscription: &mut Subscription, body: &[u8]) {
    let message = soon(subscription.receive()).await.unwrap().unwrap();
    assert_eq!(message.body(), body);
    assert_eq!(message.destination(), "/topic/news");
    assert_eq!(message.header("k:y"), Some("v\nw"));
}

#[tokio::test]
async fn each_carrier_and_version_talks_with_each() {
    let (_program, urls) = serve();
    // What 1.0 cannot carry, its sessions do not get to see.
    for from in [Version::V1_1, Version::V1_2] {
        for to in [Version::V1_1, Version::V1_2] {
            for (publisher, subscriber) in [(0, 1), (1, 0)] {
                let subscriber = open(&urls[subscriber], to).await;
                let mut news = soon(subscriber.subscribe("/topic/news")).await.unwrap();
                let publisher = open(&urls[publisher], from).await;
                for body in [&b"text"[..], b"\xff\0binary", b""] {
                    let message = Outgoing::new("/topic/news", body).header("k:y", "v\nw");
                    let receipt = soon(publisher.send_with_receipt(message)).await.unwrap();
                    soon(receipt).await.unwrap();
                    expect(&mut news, body).await;
                }
                soon(news.unsubscribe()).await.unwrap();
                soon(publisher.disconnect()).await.unwrap();
                soon(subscriber.disconnect()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_told_to_who_asked() {
    let (_program, urls) = serve();
    for url in urls {
        let session = open(&url, Version::V1_2).await;
        let mut news = soon(session.subscribe("/topic/news")).await.unwrap();
        let refused = soon(session.subscribe("/nowhere")).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        // The server has ended the connection; the session makes another.
        let receipt = session.send_with_receipt(Outgoing::new("/topic/news", "again"));
        let receipt = soon(receipt).await.unwrap();
        soon(receipt).await.unwrap();
        let message = soon(news.receive()).await.unwrap().unwrap();
        assert_eq!(message.text(), Some("again"));
        soon(session.disconnect()).await.unwrap();
    }
}

#[tokio::test]
async fn a_long_one_and_many_small_ones_arrive_in_order() {
    let (_program, urls) = serve();
    for url in urls {
        let session = open(&url, Version::V1_2).await;
        let subscribe = Subscribe::to("/topic/news").ack(AckMode::Auto);
        let mut news = soon(session.subscribe(subscribe)).await.unwrap();
        // What hardly gets shorter: the server takes no message that grows too much.
        let large: Vec<u8> = (0..15_u32 << 18)
            .flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes())
            .collect();
        let sender = session.clone();
        let sending = tokio::spawn(async move {
            sender.send(Outgoing::new("/topic/news", large)).await?;
            for number in 0..1000 {
                let small = Outgoing::new("/topic/news", format!("{number}"));
                sender.send(small).await?;
            }
            Ok::<(), Error>(())
        });
        let first = soon(news.receive()).await.unwrap().unwrap();
        assert_eq!(first.body().len(), 15 << 20);
        for number in 0..1000 {
            let message = soon(news.receive()).await.unwrap().unwrap();
            assert_eq!(message.text(), Some(format!("{number}").as_str()));
        }
        soon(sending).await.unwrap().unwrap();
    }
}
