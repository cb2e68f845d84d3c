//! Runs the handshakes over HTTP/2 in `vectors/extended_connect.txt` (RFC 8441). `UPDATE_EXPECT=1` writes the outcomes.
//!
//! Those over HTTP/1.1, `requests.txt` and `responses.txt`, need a parser of heads: `websocket/tests/handshake` runs them.

use std::path::Path;

use expect_test::expect_file;
use gumboot_websocket_proto::{
    DeflateConfig,
    handshake::{client::ClientHandshake, server::Offer},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, Version};

/// The subprotocols of the server, the preferred one first.
const PROTOCOLS: [&str; 2] = ["superchat", "chat"];

/// The pseudo-headers and the headers of one direction of a vector.
struct Head<'a>(Vec<&'a str>);

#[test]
fn extended_connect() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/extended_connect.txt");
    let text = std::fs::read_to_string(&path).expect("the vectors are in the repository");
    let parts: Vec<_> = text.trim_end().split("\n\n").map(run_part).collect();
    expect_file![path].assert_eq(&(parts.join("\n\n") + "\n"));
}

fn run_part(part: &str) -> String {
    let is_outcome = |line: &&str| line.starts_with("= ") || line.starts_with("! ");
    let mut lines: Vec<_> = part
        .lines()
        .filter(|line| !is_outcome(line))
        .map(str::to_owned)
        .collect();
    if part.starts_with("== ") {
        let request = head(part, "> ");
        lines.extend(match request.0.is_empty() {
            true => take_answer(part, &head(part, "< ")),
            false => answer(&request),
        });
    }
    lines.join("\n")
}

fn head<'a>(part: &'a str, mark: &str) -> Head<'a> {
    Head(part.lines().filter_map(|l| l.strip_prefix(mark)).collect())
}

impl<'a> Head<'a> {
    fn pseudo(&self, name: &str) -> Option<&'a str> {
        let mut lines = self.0.iter();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    }

    fn headers(&self) -> HeaderMap {
        let lines = self.0.iter().filter(|line| !line.starts_with(':'));
        let header = |line: &&str| {
            let (name, value) = line.split_once(": ").expect("a header has a colon");
            let name: HeaderName = name.parse().expect("a name");
            (name, value.parse::<HeaderValue>().expect("a value"))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.map(header) {
            headers.append(name, value);
        }
        headers
    }

    fn uri(&self) -> Uri {
        let mut uri = Uri::builder();
        if let Some(scheme) = self.pseudo(":scheme") {
            uri = uri.scheme(scheme);
        }
        if let Some(authority) = self.pseudo(":authority") {
            uri = uri.authority(authority);
        }
        if let Some(path) = self.pseudo(":path") {
            uri = uri.path_and_query(path);
        }
        uri.build().expect("a target")
    }
}

/// What a server makes of a request.
fn answer(head: &Head<'_>) -> Vec<String> {
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = head.pseudo(":method").unwrap().parse().unwrap();
    *request.uri_mut() = head.uri();
    *request.headers_mut() = head.headers();
    let offer = match Offer::parse_extended(&request, head.pseudo(":protocol")) {
        Ok(offer) => offer,
        Err(refusal) => return vec![format!("! {} {refusal:?}", refusal.status().as_u16())],
    };
    let deflate = offer.choose_deflate(&DeflateConfig::default());
    let response = offer.accept(offer.choose(&PROTOCOLS), deflate.as_ref());
    let first = format!("= {}", response.status().as_u16());
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| format!("= {name}: {}", value.to_str().unwrap()));
    std::iter::once(first).chain(headers).collect()
}

/// What a client makes of an answer.
fn take_answer(part: &str, head: &Head<'_>) -> Vec<String> {
    let offered = part.lines().find_map(|line| line.strip_prefix("offer "));
    let offered: Vec<_> = offered.map_or(Vec::new(), |list| list.split(", ").collect());
    let handshake = ClientHandshake::new([0; 16], &offered).expect("the subprotocols are tokens");
    let handshake = handshake.with_deflate(DeflateConfig::with_takeover());
    let mut response = Response::new(());
    *response.version_mut() = Version::HTTP_2;
    *response.status_mut() = head.pseudo(":status").unwrap().parse().unwrap();
    *response.headers_mut() = head.headers();
    match handshake.verify_extended(&response) {
        Ok(agreed) => {
            let protocol = agreed.protocol.as_deref().unwrap_or("none");
            let mut lines = vec![format!("= protocol {protocol}")];
            if !agreed.extensions.is_empty() {
                lines.push(format!("= extensions {}", agreed.extensions));
            }
            lines
        }
        Err(error) => vec![format!("! {error:?}")],
    }
}
