//! A server with `--data` that is killed under load, again and again: subscribers that resume get each message of a topic
//! with a history that was confirmed, once and in order, or are told that something may be missing.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use gumboot_stomp::{AckMode, Backoff, Client, Error, Outgoing, Session, Subscribe, Subscription};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{self, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    program::{Program, address},
    tls::Folder,
};

/// Every other time, nothing is under way.
const KILLS: usize = 8;

/// So many messages are confirmed in each life of the server, at the least.
const CONFIRMED_MIN: usize = 100;

/// Nothing of it takes longer.
const WAIT_MAX: Duration = Duration::from_secs(120);

const CONFIG: &str = "log = 'error'\n\
    [[history]]\npattern = '/topic/**'\nmessages-max = 1_000_000\n\
    bytes-max = '200 MiB'\n";

fn serve(config: &str, data: &str) -> (Program, SocketAddr) {
    let any = "127.0.0.1:0";
    let program = Program::start(&[
        "serve",
        "--config",
        config,
        "--listen",
        any,
        "--stomp-listen",
        any,
        "--data",
        data,
    ]);
    let lines = program.print(6);
    (program, address(&lines[4], "stomp      ", ""))
}

/// Passes connections on to the server that lives.
async fn proxy(listener: TcpListener, to: Arc<Mutex<SocketAddr>>) {
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let to = *to.lock().unwrap();
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(to).await {
                // It ends with the server.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

/// Sends a message; whether it was confirmed.
async fn send(session: &Session, body: String) -> bool {
    let sent = match session
        .send_with_receipt(Outgoing::new("/topic/load", body))
        .await
    {
        Ok(receipt) => receipt.await.map(drop),
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => true,
        Err(Error::Lost(_) | Error::Unconfirmed(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Sends numbered messages until it is told to stop; gives those that were confirmed.
async fn publish(
    session: Session,
    gate: Arc<sync::Mutex<()>>,
    count: watch::Sender<usize>,
    stop: watch::Receiver<bool>,
) -> BTreeSet<u64> {
    let mut confirmed = BTreeSet::new();
    let mut number = 0;
    while !*stop.borrow() {
        let _open = gate.lock().await;
        if send(&session, number.to_string()).await {
            confirmed.insert(number);
            count.send_replace(confirmed.len());
        } else {
            // There is no server.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        number += 1;
    }
    while !send(&session, "end".to_owned()).await {}
    confirmed
}

/// Takes messages until the end; gives their numbers, and before which of them something may be missing.
async fn subscribe(mut subscription: Subscription) -> (Vec<u64>, BTreeSet<u64>) {
    let (mut numbers, mut gaps) = (Vec::new(), BTreeSet::new());
    loop {
        let message = subscription.receive().await.unwrap().unwrap();
        if message.text().unwrap() == "end" {
            return (numbers, gaps);
        }
        let number = message.text().unwrap().parse().unwrap();
        if message.follows_gap() {
            gaps.insert(number);
        }
        numbers.push(number);
    }
}

#[tokio::test]
async fn a_killed_server_loses_nothing_in_silence() {
    let folder = Folder::new("recovery_killed");
    let config = folder.path("gumboot.toml");
    fs::write(&config, CONFIG).unwrap();
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let (mut program, stomp) = serve(&config, data);
    let to = Arc::new(Mutex::new(stomp));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut proxies = JoinSet::new();
    proxies.spawn(proxy(listener, Arc::clone(&to)));
    let backoff = Backoff::new().first_max(Duration::from_millis(5));
    let backoff = backoff.wait_max(Duration::from_millis(20));
    let client = Client::new(&format!("stomp://{at}")).unwrap();
    let client = client.reconnect(backoff.seed(1));

    let (count, mut counted) = watch::channel(0);
    let (stop, stopped) = watch::channel(false);
    let gate = Arc::new(sync::Mutex::new(()));
    let (mut subscribers, mut sessions) = (JoinSet::new(), Vec::new());
    for _ in 0..3 {
        let session = client.connect().await.unwrap();
        let topic = Subscribe::to("/topic/load").ack(AckMode::Auto);
        subscribers.spawn(subscribe(session.subscribe(topic).await.unwrap()));
        sessions.push(session);
    }
    let session = client.connect().await.unwrap();
    let publisher = tokio::spawn(publish(session, Arc::clone(&gate), count, stopped));
    for kill in 0..KILLS {
        let enough = *counted.borrow() + CONFIRMED_MIN;
        let counted = counted.wait_for(|count| *count >= enough);
        timeout(WAIT_MAX, counted).await.unwrap().unwrap();
        let quiet = match kill % 2 {
            0 => None,
            _ => Some(gate.lock().await),
        };
        program.signal("KILL");
        program.wait();
        drop(quiet);
        (program, *to.lock().unwrap()) = serve(&config, data);
    }
    stop.send_replace(true);
    let confirmed = timeout(WAIT_MAX, publisher).await.unwrap().unwrap();
    let got = timeout(WAIT_MAX, subscribers.join_all()).await.unwrap();
    for (numbers, gaps) in got {
        assert!(numbers.is_sorted_by(|a, b| a < b), "in order, and once");
        // Where nothing was under way, all is known.
        assert!(gaps.len() <= KILLS / 2, "{gaps:?}");
        let numbers: BTreeSet<_> = numbers.into_iter().collect();
        for missing in confirmed.difference(&numbers) {
            let next = numbers.range(missing..).next();
            assert!(
                next.is_some_and(|next| gaps.contains(next)),
                "{missing} is missing, and nobody said so"
            );
        }
        println!("{} messages, {} gaps told", numbers.len(), gaps.len());
    }
    println!("{} confirmed, {KILLS} kills", confirmed.len());
}
