//! Through proxies: small ones of the test, which let through whomever they are told to.

use std::net::SocketAddr;

use gumboot_websocket::{ConnectError, Proxy, ProxyError, SocksRefusal};
use http::StatusCode;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{
    certificates::Root,
    server::{Server, client, expect_echo, soon},
};

/// A proxy that runs until the test ends.
struct TestProxy {
    address: SocketAddr,
    /// The targets that were asked for.
    asked: mpsc::UnboundedReceiver<String>,
}

/// `user:password`, as base64 has it.
const LOGIN: &str = "Basic dXNlcjpwYXNzd29yZA==";

impl TestProxy {
    /// One that connects whoever is let in to `to`, whatever was asked for.
    async fn http(to: SocketAddr, login: Option<&'static str>) -> Self {
        Self::start(move |stream, tell| serve_http(stream, to, login, tell)).await
    }

    async fn socks5(to: SocketAddr, wants_login: bool) -> Self {
        Self::start(move |stream, tell| serve_socks5(stream, to, wants_login, tell)).await
    }

    async fn start<S, F>(serve: S) -> Self
    where
        S: Fn(TcpStream, mpsc::UnboundedSender<String>) -> F + Send + 'static,
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, tell.clone()));
            }
        });
        Self { address, asked }
    }

    async fn asked(&mut self) -> String {
        soon(self.asked.recv()).await.unwrap()
    }
}

async fn serve_http(
    stream: TcpStream,
    to: SocketAddr,
    login: Option<&'static str>,
    tell: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let _ = tell.send(lines[0].clone());
    let given = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("proxy-authorization")
            .then_some(value)
    });
    if login.is_some() && given != login {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(refusal).await;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut onward = TcpStream::connect(to).await?;
    copy_bidirectional(&mut stream, &mut onward).await.map(drop)
}

async fn serve_socks5(
    mut stream: TcpStream,
    to: SocketAddr,
    wants_login: bool,
    tell: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    stream.read_exact(&mut methods).await?;
    let method = if wants_login { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xFF]).await;
    }
    stream.write_all(&[5, method]).await?;
    if wants_login {
        let mut login = [0; 15];
        stream.read_exact(&mut login).await?;
        let status = u8::from(&login != b"\x01\x04user\x08password");
        stream.write_all(&[1, status]).await?;
    }
    let mut request = [0; 5];
    stream.read_exact(&mut request).await?;
    assert_eq!(request[..4], [5, 1, 0, 3]);
    let mut name = vec![0; usize::from(request[4]) + 2];
    stream.read_exact(&mut name).await?;
    name.truncate(name.len() - 2);
    let name = String::from_utf8(name).unwrap();
    let _ = tell.send(name.clone());
    if name == "forbidden.test" {
        return stream.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    // Where it connects from, as a name.
    stream.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0]).await?;
    let mut onward = TcpStream::connect(to).await?;
    copy_bidirectional(&mut stream, &mut onward).await.map(drop)
}

#[tokio::test]
async fn an_http_proxy_with_a_login() {
    let mut server = Server::plain().await;
    let mut proxy = TestProxy::http(server.address, Some(LOGIN)).await;
    let url = format!("http://user:password@{}", proxy.address);
    let client = client().proxy(Proxy::http(&url).unwrap());
    let mut socket = soon(client.connect("ws://example.test/x", &[]))
        .await
        .unwrap();
    expect_echo(&mut socket, "hello").await;
    assert_eq!(proxy.asked().await, "CONNECT example.test:80 HTTP/1.1");
    let request = server.request().await;
    assert!(!request.headers().contains_key("proxy-authorization"));
}

#[tokio::test]
async fn tls_and_http2_go_through_a_proxy_untouched() {
    let root = Root::new();
    let server = Server::secure(root.server("example.test")).await;
    let mut proxy = TestProxy::http(server.address, None).await;
    let url = format!("http://{}", proxy.address);
    let client = client()
        .tls(root.trusted())
        .proxy(Proxy::http(&url).unwrap());
    for client in [client.clone(), client.http2()] {
        let mut socket = soon(client.connect("wss://example.test/", &[]))
            .await
            .unwrap();
        expect_echo(&mut socket, "hello").await;
        assert_eq!(proxy.asked().await, "CONNECT example.test:443 HTTP/1.1");
    }
}

#[tokio::test]
async fn tls_with_the_proxy_itself() {
    let root = Root::new();
    let inner = Server::secure(root.server("example.test")).await;
    let tls = root.server("localhost");
    let to = inner.address;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tls.accept(stream).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        let mut onward = TcpStream::connect(to).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut onward).await;
    });
    let client = client()
        .tls(root.trusted())
        .proxy(Proxy::http(&url).unwrap());
    let mut socket = soon(client.connect("wss://example.test/", &[]))
        .await
        .unwrap();
    expect_echo(&mut socket, &"hello ".repeat(100_000)).await;
}

#[tokio::test]
async fn a_refusal_of_an_http_proxy_tells_its_status() {
    let server = Server::plain().await;
    let proxy = TestProxy::http(server.address, Some(LOGIN)).await;
    let url = format!("http://user:wrong@{}", proxy.address);
    let client = client().proxy(Proxy::http(&url).unwrap());
    let refused = soon(client.connect("ws://example.test/", &[]))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("407"), "{refused}");
    let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    let expected = matches!(refused, ConnectError::Proxy(ProxyError::Status(s)) if s == status);
    assert!(expected, "{refused:?}");
}

#[tokio::test]
async fn a_socks_proxy_looks_names_up() {
    let server = Server::plain().await;
    for (wants_login, login) in [(false, ""), (true, "user:password@")] {
        let mut proxy = TestProxy::socks5(server.address, wants_login).await;
        let url = format!("socks5://{login}{}", proxy.address);
        let client = client().proxy(Proxy::socks5(&url).unwrap());
        let mut socket = soon(client.connect("ws://example.test/", &[]))
            .await
            .unwrap();
        expect_echo(&mut socket, "hello").await;
        assert_eq!(proxy.asked().await, "example.test");
    }
}

#[tokio::test]
async fn refusals_of_a_socks_proxy() {
    let server = Server::plain().await;
    for (login, host, expected) in [
        ("", "example.test", SocksRefusal::Method),
        ("user:passw0rd@", "example.test", SocksRefusal::Login),
        ("user:password@", "forbidden.test", SocksRefusal::Reply(2)),
    ] {
        let proxy = TestProxy::socks5(server.address, true).await;
        let url = format!("socks5://{login}{}", proxy.address);
        let client = client().proxy(Proxy::socks5(&url).unwrap());
        match soon(client.connect(&format!("ws://{host}/"), &[])).await {
            Err(ConnectError::Proxy(ProxyError::Socks(refusal))) => assert_eq!(refusal, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_environment_names_a_proxy_and_exceptions() {
    let server = Server::plain().await;
    let mut proxy = TestProxy::http(server.address, None).await;
    let address = proxy.address.to_string();
    let variables = Proxy::from_variables(|name| match name {
        "http_proxy" => Some(address.clone()),
        "NO_PROXY" => Some("direct.test".to_owned()),
        _ => None,
    });
    let client = client()
        .proxy(variables)
        .resolve("direct.test", &[server.address.ip()]);
    soon(client.connect("ws://example.test/", &[]))
        .await
        .unwrap();
    assert_eq!(proxy.asked().await, "CONNECT example.test:80 HTTP/1.1");
    for direct in ["direct.test", "127.0.0.1"] {
        let url = server.url("ws", direct, "/");
        soon(client.connect(&url, &[])).await.unwrap();
    }
    assert!(proxy.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_the_proxys_fault() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let client = client().proxy(Proxy::http(&url).unwrap());
    let refused = soon(client.connect("ws://example.test/", &[])).await;
    let expected = matches!(refused, Err(ConnectError::Proxy(ProxyError::Io(_))));
    assert!(expected, "{refused:?}");
}
