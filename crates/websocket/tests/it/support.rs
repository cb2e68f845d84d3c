//! A small server of this crate's parts: an echo at `/echo`, a page at `/`.

use std::{future::Future, net::SocketAddr, sync::mpsc, thread, time::Duration};

use bytes::Bytes;
use gumboot_testkit::WAIT_MAX;
use gumboot_websocket::{
    LinkError, OriginPolicy, Socket,
    proto::{
        Config,
        handshake::{
            client::Agreed,
            server::{Offer, Refusal},
        },
    },
    server::{Acceptance, Answer, HttpLimits, Upgraded, serve_http},
};
use http::{Request, Response};
use http_body_util::Full;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::timeout,
};

/// The subprotocols of the server, the preferred one first.
const PROTOCOLS: [&str; 2] = ["superchat", "chat"];

/// How long a client may take in the tests that wait for it.
pub(crate) const HEAD_WAIT_MAX: Duration = Duration::from_millis(300);

/// An echo server, until the tests end.
pub(crate) fn echo_server() -> SocketAddr {
    server(HttpLimits::default())
}

/// One that waits [`HEAD_WAIT_MAX`] for a head.
pub(crate) fn impatient_server() -> SocketAddr {
    server(HttpLimits {
        head_wait_max: HEAD_WAIT_MAX,
        ..HttpLimits::default()
    })
}

fn server(limits: HttpLimits) -> SocketAddr {
    let (tell_address, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell_address.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, limits.clone()));
            }
        });
    });
    address.recv_timeout(WAIT_MAX).unwrap()
}

async fn serve(stream: TcpStream, limits: HttpLimits) {
    if let Ok(Some(upgraded)) = serve_http(stream, &limits, |request| answer(&request)).await {
        // How it ends is what the client tests.
        let _ = echo(upgraded).await;
    }
}

fn answer<B>(request: &Request<B>) -> Answer<()> {
    if request.uri().path() == "/" {
        return Answer::Http(Response::new(Full::from("a page\n")));
    }
    let offered = Offer::parse(request).and_then(|offer| {
        OriginPolicy::same_origin().check(request.headers())?;
        Ok(offer)
    });
    match offered {
        Ok(offer) => {
            let protocol = offer.choose(&PROTOCOLS);
            Answer::WebSocket(Acceptance::new(&offer, protocol, &Config::server()), ())
        }
        Err(refusal) => Answer::Http(refused(refusal)),
    }
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    refusal.response().map(Full::from)
}

async fn echo(upgraded: Upgraded<TcpStream, ()>) -> Result<(), LinkError> {
    let (link, ()) = upgraded.into_link(Config::server().into());
    let mut socket = Socket::new(link, Agreed::default());
    while let Some(message) = socket.receive().await? {
        // If it cannot be sent, the next `receive` says why.
        let _ = socket.send(message).await;
    }
    Ok(())
}

/// What a future gives, which must not take long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(WAIT_MAX, future).await.expect("it takes too long")
}
