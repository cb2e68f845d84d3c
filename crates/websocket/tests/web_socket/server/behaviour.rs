//! What the server of the cases does at each path. The part behind the `?` says more, percent-encoded where it must be.

use std::{io, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gumboot_websocket::{
    Socket,
    proto::{CloseCode, CloseFrame, Config, Connection, DeflatePool, Message},
    timer::now,
};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    invalid,
    stream::Stream,
    visit::{Opened, Visit},
};

/// The payload bytes of a frame that is read by hand, at most.
const FRAME_BYTES_MAX: usize = 125;

/// What the path asks for.
pub(super) async fn go(visit: Visit) -> io::Result<()> {
    let uri = visit.request.uri().clone();
    let query = uri.query().unwrap_or_default();
    match uri.path() {
        // Handshakes that are refused, or wrong.
        "/status" => visit.respond(status(query)?).await,
        "/redirect" => visit.respond(redirect(query)?).await,
        "/garbage" => visit.answer_raw(b"This is not HTTP.\r\n\r\n").await,
        "/hang-up" => Ok(()),
        "/silent" => visit.stay_silent().await,
        "/answer" => answer(visit, query).await,
        // Good handshakes.
        "/accept" => accept(visit, query).await,
        "/echo" => echo(open(visit, b"").await?).await,
        "/bytes-with-answer" => echo(open(visit, b"\x81\x05Early").await?).await,
        "/send" => send(open(visit, b"").await?, query).await,
        "/sink" => sink(open(visit, b"").await?, query).await,
        "/close" => close(open(visit, b"").await?, query).await,
        "/close-on-message" => {
            let mut socket = open(visit, b"").await?;
            socket.receive().await.map_err(io::Error::other)?;
            close(socket, query).await
        }
        "/close-and-end" => {
            let mut opened = open_plain(visit, b"\x88\x04\x03\xe8ok").await?;
            opened.stream.shutdown().await?;
            opened.until_its_end().await
        }
        "/drop" => open_plain(visit, b"").await.map(drop),
        "/end" => open_plain(visit, b"").await?.stream.shutdown().await,
        "/reset" => open_plain(visit, b"").await?.stream.reset(),
        "/drop-on-message" => {
            let mut socket = open(visit, b"").await?;
            socket.receive().await.map(drop).map_err(io::Error::other)
        }
        "/wire" => {
            let opened = open_plain(visit, &bytes_of(query)?).await?;
            opened.until_its_end().await
        }
        "/ping" => ping(open_plain(visit, b"").await?.stream, query).await,
        "/answer-close" => answer_close(open_plain(visit, b"").await?, query).await,
        "/heard-close" => heard_close(open_plain(visit, b"").await?).await,
        "/mute" => {
            let _open = open(visit, b"").await?;
            std::future::pending().await
        }
        path if path.starts_with("/auth/") => auth(visit, path, query).await,
        path if path.starts_with("/header") => header(visit, query).await,
        "/query" => say(visit, query).await,
        // No refusal: a case that expects one must not get it by a slip of the pen.
        path => say(visit, &format!("there is no {path}")).await,
    }
}

/// A good answer, with the first subprotocol and with compression, and `bytes` close behind.
async fn open(visit: Visit, bytes: &[u8]) -> io::Result<Socket<Stream>> {
    let config = Config::server();
    let offer = visit.offer()?;
    let deflate = config.deflate.as_ref();
    let deflate = deflate.and_then(|config| offer.choose_deflate(config));
    let protocol = offer.protocols().first().map(String::as_str);
    let answer = offer.accept(protocol, deflate.as_ref());
    let opened = visit.accept(answer, bytes).await?;
    let mut connection = Connection::server(Arc::new(config), now());
    if let Some(params) = &deflate {
        connection = connection.with_deflate(params, Arc::new(DeflatePool::default()));
    }
    Ok(opened.into_socket(connection))
}

/// A good answer without compression, with `bytes` close behind.
pub(super) async fn open_plain(visit: Visit, bytes: &[u8]) -> io::Result<Opened> {
    let answer = visit.offer()?.accept(None, None);
    visit.accept(answer, bytes).await
}

/// An answer with other headers than a good one, `name=value&name=value`, and without those that are only named; then
/// an echo, should the client accept it.
async fn answer(visit: Visit, query: &str) -> io::Result<()> {
    let mut answer = visit.offer()?.accept(None, None);
    let lines = query.split('&');
    let lines = lines.map(|line| (line.split_once('=').unzip(), line));
    let lines: Vec<_> = lines
        .map(|((name, value), line)| (name.unwrap_or(line), value))
        .collect();
    for (name, _) in &lines {
        answer.headers_mut().remove(*name);
    }
    for (name, value) in lines {
        let Some(value) = value else { continue };
        let name = HeaderName::try_from(name).or(Err(invalid("not a header")))?;
        let value = HeaderValue::try_from(percent_decoded(value));
        let value = value.or(Err(invalid("not a value")))?;
        answer.headers_mut().append(name, value);
    }
    let opened = visit.accept(answer, b"").await?;
    echo(opened.into_socket(Connection::server(Arc::new(Config::server()), now()))).await
}

/// A good answer but for its status; then an echo, should the client accept it.
async fn accept(visit: Visit, code: &str) -> io::Result<()> {
    let mut answer = visit.offer()?.accept(None, None);
    *answer.status_mut() = status(code)?.status();
    let opened = visit.accept(answer, b"").await?;
    echo(opened.into_socket(Connection::server(Arc::new(Config::server()), now()))).await
}

/// An echo for those who say who they are, `user:password`; others are asked (RFC 7617). Each path has logins of its
/// own.
async fn auth(visit: Visit, path: &str, login: &str) -> io::Result<()> {
    let expected = format!("Basic {}", STANDARD.encode(percent_decoded(login)));
    let said = visit.request.headers().get(header::AUTHORIZATION);
    if said.is_some_and(|said| *said == *expected) {
        return echo(open(visit, b"").await?).await;
    }
    let mut refusal = status("401")?;
    let challenge = HeaderValue::try_from(format!("Basic realm=\"{path}\""));
    let challenge = challenge.map_err(io::Error::other)?;
    let headers = refusal.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    visit.respond(refusal).await
}

/// Sends the value of a header of the request, and closes.
async fn header(visit: Visit, name: &str) -> io::Result<()> {
    let value = visit.request.headers().get(name).map(HeaderValue::to_str);
    let value = match value {
        Some(value) => value.map_err(io::Error::other)?.to_owned(),
        None => "(none)".to_owned(),
    };
    say(visit, &value).await
}

/// Sends a text, and closes.
async fn say(visit: Visit, text: &str) -> io::Result<()> {
    let mut socket = open(visit, b"").await?;
    socket.send(text).await.map_err(io::Error::other)?;
    socket.close(None).await.map_err(io::Error::other)
}

async fn echo(mut socket: Socket<Stream>) -> io::Result<()> {
    while let Some(message) = socket.receive().await.map_err(io::Error::other)? {
        if socket.send(message).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Sends the messages `1`, `2` and so on, as many as the query says, and an empty Close.
async fn send(mut socket: Socket<Stream>, query: &str) -> io::Result<()> {
    let count: u32 = query.parse().or(Err(invalid("not a number")))?;
    for number in 1..=count {
        let message = Message::text(number.to_string());
        socket.send(message).await.map_err(io::Error::other)?;
    }
    socket.close(None).await.map_err(io::Error::other)
}

/// Takes so many messages, and closes with a reason that says how many bytes they had.
async fn sink(mut socket: Socket<Stream>, query: &str) -> io::Result<()> {
    let count: u32 = query.parse().or(Err(invalid("not a number")))?;
    let mut bytes = 0;
    for _ in 0..count {
        let message = socket.receive().await.map_err(io::Error::other)?;
        bytes += message.map_or(0, |message| message.as_bytes().len());
    }
    close(socket, &format!("1000,{count} messages of {bytes} bytes")).await
}

/// Closes with a code and a reason, `1000,bye`; without a query with an empty Close.
async fn close(mut socket: Socket<Stream>, query: &str) -> io::Result<()> {
    let (code, reason) = query.split_once(',').unwrap_or((query, ""));
    let code = code.parse().ok().and_then(CloseCode::new);
    let frame = code.map(|code| CloseFrame::truncated(code, &percent_decoded(reason)));
    socket.close(frame.as_ref()).await.map_err(io::Error::other)
}

/// Sends a Ping, and closes with 1000 if the Pong is the right one.
async fn ping(mut stream: Stream, payload: &str) -> io::Result<()> {
    let head = [0x89, u8::try_from(payload.len()).map_err(io::Error::other)?];
    stream.put(&[&head, payload.as_bytes()].concat()).await?;
    let pong = frame(&mut stream).await?;
    let is_right = pong == (0x8a, payload.as_bytes().to_vec());
    let close = match is_right {
        true => b"\x88\x02\x03\xe8",
        false => b"\x88\x02\x0f\xa0",
    };
    stream.put(close).await?;
    until_its_end(stream).await
}

/// Waits for a Close, sends these bytes, in hexadecimal, and ends.
async fn answer_close(mut opened: Opened, query: &str) -> io::Result<()> {
    while frame(&mut opened.stream).await?.0 != 0x88 {}
    opened.stream.put(&bytes_of(query)?).await?;
    opened.stream.shutdown().await
}

/// Waits for a Close, and answers with 4000 and with what it said as the reason.
async fn heard_close(mut opened: Opened) -> io::Result<()> {
    let (head, payload) = frame(&mut opened.stream).await?;
    let heard = match &payload[..] {
        _ if head != 0x88 => "no Close".to_owned(),
        [] => "an empty Close".to_owned(),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            format!("{code} {}", String::from_utf8_lossy(reason))
        }
        [_] => "half a code".to_owned(),
    };
    let code = CloseCode::new(4000).ok_or(invalid("no code"))?;
    let said = CloseFrame::truncated(code, heard.trim_end());
    let length = u8::try_from(2 + said.reason().len()).map_err(io::Error::other)?;
    let answer = [&[0x88, length, 0x0f, 0xa0], said.reason().as_bytes()].concat();
    opened.stream.put(&answer).await?;
    opened.stream.shutdown().await
}

/// A short frame of the client: its first byte and its payload.
async fn frame(stream: &mut Stream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 6];
    stream.read_exact(&mut head).await?;
    let [first, length, key @ ..] = head;
    let length = usize::from(length & 0x7f);
    if length > FRAME_BYTES_MAX {
        return Err(invalid("not a short frame"));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok((first, payload))
}

async fn until_its_end(mut stream: Stream) -> io::Result<()> {
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

fn status(code: &str) -> io::Result<Response<Bytes>> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = code
        .parse::<StatusCode>()
        .or(Err(invalid("not a status")))?;
    Ok(response)
}

/// A status and where to, `302,/echo`.
fn redirect(query: &str) -> io::Result<Response<Bytes>> {
    let (code, to) = query.split_once(',').ok_or(invalid("not a redirect"))?;
    let mut response = status(code)?;
    let to = HeaderValue::from_str(to).or(Err(invalid("not a place")))?;
    response.headers_mut().insert(header::LOCATION, to);
    Ok(response)
}

fn bytes_of(hex: &str) -> io::Result<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
    bytes.ok_or(invalid("not hexadecimal"))
}

fn percent_decoded(text: &str) -> String {
    let bytes = percent_encoding::percent_decode_str(text);
    bytes.decode_utf8_lossy().into_owned()
}
