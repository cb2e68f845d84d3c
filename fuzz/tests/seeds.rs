//! Every seed, on every run of the tests: what was found once is never lost again.

use std::{fs, path::Path};

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(&folder).expect("the folder of the seeds is there") {
        let path = entry.expect("the folder can be read").path();
        run(&fs::read(&path).expect("the seed can be read"));
        seeds += 1;
    }
    assert!(seeds > 0, "{} is empty", folder.display());
}

#[test]
fn ws_input() {
    replay("ws_input", gumboot_fuzz::ws_input);
}

#[test]
fn ws_operations() {
    replay("ws_operations", gumboot_fuzz::ws_operations);
}

#[test]
fn deflate() {
    replay("deflate", gumboot_fuzz::deflate);
}

#[test]
fn handshake() {
    replay("handshake", gumboot_fuzz::handshake);
}

#[test]
fn stomp_decode() {
    replay("stomp_decode", gumboot_fuzz::stomp_decode);
}

#[test]
fn stomp_session() {
    replay("stomp_session", gumboot_fuzz::stomp_session);
}

#[test]
fn broker_operations() {
    replay("broker_operations", gumboot_fuzz::broker_operations);
}

#[test]
fn selector() {
    replay("selector", gumboot_fuzz::selector);
}
