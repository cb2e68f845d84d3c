//! What a line typed in the terminal means: a message, or a command behind a slash.

use std::{
    fs::File,
    io::{self, Read},
};

use bytes::Bytes;
use gumboot_websocket::proto::{CloseCode, CloseFrame, Message};

use super::{Request, input::from_hex, json::close_frame};

pub(super) const HELP: &str = "\
a line is sent as text; one that begins with a slash is a command:
  /ping [TEXT]           ping the server, and tell how long it takes
  /close [CODE [REASON]] close the connection, by default with 1000
  /quit                  the same as /close
  /binary DIGITS         send bytes, in hexadecimal digits
  /file PATH             send what is in a file, as binary
  /textfile PATH         send what is in a file, as text
  /text [TEXT]           send TEXT, which may be empty or begin with a slash
  //TEXT                 send /TEXT
Ctrl-C or Ctrl-D closes; a second time it does not wait for the server. A line that begins with a blank is not kept
in the history.
";

/// The bytes of a file at most.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What was typed.
#[derive(Debug)]
pub(super) enum Typed {
    Help,
    Nothing,
    Request(Request),
}

/// What `line` means.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(line: &str) -> Result<Typed, String> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok(match line {
            "" => Typed::Nothing,
            text => Typed::Request(Request::Send(Message::text(text))),
        });
    };
    if command.starts_with('/') {
        return Ok(Typed::Request(Request::Send(Message::text(command))));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let request = match name {
        "help" | "?" => return Ok(Typed::Help),
        "binary" => Request::Send(Message::binary(from_hex(rest)?)),
        "close" => Request::Close(Some(close(rest)?)),
        "file" => Request::Send(Message::binary(file(rest)?)),
        "ping" => Request::Ping(Bytes::from(rest.to_owned())),
        "quit" => Request::Close(Some(normal())),
        "text" => Request::Send(Message::text(rest)),
        "textfile" => Request::Send(Message::text(
            String::from_utf8(file(rest)?).map_err(|_| "the file is not UTF-8")?,
        )),
        _ => return Err("there is no such command; /help lists them".to_owned()),
    };
    Ok(Typed::Request(request))
}

/// What an ordinary close says.
pub(super) fn normal() -> CloseFrame {
    CloseFrame::truncated(CloseCode::NORMAL, "")
}

fn close(typed: &str) -> Result<CloseFrame, String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(normal());
    }
    let (code, reason) = typed.split_once(' ').unwrap_or((typed, ""));
    close_frame(code.parse().ok(), reason)
}

fn file(path: &str) -> Result<Vec<u8>, String> {
    let path = path.trim();
    let mut bytes = Vec::new();
    let read = |bytes: &mut Vec<u8>| -> io::Result<usize> {
        File::open(path)?
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(bytes)
    };
    let count = read(&mut bytes).map_err(|error| format!("cannot read {path}: {error}"))?;
    match count as u64 > FILE_BYTES_MAX {
        true => Err(format!("{path} has more than {FILE_BYTES_MAX} bytes")),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, meaning: &str) {
        let parsed = match parse(line) {
            Ok(typed) => format!("{typed:?}"),
            Err(error) => error,
        };
        assert!(parsed.contains(meaning), "{line}: {parsed}");
    }

    #[test]
    fn messages() {
        check("", "Nothing");
        check("hi there", r#"Text("hi there")"#);
        check("//hi", r#"Text("/hi")"#);
        check("/text", r#"Text("")"#);
        check("/text /x", r#"Text("/x")"#);
        check("/binary 00 ff", r#"Binary(b"\0\xff")"#);
        check("/binary 0", "odd");
    }

    #[test]
    fn commands() {
        check("/help", "Help");
        check("/ping", r#"Ping(b"")"#);
        check("/ping a b", r#"Ping(b"a b")"#);
        check("/close", "CloseCode(1000)");
        check("/close 4000 bye bye", "CloseCode(4000)");
        check("/close 4000 bye bye", "bye bye");
        check("/close 1005", "a close code is");
        check("/close x", "a close code is");
        check(
            &format!("/close 4000 {}", "x".repeat(124)),
            "124 bytes, 123 at most",
        );
        check("/quit", "CloseCode(1000)");
        check("/nonsense", "no such command");
    }

    #[test]
    fn files() {
        check("/file /nowhere/x", "cannot read /nowhere/x: No such file");
        check(
            concat!("/textfile ", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            "gumboot",
        );
        check(
            concat!("/file ", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
            "Binary(",
        );
        check("/file /dev/zero", "has more than");
    }
}
