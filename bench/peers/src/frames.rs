//! What the hand-written WebSocket echoes have in common. They are floors of memory: one buffer serves all connections,
//! a connection keeps nothing but its socket, and whatever does not come whole by one read ends it.

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::Failure;

/// How much is read at once.
pub const READ_BYTES: usize = 64 * 1024;

/// What answers what came: a response to a handshake, or frames for frames.
pub fn answer(came: &mut [u8], to: &mut Vec<u8>) -> Result<(), Failure> {
    if came.starts_with(b"GET ") {
        return respond(std::str::from_utf8(came)?, to);
    }
    let mut rest = came;
    while !rest.is_empty() {
        rest = echo(rest, to).ok_or("a frame that this does not read")?;
    }
    Ok(())
}

fn respond(request: &str, to: &mut Vec<u8>) -> Result<(), Failure> {
    let headers = request.lines().filter_map(|line| line.split_once(": "));
    let mut keys = headers.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let (_, key) = keys.next().ok_or("a request without a key")?;
    let accept = derive_accept_key(key.as_bytes());
    to.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
    to.extend_from_slice(
        format!("Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes(),
    );
    Ok(())
}

/// Unmasks one frame and sends it back, whatever it is; gives what comes behind it.
fn echo<'a>(frame: &'a mut [u8], to: &mut Vec<u8>) -> Option<&'a mut [u8]> {
    let (first, second) = (*frame.first()?, *frame.get(1)?);
    let (length, head) = match second.checked_sub(0x80)? {
        126 => (
            u16::from_be_bytes([*frame.get(2)?, *frame.get(3)?]).into(),
            4,
        ),
        127 => return None,
        short => (usize::from(short), 2),
    };
    let key: [u8; 4] = frame.get(head..head + 4)?.try_into().ok()?;
    let (frame, behind) = frame.split_at_mut_checked(head + 4 + length)?;
    to.push(first);
    match length {
        126.. => to.extend_from_slice(&[126, (length >> 8) as u8, length as u8]),
        _ => to.push(length as u8),
    }
    let payload = frame[head + 4..].iter().zip(key.iter().cycle());
    to.extend(payload.map(|(byte, key)| byte ^ key));
    Some(behind)
}
