//! A message sent in pieces, a frame each, before its end is known (RFC 6455 §5.4).

use bytes::Bytes;

use super::{
    Connection,
    send::{Body, opcode_of},
};
use crate::{
    error::SendError,
    frame::Opcode,
    message::MessageKind,
    utf8::{InvalidUtf8, Utf8Validator},
};

/// Where a piece stands in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// It is the last.
    Last,
    /// More follow.
    More,
}

/// A message of which pieces were sent, and the last was not.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenPieces {
    kind: MessageKind,
    text: Utf8Validator,
}

impl OpenPieces {
    fn begin(kind: MessageKind) -> Self {
        Self {
            kind,
            text: Utf8Validator::default(),
        }
    }

    fn check(&mut self, piece: &[u8], place: Piece) -> Result<(), InvalidUtf8> {
        if self.kind == MessageKind::Binary {
            return Ok(());
        }
        self.text.push(piece)?;
        match place {
            Piece::Last => self.text.finish(),
            Piece::More => Ok(()),
        }
    }
}

impl Connection {
    /// Queues a piece of a message. The pieces of a message have one kind; a text may be cut anywhere, also inside of a
    /// character. They are not compressed. Until the last piece no other message can be sent; pings, pongs and a Close
    /// go between.
    ///
    /// # Errors
    /// [`SendError::Closing`] once the connection is closing, [`SendError::MessageOpen`] for a piece of another kind,
    /// [`SendError::InvalidUtf8`] for a piece with which the text is not UTF-8. Nothing was sent, and the message can
    /// go on with another piece.
    pub fn send_piece(
        &mut self,
        kind: MessageKind,
        piece: impl Into<Bytes>,
        place: Piece,
    ) -> Result<(), SendError> {
        self.check_open()?;
        let piece = piece.into();
        let (opcode, mut open) = match self.pieces.as_deref() {
            None => (opcode_of(kind), OpenPieces::begin(kind)),
            Some(open) if open.kind == kind => (Opcode::Continuation, *open),
            Some(_) => return Err(SendError::MessageOpen),
        };
        open.check(&piece, place)
            .map_err(|InvalidUtf8| SendError::InvalidUtf8)?;
        self.push_frame(place == Piece::Last, opcode, &[], Body::Shared(piece));
        self.pieces = (place == Piece::More).then(|| Box::new(open));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use gumboot_testkit::wire;

    use super::*;
    use crate::{
        Message, SharedBytes,
        connection::tests::{client, compressing, events, server, transmit},
    };

    const TEXT: MessageKind = MessageKind::Text;
    const BINARY: MessageKind = MessageKind::Binary;

    #[test]
    fn pieces_are_frames_of_one_message() {
        let mut server = server();
        server.send_piece(TEXT, "Hel", Piece::More).unwrap();
        server.ping(b"hi").unwrap();
        server.send_piece(TEXT, "", Piece::More).unwrap();
        server.send_piece(TEXT, "lo", Piece::Last).unwrap();
        server.send_piece(BINARY, "all", Piece::Last).unwrap();
        server.send(Message::text("next")).unwrap();
        let frames = [
            "01 03 | Hel",
            "89 02 | hi",
            "00 00",
            "80 02 | lo",
            "82 03 | all",
            "81 04 | next",
        ];
        assert_eq!(transmit(&mut server), frames.map(wire).concat());
    }

    #[test]
    fn the_other_end_puts_them_together() {
        for compresses in [false, true] {
            let mut pair = [server(), client()];
            if compresses {
                pair = compressing();
            }
            for (from, to) in [(0, 1), (1, 0)] {
                // As long as what is compressed, and as what is not copied.
                let piece = "κόσμε ".repeat(500).into_bytes();
                let (one, two) = piece.split_at(3333);
                pair[from]
                    .send_piece(TEXT, one.to_vec(), Piece::More)
                    .unwrap();
                pair[from]
                    .send_piece(TEXT, two.to_vec(), Piece::Last)
                    .unwrap();
                let bytes = transmit(&mut pair[from]);
                let text = format!("text {:?}", "κόσμε ".repeat(500));
                assert_eq!(events(&mut pair[to], &bytes), [text]);
            }
        }
    }

    #[test]
    fn no_other_message_goes_between() {
        let mut server = server();
        server.send_piece(TEXT, "a", Piece::More).unwrap();
        let open = Err(SendError::MessageOpen);
        let shared = SharedBytes::new(Bytes::from_static(b"tail"));
        assert_eq!(server.send(Message::text("b")), open);
        assert_eq!(server.send_copy(TEXT, b"b"), open);
        assert_eq!(server.send_uncompressed(Message::text("b")), open);
        assert_eq!(server.send_parts(TEXT, b"b", &shared), open);
        assert_eq!(server.send_piece(BINARY, "b", Piece::Last), open);
        server.close(None).unwrap();
        assert_eq!(
            transmit(&mut server),
            [wire("01 01 | a"), wire("88 00")].concat()
        );
        let closing = Err(SendError::Closing);
        assert_eq!(server.send_piece(TEXT, "b", Piece::Last), closing);
    }

    #[test]
    fn text_that_is_not_utf8_is_refused_and_the_message_goes_on() {
        let mut server = server();
        let invalid = Err(SendError::InvalidUtf8);
        assert_eq!(server.send_piece(TEXT, &b"\xff"[..], Piece::More), invalid);
        server.send_piece(TEXT, &b"\xce"[..], Piece::More).unwrap();
        assert_eq!(server.send_piece(TEXT, "", Piece::Last), invalid);
        assert_eq!(server.send_piece(TEXT, "x", Piece::More), invalid);
        server.send_piece(TEXT, &b"\xba"[..], Piece::Last).unwrap();
        assert_eq!(transmit(&mut server), wire("01 01 ce 80 01 ba"));
        server
            .send_piece(BINARY, &b"\xff"[..], Piece::Last)
            .unwrap();
    }
}
