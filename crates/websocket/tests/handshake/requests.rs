//! Requests of clients, answered by `serve_http` and, in the same words, by an `Acceptor` (RFC 6455 §4.2).
//!
//! `deflate` sets the compression of the server, `>` is what the client sends and `>>` frames behind it in hex; `<` is the
//! answer to a good one with the headers that matter and the messages that follow, `!` the refusal: its status, and its
//! kind unless the head is none at all.

use std::{cell::Cell, sync::Arc};

use gumboot_testkit::Splits;
use gumboot_websocket::{
    AcceptError, Acceptor, OriginPolicy, Socket,
    proto::{
        Config,
        handshake::server::{Offer, Refusal},
    },
    server::{Acceptance, Answer, HttpLimits, serve_http},
};
use http_body_util::Full;

use crate::{
    Case, check, messages,
    stream::{Scripted, Written},
};

/// The subprotocols of the server, the preferred one first.
const PROTOCOLS: [&str; 2] = ["superchat", "chat"];

/// The headers of an answer that the vectors show.
const SHOWN: [&str; 5] = [
    "allow",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "sec-websocket-version",
];

#[tokio::test(start_paused = true)]
async fn requests() {
    let is_outcome = |line: &str| line.starts_with("< ") || line.starts_with("! ");
    check("requests.txt", is_outcome, async |case| {
        let wire = case.octets(">");
        let mut ways = Splits::all(&wire);
        let first = ways.next().expect("the first way is whole");
        let whole = run(case, &first).await;
        assert_eq!(accept(case, &first).await, whole, "{:?}", case.0[0]);
        for pieces in ways {
            assert_eq!(run(case, &pieces).await, whole, "{:?}", case.0[0]);
            assert_eq!(accept(case, &pieces).await, whole, "{:?}", case.0[0]);
        }
        whole
    })
    .await;
}

fn config(case: &Case<'_>) -> Arc<Config> {
    let server = Config::server();
    Arc::new(Config {
        deflate: case.deflate(server.deflate.clone()),
        ..server
    })
}

/// By an acceptor, as programs use it.
async fn accept(case: &Case<'_>, pieces: &[&[u8]]) -> Vec<String> {
    let everywhere = OriginPolicy::same_origin().allow("*");
    let acceptor = Acceptor::new()
        .protocols(PROTOCOLS)
        .origins(everywhere.expect("it stands for all"))
        .config(config(case));
    let stream = Scripted::speaking(pieces);
    let written = stream.written();
    match acceptor.accept(stream).await {
        Ok(socket) => welcome(&written, socket).await,
        Err(AcceptError::Refused(refused)) => refusal(&written, Some(refused)),
        Err(_) => refusal(&written, None),
    }
}

async fn run(case: &Case<'_>, pieces: &[&[u8]]) -> Vec<String> {
    let config = config(case);
    let refused = Cell::new(None);
    let stream = Scripted::speaking(pieces);
    let written = stream.written();
    let answer = |request| match Offer::parse(&request) {
        Ok(offer) => {
            let protocol = offer.choose(&PROTOCOLS);
            Answer::WebSocket(Acceptance::new(&offer, protocol, &config), ())
        }
        Err(refusal) => {
            refused.set(Some(refusal));
            Answer::Http(refusal.response().map(Full::from))
        }
    };
    let Ok(Some(upgraded)) = serve_http(stream, &HttpLimits::default(), answer).await else {
        return refusal(&written, refused.get());
    };
    let (socket, ()) = upgraded.into_socket(config);
    welcome(&written, socket).await
}

async fn welcome(written: &Written, mut socket: Socket<Scripted<'_>>) -> Vec<String> {
    let mut lines = accepted(written);
    written.borrow_mut().clear();
    let received = messages(&mut socket).await;
    lines.extend(received.iter().map(|line| format!("< {line}")));
    lines
}

fn refusal(written: &Written, refusal: Option<Refusal>) -> Vec<String> {
    let (status, headers) = head(written);
    let kind = refusal.map(|refusal| format!(" {refusal:?}"));
    let first = format!("! {status}{}", kind.unwrap_or_default());
    let headers = headers.into_iter().filter(is_shown);
    let headers = headers.map(|(name, value)| format!("! {name}: {value}"));
    std::iter::once(first).chain(headers).collect()
}

fn accepted(written: &Written) -> Vec<String> {
    let (status, headers) = head(written);
    // RFC 6455 §4.2.2
    for (name, value) in [("upgrade", "websocket"), ("connection", "Upgrade")] {
        assert!(headers.contains(&(name.to_owned(), value.to_owned())));
    }
    let headers = headers.into_iter().filter(is_shown);
    let headers = headers.map(|(name, value)| format!("< {name}: {value}"));
    std::iter::once(format!("< {status}"))
        .chain(headers)
        .collect()
}

fn is_shown((name, _): &(String, String)) -> bool {
    SHOWN.contains(&&**name)
}

/// The status of an answer, and its headers.
fn head(written: &Written) -> (String, Vec<(String, String)>) {
    let text = String::from_utf8(written.borrow().clone()).expect("an answer is text");
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).unwrap_or("nothing").to_owned();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a header has a colon");
        (name.to_ascii_lowercase(), value.to_owned())
    });
    (status, headers.collect())
}
