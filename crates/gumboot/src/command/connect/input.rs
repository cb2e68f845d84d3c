//! Standard input that is no terminal: each line, or the whole, is a message.

use std::{
    io::{self, BufRead},
    ops::ControlFlow,
    thread,
};

use gumboot_websocket::proto::Message;
use tokio::sync::mpsc;

use super::{Request, json};
use crate::command::stdin::{self, Piece};

/// What standard input is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) form: Form,
    /// What is one message.
    pub(super) piece: Piece,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The bytes of a binary message.
    Binary,
    /// A binary message in hexadecimal digits.
    Hex,
    /// A request in JSON.
    Json,
    /// A text.
    Text,
}

/// Reads standard input on a thread of its own, which nobody waits for: a read cannot be called off.
pub(super) fn spawn(input: Input, requests: mpsc::Sender<Request>) {
    thread::spawn(move || {
        let last = match read(input, &mut io::stdin().lock(), &requests) {
            Ok(()) => Request::End,
            Err(why) => Request::Invalid(why),
        };
        // The session may be over.
        let _ = requests.blocking_send(last);
    });
}

/// Makes requests of all there is to read.
///
/// # Errors
/// It cannot be read, or is not what it should be.
fn read(
    input: Input,
    from: &mut impl BufRead,
    requests: &mpsc::Sender<Request>,
) -> Result<(), String> {
    stdin::read(input.piece, from, |bytes| {
        let request = request(input.form, bytes)?;
        Ok(match requests.blocking_send(request) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    })
}

fn request(form: Form, line: Vec<u8>) -> Result<Request, String> {
    Ok(Request::Send(match form {
        Form::Json => return json::request(&line),
        Form::Binary => Message::binary(line),
        Form::Hex => Message::binary(from_hex(&String::from_utf8_lossy(&line))?),
        Form::Text => String::from_utf8(line)
            .map(Message::text)
            .map_err(|_| "not UTF-8 (--binary sends any bytes)")?,
    }))
}

/// The bytes that hexadecimal digits mean; blanks between them mean nothing.
///
/// # Errors
/// Something else is among them, or one is alone.
pub(super) fn from_hex(digits: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut high = None;
    for char in digits.chars().filter(|char| !char.is_ascii_whitespace()) {
        let digit = char.to_digit(16).ok_or("not hexadecimal digits")?;
        // A digit is less than 16.
        let digit = digit as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err("an odd number of hexadecimal digits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages in `bytes`, and what is wrong at the end.
    fn check(form: Form, piece: Piece, bytes: &[u8]) -> (Vec<Vec<u8>>, Result<(), String>) {
        let (sender, mut requests) = mpsc::channel(8);
        let read = read(Input { form, piece }, &mut &*bytes, &sender);
        drop(sender);
        let mut messages = Vec::new();
        while let Some(request) = requests.blocking_recv() {
            match request {
                Request::Send(message) => messages.push(message.as_bytes().to_vec()),
                other => panic!("{other:?}"),
            }
        }
        (messages, read)
    }

    #[test]
    fn a_line_is_a_message_without_its_end() {
        let (messages, read) = check(Form::Text, Piece::Line, b"a\r\n\nb\r\r\nc");
        assert_eq!(messages, [&b"a"[..], b"", b"b\r", b"c"]);
        assert_eq!(read, Ok(()));
        let (messages, read) = check(Form::Binary, Piece::Line, b"\xff\n");
        assert_eq!((messages, read), (vec![vec![0xff]], Ok(())));
    }

    #[test]
    fn the_whole_is_one_message() {
        for bytes in [&b"a\nb\r\n"[..], b""] {
            let (messages, read) = check(Form::Text, Piece::Whole, bytes);
            assert_eq!((messages, read), (vec![bytes.to_vec()], Ok(())));
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let (messages, read) = check(Form::Text, Piece::Line, b"a\n\xff\nb\n");
        assert_eq!(messages, [b"a"]);
        let why = "standard input, line 2: not UTF-8 (--binary sends any bytes)";
        assert_eq!(read, Err(why.to_owned()));
    }

    #[test]
    fn hexadecimal_digits() {
        assert_eq!(from_hex("00 fF\t1 0").unwrap(), [0, 255, 16]);
        assert_eq!(from_hex("").unwrap(), [0; 0]);
        assert!(from_hex("0").unwrap_err().contains("odd"));
        assert!(from_hex("0g").unwrap_err().contains("not hex"));
        assert!(from_hex("é").is_err());
    }
}
