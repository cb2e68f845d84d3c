//! Bytes of a peer that may do anything: both roles take them, in one piece or in many, and see the same.

use gumboot_websocket_proto::DeflateParams;

use crate::peers::{Seen, feed, pair};

/// The first byte says how the rest is cut, and whether messages may be compressed.
pub fn ws_input(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else {
        return;
    };
    let params = DeflateParams {
        server_no_takeover: first & 2 == 0,
        client_no_takeover: first & 4 == 0,
        server_window_bits: 15,
        client_window_bits: 15,
    };
    let deflate = (first & 1 == 1).then_some(&params);
    let step = usize::from(first >> 3) + 1;
    let whole = pair(deflate).map(|mut connection| feed(&mut connection, bytes));
    let pieces = pair(deflate).map(|mut connection| {
        let seen = bytes
            .chunks(step)
            .flat_map(|piece| feed(&mut connection, piece));
        seen.collect::<Vec<_>>()
    });
    assert_eq!(whole, pieces);
    whole.iter().for_each(|seen| check_end(seen));
}

/// Nothing is seen after the end of a connection.
fn check_end(seen: &[Seen]) {
    let end = seen
        .iter()
        .position(|seen| matches!(seen, Seen::Close(_) | Seen::Failed(_)));
    assert!(end.is_none_or(|end| end + 1 == seen.len()), "{seen:?}");
}
