//! Compressed messages: noise never does harm, and what one end compresses the other inflates, as does an inflater that
//! knows nothing of this project.

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
    short(bits, bytes, usize::from(*second) % 16 + 1);
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

/// The longest message that is compressed in a way of our own.
const SHORT_BYTES_MAX: usize = 8 * 1024;

/// What ends a message on the wire, left out there (RFC 7692 §7.2.1), and then a stream: an empty block, its last
/// (RFC 1951 §3.2.4).
const END: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];

/// All of the bytes, so many times, as a message that refers to none before.
fn short(window_bits: u8, bytes: &[u8], times: usize) {
    let params = DeflateParams {
        server_no_takeover: true,
        client_no_takeover: true,
        server_window_bits: window_bits,
        client_window_bits: window_bits,
    };
    let [mut server, _] = pair(Some(&params));
    let mut message = bytes.repeat(times);
    message.truncate(SHORT_BYTES_MAX);
    server
        .send(Message::binary(message.clone()))
        .expect("the connection is open");
    let wire = transmit(&mut server, usize::MAX);
    let (header, header_bytes) = FrameHeader::decode(&wire)
        .expect("a header is sent")
        .expect("all of it");
    let payload = &wire[header_bytes..];
    match header.rsv1 {
        true => {
            let stream = [payload, &END].concat();
            let inflated = miniz_oxide::inflate::decompress_to_vec(&stream)
                .expect("it is a whole stream of deflate");
            assert_eq!(inflated, message);
        }
        // Too short, or it would not get shorter.
        false => assert_eq!(payload, message),
    }
}
