//! The opening handshake, by hand. RFC 6455 §4.1, RFC 7692 §5.1.

use std::io::{Read, Write};

use crate::Failure;

/// The nonce of RFC 6455 §1.3, and what a server makes of it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// As browsers offer it.
const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// The longest response.
const RESPONSE_BYTES_MAX: usize = 8 * 1024;

/// Opens a WebSocket with the path `/` on a stream, with compression or without.
pub(super) fn open(stream: &mut (impl Read + Write), compress: bool) -> Result<(), Failure> {
    let offer = match compress {
        true => format!("Sec-WebSocket-Extensions: {OFFER}\r\n"),
        false => String::new(),
    };
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        // Byte by byte: nothing behind it may be taken.
        let mut byte = [0];
        if response.len() == RESPONSE_BYTES_MAX || stream.read(&mut byte)? == 0 {
            return Err("the server's response to the handshake has no end".into());
        }
        response.extend_from_slice(&byte);
    }
    check(std::str::from_utf8(&response)?, compress)
}

fn check(response: &str, compress: bool) -> Result<(), Failure> {
    let refused = |reason: &str| Err(format!("{reason}: {response}").into());
    if !response.starts_with("HTTP/1.1 101 ") {
        return refused("the server opens no WebSocket");
    }
    if header(response, "Sec-WebSocket-Accept") != Some(ACCEPT) {
        return refused("the server's answer to the key is wrong");
    }
    let extensions = header(response, "Sec-WebSocket-Extensions").unwrap_or_default();
    if compress != extensions.starts_with("permessage-deflate") {
        return refused("the server agreed to other compression than was wanted");
    }
    // What the client sends refers to 1024 bytes back at most, which 10 bits can say.
    let bits = extensions.split("client_max_window_bits=").nth(1);
    if bits.is_some_and(|bits| matches!(bits.trim_matches('"').get(..1), Some("8" | "9"))) {
        return refused("the server wants a smaller window than this can keep to");
    }
    Ok(())
}

fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let fields = response.lines().filter_map(|line| line.split_once(':'));
    let mut values = fields.filter(|(other, _)| other.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(extensions: &str, compress: bool) -> bool {
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\n\
             Sec-WebSocket-Extensions: {extensions}\r\n\r\n"
        );
        check(&response, compress).is_ok()
    }

    #[test]
    fn what_was_agreed_must_be_what_was_wanted() {
        assert!(checked(
            "permessage-deflate; client_max_window_bits=15",
            true
        ));
        assert!(checked("", false));
        assert!(!checked("", true));
        assert!(!checked("permessage-deflate", false));
        assert!(!checked(
            "permessage-deflate; client_max_window_bits=9",
            true
        ));
        assert!(check("HTTP/1.1 200 OK\r\n\r\n", false).is_err());
        assert!(check("HTTP/1.1 101 x\r\nSec-WebSocket-Accept: y\r\n\r\n", false).is_err());
    }
}
