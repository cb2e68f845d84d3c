//! The servers in `examples/`, as programs: each answers, and tells its clients when it goes down.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use gumboot_websocket::{
    Socket,
    proto::{CloseCode, CloseFrame},
};
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

/// Starts an example; gives the address that it prints.
async fn start(name: &str) -> (Program, String) {
    // `cargo test` builds the examples beside the folder of this program, unless it is told to build this one only.
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let mut command = Command::new(folder.join("examples").join(name));
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the example is built");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let program = Program(child);
    let address = soon(spawn_blocking(move || lines.next())).await.unwrap();
    (program, address.unwrap().unwrap())
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
    let ended = spawn_blocking(move || program.0.wait());
    assert!(soon(ended).await.unwrap().unwrap().success());
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
