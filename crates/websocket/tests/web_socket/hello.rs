//! The first program that everyone writes: `examples/hello_web_socket.rs`, as a program.

use std::process::Command;

use tokio::task::spawn_blocking;

use crate::support::test_server;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_prints_its_three_lines() {
    let url = format!("ws://{}/echo", test_server().await);
    // `cargo test` builds the examples beside the folder of this program, unless it is told to build this one only.
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let mut hello = Command::new(folder.join("examples/hello_web_socket"));
    let output = spawn_blocking(move || hello.arg(url).output());
    let output = output.await.unwrap().expect("the example is built");
    let expected = "Connection open ...\nReceived Message: Hello WebSockets!\nConnection closed.\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert!(output.status.success());
}
