//! A thousand lost connections under load: subscribers whose connections are cut anywhere, by proxies, get each message of
//! a topic with a history once, in order, and are told of no gap.
//!
//! `GUMBOOT_SEED` is the seed of the cuts in place of the usual one.

use std::{
    collections::BTreeMap,
    env, fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gumboot_stomp::{AckMode, Backoff, Client, Error, Outgoing, Subscribe, Subscription};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use crate::{
    program::{Program, address},
    tls::Folder,
};

const SEED: u64 = 1;

/// So many connections are cut, of all subscribers together.
const CUTS: usize = 1_000;

const PUBLISHERS: usize = 3;

/// Nothing of it takes longer.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// A connection is cut when so many octets have passed, or fewer.
const OCTETS_MAX: u64 = 12_000;

/// However far a subscriber that acknowledges falls behind, it is not to be refused.
const CONFIG: &str = "log = 'error'\n\
    [limits.broker]\nreplay-queued-messages-max = 1_000_000\n\
    [[history]]\npattern = '/topic/**'\nmessages-max = 1_000_000\n\
    bytes-max = '200 MiB'\n";

/// `xorshift64*`
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

/// Passes connections on to `to`, and cuts each after so many octets as chance says, until enough were cut.
async fn proxy(listener: TcpListener, to: SocketAddr, cuts: Arc<AtomicUsize>, mut random: Random) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(to).await.unwrap();
        let is_cut = cuts.load(Ordering::SeqCst) < CUTS;
        let mut left = if is_cut {
            random.below(OCTETS_MAX)
        } else {
            u64::MAX
        };
        pass(&mut client, &mut server, &mut left).await;
        if left == 0 {
            cuts.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Passes octets in both directions, until the end of one or until none are left.
async fn pass(client: &mut TcpStream, server: &mut TcpStream, left: &mut u64) {
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    while *left > 0 {
        let (count, octets, to) = tokio::select! {
            read = client.read(&mut up) => (read, &up, &mut *server),
            read = server.read(&mut down) => (read, &down, &mut *client),
        };
        let count = count
            .unwrap_or(0)
            .min(usize::try_from(*left).unwrap_or(usize::MAX));
        if count == 0 || to.write_all(&octets[..count]).await.is_err() {
            return;
        }
        *left -= count as u64;
    }
}

/// Sends numbered messages until enough connections were cut; gives how many.
async fn publish(client: Client, name: usize, cuts: Arc<AtomicUsize>) -> (usize, u64) {
    let session = client.connect().await.unwrap();
    let mut count = 0;
    while cuts.load(Ordering::SeqCst) < CUTS {
        let body = format!("{name} {count}");
        let sent = session.send_with_receipt(Outgoing::new("/topic/load", body));
        sent.await.unwrap().await.unwrap();
        count += 1;
    }
    let end = session.send_with_receipt(Outgoing::new("/topic/load", format!("{name} end")));
    end.await.unwrap().await.unwrap();
    session.disconnect().await.unwrap();
    (name, count)
}

/// Takes messages until each publisher has said that it has ended; gives how many there were of each.
async fn subscribe(mut subscription: Subscription, acknowledges: bool) -> BTreeMap<usize, u64> {
    let mut counts = BTreeMap::new();
    let mut ended = 0;
    while ended < PUBLISHERS {
        let message = subscription.receive().await.unwrap().unwrap();
        assert!(!message.follows_gap(), "a gap before {message:?}");
        if acknowledges {
            let acknowledged = message.ack().await;
            // Its connection may be gone; that it was given stands.
            assert!(matches!(acknowledged, Ok(()) | Err(Error::MessageStale)));
        }
        let (name, number) = message.text().unwrap().split_once(' ').unwrap();
        let next = counts.entry(name.parse().unwrap()).or_insert(0);
        if number == "end" {
            ended += 1;
        } else {
            assert_eq!(number, next.to_string(), "of {name}");
            *next += 1;
        }
    }
    counts
}

#[tokio::test]
async fn a_thousand_lost_connections_lose_no_message_and_repeat_none() {
    let seed = env::var("GUMBOOT_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    println!("seed {seed}");
    let folder = Folder::new("recovery");
    let config = folder.path("gumboot.toml");
    fs::write(&config, CONFIG).unwrap();
    let any = "127.0.0.1:0";
    let program = Program::start(&[
        "serve",
        "--config",
        &config,
        "--listen",
        any,
        "--stomp-listen",
        any,
    ]);
    let lines = program.print(5);
    let http = address(&lines[1], "console    http://", "/");
    let stomp = address(&lines[4], "stomp      ", "");

    let cuts = Arc::new(AtomicUsize::new(0));
    let mut proxies = JoinSet::new();
    let mut subscribers = JoinSet::new();
    let cases = [
        ("stomp", AckMode::Auto),
        ("stomp", AckMode::ClientIndividual),
        ("ws", AckMode::Auto),
        ("ws", AckMode::Client),
    ];
    let mut sessions = Vec::new();
    for (which, (scheme, ack)) in (1..).zip(cases) {
        let listener = TcpListener::bind(any).await.unwrap();
        let at = listener.local_addr().unwrap();
        let (to, path) = if scheme == "ws" {
            (http, "/ws")
        } else {
            (stomp, "")
        };
        let random = Random((seed << 8 | which).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        proxies.spawn(proxy(listener, to, Arc::clone(&cuts), random));
        let at_once = Duration::from_millis(1);
        let backoff = Backoff::new().first_max(at_once).wait_max(at_once);
        let client = Client::new(&format!("{scheme}://{at}{path}")).unwrap();
        let client = client.reconnect(backoff.seed(which));
        let session = loop {
            // The first connection may be cut before it stands, which is for the program to see to.
            match client.connect().await {
                Ok(session) => break session,
                Err(Error::Lost(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        let subscribe_to = Subscribe::to("/topic/load").ack(ack);
        let subscription = timeout(WAIT_MAX, session.subscribe(subscribe_to)).await;
        subscribers.spawn(subscribe(
            subscription.unwrap().unwrap(),
            ack != AckMode::Auto,
        ));
        sessions.push(session);
    }
    let mut publishers = JoinSet::new();
    for name in 0..PUBLISHERS {
        let client = Client::new(&format!("stomp://{stomp}")).unwrap();
        publishers.spawn(publish(client, name, Arc::clone(&cuts)));
    }
    let sent: BTreeMap<_, _> = timeout(WAIT_MAX, publishers.join_all())
        .await
        .expect("enough connections are cut in time")
        .into_iter()
        .collect();
    let got = timeout(WAIT_MAX, subscribers.join_all())
        .await
        .expect("all that was sent arrives in time");
    assert_eq!(got, vec![sent.clone(); cases.len()]);
    assert!(cuts.load(Ordering::SeqCst) >= CUTS);
    println!(
        "{} messages, {} connections cut",
        sent.values().sum::<u64>(),
        CUTS
    );
}
