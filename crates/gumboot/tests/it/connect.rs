//! `gumboot connect` without a terminal: what goes in, what comes out, and the status.

mod endings;
mod handshake;
mod messages;
mod transport;

use std::process::{Child, Stdio};

use crate::{
    piped::{self, Piped, finish, signal},
    program::Program,
};

/// `gumboot connect` with `arguments`, and what it wants to read.
fn start(arguments: &[&str], input: Stdio) -> Child {
    piped::start(&[&["connect"], arguments].concat(), input)
}

/// Runs with `input` on standard input.
#[track_caller]
fn pipe(arguments: &[&str], input: impl AsRef<[u8]>) -> Piped {
    piped::pipe(&[&["connect"], arguments].concat(), input)
}

/// An echo server, with further flags, and its URL.
fn echo(flags: &[&str]) -> (Program, String) {
    let program = Program::start(&[&["echo", "--listen", "127.0.0.1:0"], flags].concat());
    let url = crate::tls::url(&program.line(), "echo");
    (program, url)
}
