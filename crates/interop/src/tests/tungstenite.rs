//! tokio-tungstenite as a peer. It does not compress.

use std::io;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use gumboot_websocket::proto::MessageKind;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_tungstenite::{
    accept_hdr_async, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        handshake::server::{Request, Response},
        http::{
            HeaderMap, HeaderName, HeaderValue,
            header::{SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL},
        },
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use crate::{
    exchange::{Case, Exchange, Role, Sent},
    peer::{Ability, About, Cannot, Peer},
    report::Report,
};

/// The peer.
pub(super) struct Tungstenite {
    about: About,
    served: Option<JoinHandle<io::Result<Report>>>,
}

impl Tungstenite {
    pub(super) fn new() -> Self {
        let about = About {
            name: "tokio-tungstenite".into(),
            can: [Ability::Connect, Ability::Serve, Ability::Pieces].into(),
            cannot: Cannot::default(),
        };
        Self {
            about,
            served: None,
        }
    }
}

impl Peer for Tungstenite {
    fn about(&self) -> &About {
        &self.about
    }

    async fn connect(&mut self, case: &Case, url: &str) -> io::Result<Report> {
        let exchange = &case.exchange;
        let mut request = url.into_client_request().map_err(io::Error::other)?;
        if !exchange.protocols.is_empty() {
            let offer = HeaderValue::from_str(&exchange.protocols.join(", "));
            let offer = offer.map_err(io::Error::other)?;
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer);
        }
        let (mut socket, answer) = connect_async(request).await.map_err(io::Error::other)?;
        let mut report = Report {
            protocol: header(answer.headers(), &SEC_WEBSOCKET_PROTOCOL),
            extensions: Some(header(answer.headers(), &SEC_WEBSOCKET_EXTENSIONS)),
            ..Report::default()
        };
        talk(exchange, Role::Client, &mut socket, &mut report).await;
        Ok(report)
    }

    async fn serve(&mut self, case: &Case) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let exchange = serde_json::from_value(case.json.clone())?;
        self.served = Some(tokio::spawn(serve(exchange, listener)));
        Ok(url)
    }

    async fn served(&mut self) -> io::Result<Report> {
        self.served.take().expect("a server was begun").await?
    }
}

async fn serve(exchange: Exchange, listener: TcpListener) -> io::Result<Report> {
    let (stream, _) = listener.accept().await?;
    let mut report = Report::default();
    #[allow(clippy::result_large_err)] // The library's own type.
    let choose = |request: &Request, mut response: Response| {
        let offered = header(request.headers(), &SEC_WEBSOCKET_PROTOCOL);
        let is_offered = |ours: &&String| offered.split(',').any(|theirs| theirs.trim() == **ours);
        if let Some(chosen) = exchange.speaks.iter().find(is_offered) {
            let value = HeaderValue::from_str(chosen).expect("a token");
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
            report.protocol.clone_from(chosen);
        }
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, choose)
        .await
        .map_err(io::Error::other)?;
    talk(&exchange, Role::Server, &mut socket, &mut report).await;
    Ok(report)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Sends, receives and closes, until the connection has ended.
async fn talk<S>(exchange: &Exchange, role: Role, socket: &mut S, report: &mut Report)
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    if let Err(error) = try_talk(exchange, role, socket, report).await {
        report.wrong.push(error.to_string());
    }
}

async fn try_talk<S>(
    exchange: &Exchange,
    role: Role,
    socket: &mut S,
    report: &mut Report,
) -> Result<(), Error>
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    let messages = exchange.sent();
    let mut pings = 0;
    if role == Role::Client {
        for sent in &messages {
            send(socket, sent, &mut pings).await?;
        }
    }
    let closes = exchange.close.by == role;
    if closes && messages.is_empty() {
        close(exchange, socket).await?;
    }
    while let Some(message) = socket.next().await {
        let (kind, payload) = match message? {
            Message::Text(text) => (MessageKind::Text, text.into()),
            Message::Binary(bytes) => (MessageKind::Binary, bytes),
            Message::Pong(payload) => {
                report.pong = Some(String::from_utf8_lossy(&payload).into_owned());
                continue;
            }
            Message::Close(frame) => {
                let seen = |frame: CloseFrame| (frame.code.into(), frame.reason.to_string());
                report.close = frame.map_or((1005, String::new()), seen);
                report.clean = true;
                continue;
            }
            Message::Ping(_) | Message::Frame(_) => continue,
        };
        let sent = messages.get(report.same);
        match sent.filter(|sent| sent.kind == kind && sent.payload == payload) {
            Some(sent) => {
                report.same += 1;
                if role == Role::Server {
                    send(socket, sent, &mut pings).await?;
                }
                if closes && report.same == messages.len() {
                    close(exchange, socket).await?;
                }
            }
            None => report
                .wrong
                .push(format!("{kind:?} of {} bytes", payload.len())),
        }
    }
    Ok(())
}

async fn send<S>(socket: &mut S, sent: &Sent, pings: &mut u32) -> Result<(), Error>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    let kind = match sent.kind {
        MessageKind::Text => Data::Text,
        MessageKind::Binary => Data::Binary,
    };
    for (index, piece) in sent.cut().into_iter().enumerate() {
        if index > 0 {
            *pings += 1;
            let ping = pings.to_string().into_bytes();
            socket.send(Message::Ping(ping.into())).await?;
        }
        let data = if index == 0 { kind } else { Data::Continue };
        let fin = index + 1 == sent.pieces;
        let frame = Frame::message(piece, OpCode::Data(data), fin);
        socket.send(Message::Frame(frame)).await?;
    }
    Ok(())
}

async fn close<S>(exchange: &Exchange, socket: &mut S) -> Result<(), Error>
where
    S: Sink<Message, Error = Error> + Unpin,
{
    let frame = exchange.close.code.map(|code| CloseFrame {
        code: code.into(),
        reason: exchange.close.reason.as_str().into(),
    });
    socket.send(Message::Close(frame)).await
}
