//! The exchanges with peers in Rust: our own ends with each other, and tokio-tungstenite.

mod tungstenite;

use std::io;

use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    Arguments,
    exchange::{self, Case},
    expect::{Counts, Done},
    ours,
    peer::{Ability, About, Cannot, Peer},
    report::Report,
    run_with,
    suite::{self, Direction},
};
use tungstenite::Tungstenite;

/// Runs the exchanges in both directions; `left_out` says how many a client and a server cannot do.
async fn check(peer: &mut impl Peer, left_out: [&[(&str, usize)]; 2]) {
    let cases = exchange::all().unwrap();
    for (direction, left_out) in [Direction::ToOurs, Direction::FromOurs]
        .into_iter()
        .zip(left_out)
    {
        let tally = suite::run(peer, direction, &cases).await;
        assert!(
            tally.wrong.is_empty(),
            "{direction:?}\n{}",
            tally.wrong.join("\n")
        );
        let seen: Vec<_> = tally
            .counts
            .left_out
            .iter()
            .map(|(reason, &count)| (&**reason, count))
            .collect();
        assert_eq!(seen, left_out, "{direction:?}");
        assert_eq!(tally.counts.all(), cases.len());
    }
}

#[tokio::test]
async fn our_own_ends_agree() {
    check(&mut Ourselves::new(), [&[], &[]]).await;
}

#[tokio::test]
async fn tokio_tungstenite_agrees() {
    check(
        &mut Tungstenite::new(),
        [&[("no compression", 41)], &[("no compression", 41)]],
    )
    .await;
}

/// A peer that does three exchanges in both directions is changed, and held against that.
async fn is_good(change: impl FnOnce(&mut About)) -> bool {
    let cases: Vec<_> = exchange::all().unwrap().into_iter().take(3).collect();
    let all = || {
        Some(Counts {
            good: cases.len(),
            ..Counts::default()
        })
    };
    let expected = Done {
        connect: all(),
        program: None,
        serve: all(),
    };
    let mut peer = Ourselves::new();
    change(&mut peer.about);
    run_with(&mut peer, None, Some(&expected), &cases)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_peer_that_does_less_than_was_committed_is_wrong() {
    assert!(is_good(|_| {}).await);
    assert!(!is_good(|about| about.can.retain(|&can| can != Ability::Serve)).await);
    assert!(!is_good(|about| about.can.retain(|&can| can != Ability::Connect)).await);
    let reason = || ("text".to_owned(), "it is lazy".to_owned());
    assert!(!is_good(|about| about.cannot.connect.extend([reason()])).await);
    assert!(!is_good(|about| about.cannot.serve.extend([reason()])).await);
}

#[test]
fn arguments() {
    let parse = |typed: &str| Arguments::parse(typed.split_whitespace().map(str::to_owned));
    let expected = Arguments {
        program: Some("p".into()),
        expect: Some("e".into()),
        command: ["node", "--expect", "x"].map(str::to_owned).into(),
    };
    assert_eq!(
        parse("--expect e --program p node --expect x"),
        Some(expected)
    );
    for wrong in ["", "--expect", "--program p"] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}

/// Our own ends as a peer: what they do not agree on is not the fault of others.
struct Ourselves {
    about: About,
    served: Option<JoinHandle<io::Result<Report>>>,
}

impl Ourselves {
    fn new() -> Self {
        let about = About {
            name: "ourselves".into(),
            can: [
                Ability::Connect,
                Ability::Serve,
                Ability::Deflate,
                Ability::Offer,
                Ability::Pieces,
            ]
            .into(),
            cannot: Cannot::default(),
        };
        Self {
            about,
            served: None,
        }
    }
}

impl Peer for Ourselves {
    fn about(&self) -> &About {
        &self.about
    }

    async fn connect(&mut self, case: &Case, url: &str) -> io::Result<Report> {
        Ok(ours::connect(&case.exchange, url).await?.0)
    }

    async fn serve(&mut self, case: &Case) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let exchange = serde_json::from_value(case.json.clone())?;
        let serving = async move { Ok(ours::serve(&exchange, listener).await?.0) };
        self.served = Some(tokio::spawn(serving));
        Ok(url)
    }

    async fn served(&mut self) -> io::Result<Report> {
        self.served.take().expect("a server was begun").await?
    }
}
