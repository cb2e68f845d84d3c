//! The servers in `examples/`, as programs: each answers, and tells its clients when it goes down.

use std::{
    io::{BufRead, BufReader, Lines},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
};

use gumboot_testkit::{CLOSE, MASK, TEXT, WebSocketPeer, close_body, encode_frame};
use gumboot_websocket::{
    Socket,
    proto::{CloseCode, CloseFrame},
};
#[cfg(feature = "axum")]
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;

use crate::support::{client, soon};

/// A program that ends with its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // If the test has passed, it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn path(name: &str) -> PathBuf {
    // `cargo test` builds the examples beside the folder of this program, unless it is told to build this one only.
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    folder.join("examples").join(name)
}

/// Starts an example; gives the address that it prints.
async fn start(name: &str) -> (Program, String) {
    run(Command::new(path(name))).await
}

/// The same with as many open files as `files_max`, and what it says of its errors.
async fn start_limited(
    name: &str,
    files_max: u32,
) -> (Program, String, Lines<BufReader<ChildStderr>>) {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n {files_max} && exec \"$0\"");
    command
        .arg("-c")
        .arg(limited)
        .arg(path(name))
        .stderr(Stdio::piped());
    let (mut program, address) = run(command).await;
    let errors = BufReader::new(program.0.stderr.take().unwrap()).lines();
    (program, address, errors)
}

async fn run(mut command: Command) -> (Program, String) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the example is built");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let program = Program(child);
    let address = soon(spawn_blocking(move || lines.next())).await.unwrap();
    (program, address.unwrap().unwrap())
}

/// The address and the path of a URL.
fn parts(url: &str) -> (SocketAddr, String) {
    let (address, path) = url.strip_prefix("ws://").unwrap().split_once('/').unwrap();
    (address.parse().unwrap(), format!("/{path}"))
}

/// Has the server go down, which it is to do in order.
async fn check_end(mut program: Program) {
    drop(program.0.stdin.take());
    let ended = spawn_blocking(move || program.0.wait());
    assert!(soon(ended).await.unwrap().unwrap().success());
}

/// Sends `sent`, gets `received`, and sees the server go down.
async fn check(name: &str, protocols: &[&str], sent: &str, received: &str) {
    let (mut program, url) = start(name).await;
    let mut socket: Socket = soon(client().connect(&url, protocols)).await.unwrap();
    assert_eq!(socket.protocol(), protocols.first().copied());
    socket.send(sent).await.unwrap();
    let message = soon(socket.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some(received));
    let elsewhere = url.rsplit_once('/').unwrap().0.to_owned() + "/elsewhere";
    assert!(soon(client().connect(&elsewhere, &[])).await.is_err());
    drop(program.0.stdin.take());
    assert_eq!(soon(socket.receive()).await.unwrap(), None);
    let away = CloseFrame::new(CloseCode::GOING_AWAY, "").unwrap();
    assert_eq!(socket.close_frame(), Some(Some(&away)));
    drop(socket);
    check_end(program).await;
}

/// What comes behind the server's last Close, more than it reads at once, does not keep it from waiting for the client's.
async fn check_under_way(name: &str, protocols: &'static str) {
    let (mut program, url) = start(name).await;
    let (address, path) = parts(&url);
    let stdin = program.0.stdin.take();
    let client = spawn_blocking(move || {
        let mut websocket = WebSocketPeer::open(address, &path, protocols);
        websocket.send(TEXT, "hello");
        assert_eq!(websocket.receive().first, TEXT);
        drop(stdin);
        websocket.expect(CLOSE, close_body(1001, ""));
        let under_way = encode_frame(TEXT, &[b'x'; 10_000], Some(MASK)).repeat(100);
        websocket.tcp().send(under_way);
        websocket.send_close(1001, "");
        websocket.tcp().expect_end();
    });
    client.await.unwrap();
    check_end(program).await;
}

/// Files that run out do not end the server: it takes clients again when there are some.
async fn check_files(name: &str, protocols: &[&str]) {
    let (program, url, mut errors) = start_limited(name, 24).await;
    let (address, _) = parts(&url);
    let idle: Vec<_> = (0..24)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let (error, errors) = soon(spawn_blocking(move || (errors.next(), errors)))
        .await
        .unwrap();
    let error = error.expect("the server goes on").unwrap();
    assert!(error.starts_with("Too many open files"), "{error}");
    drop(idle);
    let mut socket: Socket = soon(client().connect(&url, protocols)).await.unwrap();
    socket.send("X").await.unwrap();
    let message = soon(socket.receive()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("X"));
    soon(socket.close(None)).await.unwrap();
    drop(socket);
    check_end(program).await;
    drop(errors);
}

#[tokio::test]
async fn accept() {
    check("accept", &["shout"], "hello", "HELLO").await;
}

#[tokio::test]
async fn hyper_service() {
    check("hyper_service", &[], "hello", "hello").await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_server() {
    check("axum_server", &[], "hello", "hello").await;
}

#[tokio::test]
async fn what_is_under_way_when_they_go_down() {
    check_under_way("accept", "shout").await;
    check_under_way("hyper_service", "").await;
    #[cfg(feature = "axum")]
    check_under_way("axum_server", "").await;
}

#[tokio::test]
async fn accept_runs_out_of_files() {
    check_files("accept", &["shout"]).await;
}

#[tokio::test]
async fn hyper_service_runs_out_of_files() {
    check_files("hyper_service", &[]).await;
}

/// axum waits for streams of HTTP/2, the gate for the client of each, and the client for the gate.
#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_server_over_http2() {
    let (mut program, url) = start("axum_server").await;
    let (address, path) = parts(&url);
    let mut stream = crate::http2::open(address, &path).await;
    stream
        .write_all(&encode_frame(TEXT, b"hello", Some(MASK)))
        .await
        .unwrap();
    let mut echoed = [0; 7];
    soon(stream.read_exact(&mut echoed)).await.unwrap();
    assert_eq!(echoed, encode_frame(TEXT, b"hello", None)[..]);
    drop(program.0.stdin.take());
    let close = close_body(1001, "");
    let mut told = [0; 4];
    soon(stream.read_exact(&mut told)).await.unwrap();
    assert_eq!(told, encode_frame(CLOSE, &close, None)[..]);
    stream
        .write_all(&encode_frame(CLOSE, &close, Some(MASK)))
        .await
        .unwrap();
    assert_eq!(soon(stream.read(&mut told)).await.unwrap(), 0);
    check_end(program).await;
}
