//! Every exchange with one peer, in each direction, and what came of it.

use std::{fmt, io, time::Duration};

use tokio::{net::TcpListener, time::timeout};

use crate::{
    exchange::{Case, Role},
    expect::Counts,
    ours,
    peer::{Ability, Peer},
    report::{Seen, problems},
};

/// How long an exchange may take.
const EXCHANGE_WAIT_MAX: Duration = Duration::from_secs(60);

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction<'a> {
    /// The peer is a client of our server.
    ToOurs,
    /// The peer is a client of a program that only echoes, at this URL.
    ToProgram(&'a str),
    /// Our client is a client of the peer.
    FromOurs,
}

/// What came of the exchanges of one direction.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// The exchanges that went wrong, and how.
    pub(crate) wrong: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} wrong", self.counts, self.wrong.len())
    }
}

/// Runs every exchange that `direction` allows, one after the other.
pub(crate) async fn run<P: Peer>(peer: &mut P, direction: Direction<'_>, cases: &[Case]) -> Tally {
    let mut tally = Tally::default();
    for case in cases {
        if let Some(reason) = left_out(peer, direction, case) {
            *tally.counts.left_out.entry(reason).or_default() += 1;
            continue;
        }
        let seen = timeout(EXCHANGE_WAIT_MAX, exchange(peer, direction, case)).await;
        let found = match seen {
            Ok(Ok(seen)) => problems(&case.exchange, &seen),
            Ok(Err(error)) => vec![error.to_string()],
            // What this peer says next would be about this exchange.
            Err(_) => {
                tally
                    .wrong
                    .push(format!("{}: it does not end", case.exchange.name));
                break;
            }
        };
        if found.is_empty() {
            tally.counts.good += 1;
        } else {
            let name = &case.exchange.name;
            tally.wrong.push(format!("{name}: {}", found.join("; ")));
        }
    }
    tally
}

/// Why an exchange is not for this peer, if it is not.
fn left_out<P: Peer>(peer: &P, direction: Direction<'_>, case: &Case) -> Option<String> {
    let about = peer.about();
    let can = |ability| about.can.contains(&ability);
    let exchange = &case.exchange;
    let is_client = direction != Direction::FromOurs;
    let echo_only = exchange.answer.is_some()
        || !exchange.speaks.is_empty()
        || exchange.close.by == Role::Server;
    let deflates = can(Ability::Deflate);
    if exchange.sets_compression() && !deflates {
        return Some("no compression".to_owned());
    }
    if is_client && deflates && exchange.needs_offer() && !can(Ability::Offer) {
        return Some("it offers compression as it likes".to_owned());
    }
    if matches!(direction, Direction::ToProgram(_)) && echo_only {
        return Some("for other servers".to_owned());
    }
    let cannot = match is_client {
        true => &about.cannot.connect,
        false => &about.cannot.serve,
    };
    cannot.get(&exchange.name).cloned()
}

async fn exchange<P: Peer>(
    peer: &mut P,
    direction: Direction<'_>,
    case: &Case,
) -> io::Result<Seen> {
    let can = |peer: &P, ability| peer.about().can.contains(&ability);
    let both_deflate = can(peer, Ability::Deflate);
    let their_pings = can(peer, Ability::Pieces);
    let (theirs, ours) = match direction {
        Direction::FromOurs => (Role::Server, Role::Client),
        _ => (Role::Client, Role::Server),
    };
    let (client, server, bytes) = match direction {
        Direction::ToProgram(url) => (peer.connect(case, url).await?, None, None),
        Direction::ToOurs => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("ws://{}/", listener.local_addr()?);
            let server = ours::serve(&case.exchange, listener);
            let (client, (server, bytes)) = tokio::try_join!(peer.connect(case, &url), server)?;
            (client, Some(server), Some(bytes))
        }
        Direction::FromOurs => {
            let url = peer.serve(case).await?;
            let client = ours::connect(&case.exchange, &url);
            let (server, (client, bytes)) = tokio::try_join!(peer.served(), client)?;
            (client, Some(server), Some(bytes))
        }
    };
    let mut pinging = vec![ours];
    pinging.extend(their_pings.then_some(theirs));
    Ok(Seen {
        client,
        server,
        bytes,
        both_deflate,
        pinging,
    })
}
