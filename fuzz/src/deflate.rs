//! Compressed messages: noise never does harm, and what one end compresses the other inflates.

use gumboot_websocket_proto::{DeflateParams, FrameHeader, Message, Opcode};

use crate::peers::{Seen, feed, pair, transmit};

/// The first byte chooses the parameters, the second divides the rest into messages.
pub fn deflate(data: &[u8]) {
    let [first, second, bytes @ ..] = data else {
        return;
    };
    let bits = 8 + (first >> 1) % 8;
    let params = DeflateParams {
        server_no_takeover: first & 1 == 0,
        client_no_takeover: first & 1 == 0,
        server_window_bits: bits,
        client_window_bits: bits,
    };
    let step = usize::from(*second) + 1;
    noise(&params, bytes, step);
    there_and_back(&params, bytes, step);
}

/// Each piece of the bytes as the payload of a compressed message.
fn noise(params: &DeflateParams, bytes: &[u8], step: usize) {
    let [_, mut client] = pair(Some(params));
    for piece in bytes.chunks(step) {
        let mut frame = Vec::new();
        FrameHeader {
            fin: true,
            rsv1: true,
            opcode: Opcode::Binary,
            mask: None,
            payload_bytes: piece.len() as u64,
        }
        .encode(&mut frame);
        frame.extend_from_slice(piece);
        feed(&mut client, &frame);
    }
}

/// Each piece of the bytes as a message, long enough to be compressed.
fn there_and_back(params: &DeflateParams, bytes: &[u8], step: usize) {
    let [mut server, mut client] = pair(Some(params));
    for (number, piece) in bytes.chunks(step).enumerate() {
        let message = Message::binary(piece.repeat(200 / piece.len() + 1));
        let (from, to) = match number % 2 {
            0 => (&mut server, &mut client),
            _ => (&mut client, &mut server),
        };
        from.send(message.clone()).expect("the connection is open");
        let wire = transmit(from, usize::MAX);
        assert_eq!(feed(to, &wire), [Seen::Message(message)]);
    }
}
