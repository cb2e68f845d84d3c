//! Opening handshakes: any header does no harm, and what a server accepts, the client that offered it agrees to.

use gumboot_websocket_proto::{
    DeflateConfig,
    handshake::{client::ClientHandshake, server::Offer},
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

/// Lines of `name:value`, taken as the headers of a request and of a response.
pub fn handshake(data: &[u8]) {
    let client = ClientHandshake::new([7; 16], &["v12.stomp", "chat"]).expect("these are tokens");
    let client = client.with_deflate(DeflateConfig::with_takeover());
    let host = HeaderValue::from_static("example.com");
    let mut request = client.request(host, "/".parse().expect("a path"));
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in data.split(|byte| *byte == b'\n').filter_map(header) {
        request.headers_mut().append(&name, value.clone());
        response.headers_mut().append(&name, value);
    }
    // Without the right `Sec-WebSocket-Accept`, whatever else it says.
    assert!(client.verify(&response).is_err());
    serve(&client, &request);
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    Some((
        HeaderName::from_bytes(name).ok()?,
        HeaderValue::from_bytes(&value[1..]).ok()?,
    ))
}

/// What a server makes of the request.
fn serve(client: &ClientHandshake, request: &Request<()>) {
    let offer = match Offer::parse(request) {
        Ok(offer) => offer,
        Err(refusal) => {
            assert!(refusal.response().status().is_client_error());
            return;
        }
    };
    for config in [DeflateConfig::default(), DeflateConfig::with_takeover()] {
        let deflate = offer.choose_deflate(&config);
        let protocol = offer.choose(&["v12.stomp", "chat"]);
        let agreed = client.verify(&offer.accept(protocol, deflate.as_ref()));
        // The first offer is the client's own, and every server of ours can do it.
        let agreed = agreed.expect("a server of ours answers as the client demands");
        assert_eq!(agreed.protocol.as_deref(), protocol);
    }
}
