//! The real server, killed again and again under load: what it confirmed is there, and what is done stays done.
//!
//! A longer run: `GUMBOOT_CRASHES=1000 cargo test -p gumboot --test crash`. The seed of a run is printed; another run has
//! it with `GUMBOOT_CRASH_SEED`. What the load is and when the server is killed follow from it, what the machine makes of
//! that does not.

mod ledger;
mod load;
mod server;
mod wire;

use std::{env, io, path::Path};

use fastrand::Rng;

use crate::{
    ledger::{Found, Name, Verdicts},
    load::{DURABLE, End, READER, Shared, live, subscription},
    server::Server,
    wire::Wire,
};

/// How often the server is killed.
const CRASHES: usize = 50;

/// The last message of each place, behind which nothing is.
const LAST: &str = "that was all";

#[test]
fn what_was_confirmed_survives() {
    let crashes = number("GUMBOOT_CRASHES").map_or(CRASHES, |count| count as usize);
    let seed = number("GUMBOOT_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("GUMBOOT_CRASH_SEED={seed} GUMBOOT_CRASHES={crashes}");
    let data = tempfile::tempdir().unwrap();
    let verdicts = run(Some(data.path()), crashes, seed);
    println!("{verdicts}");
    assert!(verdicts.faults.is_empty(), "{:#?}", verdicts.faults);
    let Verdicts {
        confirmed,
        settled,
        dead,
        forwarded,
        ..
    } = verdicts;
    for (what, count) in [
        ("confirmed", confirmed),
        ("settled", settled),
        ("dead", dead),
        ("sent on", forwarded),
    ] {
        assert!(count > 0, "nothing was {what}: the test tests nothing");
    }
}

/// So that it is known that this test would find it.
#[test]
fn a_server_that_forgets_is_found_out() {
    let verdicts = run(None, 1, 7);
    let has = |part: &str| verdicts.faults.iter().any(|fault| fault.contains(part));
    assert!(has("is lost"), "{verdicts}");
    assert!(has("asked for synced and got"), "{verdicts}");
}

fn run(data: Option<&Path>, crashes: usize, seed: u64) -> Verdicts {
    let mut rng = Rng::with_seed(seed);
    let shared = Shared::default();
    let server = Server::start(data);
    begin_news(&server).unwrap();
    server.stop();
    let mut killed = 0;
    for life in 0.. {
        if killed == crashes {
            break;
        }
        let server = Server::start(data);
        let events = rng.u64(1..400);
        // Now and then it ends in order.
        let is_killed = data.is_none() || rng.u32(..8) > 0;
        let end = if is_killed { End::Killed } else { End::InOrder };
        live(&shared, server, life, events, &mut rng, end);
        killed += usize::from(is_killed);
    }
    let server = Server::start(data);
    for (destination, found) in [
        ("/queue/work", Found::InPlace),
        ("/queue/orders", Found::InPlace),
        ("/topic/news", Found::InPlace),
        ("/queue/dead-letters", Found::Dead),
        ("/queue/done", Found::Done),
    ] {
        find_all(&shared, &server, destination, found).unwrap();
    }
    server.stop();
    shared.into_ledger().judge()
}

/// From here on nothing that is sent to the topic is missed.
fn begin_news(server: &Server) -> io::Result<()> {
    let mut wire = Wire::open(server, false, READER)?;
    wire.send(subscription("/topic/news", DURABLE).as_bytes())?;
    assert_eq!(wire.receive()?.command, "RECEIPT");
    Ok(())
}

/// Takes everything that is there.
fn find_all(shared: &Shared, server: &Server, destination: &str, found: Found) -> io::Result<()> {
    let is_news = destination == "/topic/news";
    let (headers, durable) = if is_news { (READER, DURABLE) } else { ("", "") };
    let mut wire = Wire::open(server, is_news, headers)?;
    wire.send(subscription(destination, durable).as_bytes())?;
    wire.send(format!("SEND\ndestination:{destination}\n\n{LAST}\0").as_bytes())?;
    loop {
        let frame = wire.receive()?;
        if frame.command == "RECEIPT" {
            continue;
        }
        if frame.body == LAST.as_bytes() {
            return Ok(());
        }
        let mut ledger = shared.ledger();
        match Name::of_body(&frame.body) {
            Ok(name) => {
                if found == Found::InPlace {
                    let is_redelivered = frame.header("redelivered") == Some("true");
                    let count = frame.header("delivery-count");
                    let count = count.map_or(1, |count| count.parse().expect("a number"));
                    ledger.deliver(usize::MAX, "finder", name, is_redelivered, count, false);
                }
                ledger.find(name, found);
            }
            Err(problem) => ledger.fault(problem),
        }
        drop(ledger);
        let ack = frame.header("ack").expect("it is to be acknowledged");
        wire.send(format!("ACK\nid:{ack}\n\n\0").as_bytes())?;
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}
