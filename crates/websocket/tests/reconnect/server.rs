//! Servers in memory, one for each attempt of a client.

use std::{collections::VecDeque, io, pin::Pin, sync::Arc, time::Duration};

use gumboot_testkit::{ACCEPT, KEY};
use gumboot_websocket::{
    Backoff, Client, ConnectError, Proxy, Reconnect, Socket,
    proto::{
        Config,
        handshake::{client::Agreed, server::Offer},
    },
    server::{Acceptance, Answer, HttpLimits, serve_http},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::oneshot,
};

/// What awaits an attempt.
pub(crate) enum Plan {
    /// Nobody listens.
    Refuse,
    Serve(Serve),
}

type Serve = Box<dyn FnOnce(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A stream holds few bytes, so that a peer that does not read is noticed.
const STREAM_BYTES: usize = 1024;

/// A server that does as it is told.
pub(crate) fn serve<F>(serve: impl FnOnce(DuplexStream) -> F + Send + 'static) -> Plan
where
    F: Future<Output = ()> + Send + 'static,
{
    Plan::Serve(Box::new(|stream| Box::pin(serve(stream))))
}

/// A server that accepts the WebSocket, and then does as it is told.
pub(crate) fn accept<F>(then: impl FnOnce(Socket<DuplexStream>) -> F + Send + 'static) -> Plan
where
    F: Future<Output = ()> + Send + 'static,
{
    serve(async |stream| then(accepted(stream).await).await)
}

/// A server that sends everything back.
pub(crate) fn echo() -> Plan {
    accept(|mut socket| async move {
        while let Ok(Some(message)) = socket.receive().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

/// A server that takes the head of a request, answers with `answer`, and ends the stream.
pub(crate) fn answer(answer: impl Into<String>) -> Plan {
    let answer = answer.into();
    serve(async move |mut stream| {
        read_head(&mut stream).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    })
}

/// A server that accepts, and gives its end to the test.
pub(crate) fn hand_over() -> (Plan, oneshot::Receiver<Socket<DuplexStream>>) {
    let (give, taken) = oneshot::channel();
    let plan = accept(async |socket| {
        let _ = give.send(socket);
    });
    (plan, taken)
}

/// A client that meets these plans, one after the other, and does not wait between them.
pub(crate) fn client(plans: impl IntoIterator<Item = Plan>) -> Reconnect<DuplexStream> {
    let mut plans: VecDeque<_> = plans.into_iter().collect();
    let connect = move || {
        let plan = plans.pop_front().expect("an attempt too many");
        async {
            let Plan::Serve(serve) = plan else {
                let refused = io::ErrorKind::ConnectionRefused;
                return Err(ConnectError::Io(refused.into()));
            };
            let (here, there) = duplex(STREAM_BYTES);
            tokio::spawn(serve(there));
            let client = Client::new().proxy(Proxy::none());
            client.connect_over(here, "ws://server.example/", &[]).await
        }
    };
    Reconnect::by(connect).backoff(Backoff::new().first_max(Duration::ZERO))
}

async fn accepted(stream: DuplexStream) -> Socket<DuplexStream> {
    let config = Arc::new(Config::server());
    let answer = |request| {
        let offer = Offer::parse(&request).expect("the client asks as it should");
        Answer::WebSocket(Acceptance::new(&offer, None, &config), ())
    };
    let served = serve_http(stream, &HttpLimits::default(), answer).await;
    let upgraded = served.expect("the client speaks HTTP").expect("an upgrade");
    let (link, ()) = upgraded.into_link(Arc::clone(&config));
    Socket::new(link, Agreed::default())
}

async fn read_head(stream: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head comes"));
    }
    String::from_utf8(head).expect("a head is text")
}

/// A server that accepts, says `bytes`, and is gone.
pub(crate) fn accept_and_say(bytes: &'static [u8]) -> Plan {
    serve(async move |mut stream| {
        let head = read_head(&mut stream).await;
        let _ = stream
            .write_all(&[good_answer(&head).as_bytes(), bytes].concat())
            .await;
    })
}

/// A server that accepts, takes the first byte of a message and no more, says `bytes`, and is gone a second later.
pub(crate) fn take_little_and_say(bytes: impl Into<Vec<u8>>) -> Plan {
    let bytes = bytes.into();
    serve(async move |mut stream| {
        let head = read_head(&mut stream).await;
        let _ = stream.write_all(good_answer(&head).as_bytes()).await;
        let _ = stream.read_u8().await;
        let _ = stream.write_all(&bytes).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    })
}

/// What accepts the handshake of a client.
fn good_answer(head: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let key = key.expect("a client sends a key");
    assert_ne!(key, KEY, "a key is random");
    let accept = gumboot_websocket::proto::handshake::accept_key(key.as_bytes());
    let accept = accept.to_str().expect("base64 is text");
    assert_eq!(accept.len(), ACCEPT.len());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    )
}
