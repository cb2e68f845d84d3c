//! What comes back on one connection, held against what must come.

use flate2::{Decompress, FlushDecompress, Status};

use super::script::{Carrier, Script};
use crate::Failure;

/// The state of one connection's answers.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Bytes that are known beforehand: how many have come.
    Known(u64),
    /// Frames whose content is compressed, as the server likes.
    Compressed(Box<Compressed>),
}

impl Incoming {
    pub(super) fn new(script: &Script) -> Self {
        match script.carrier {
            Carrier::Raw | Carrier::Plain => Self::Known(0),
            Carrier::Compressed => Self::Compressed(Box::default()),
        }
    }

    /// Takes what has come, given how many messages came before, and gives how many more are whole now.
    pub(super) fn take(
        &mut self,
        script: &Script,
        echoes: u64,
        bytes: &[u8],
    ) -> Result<u64, Failure> {
        match self {
            Self::Known(place) => take_known(place, script, echoes, bytes),
            Self::Compressed(compressed) => compressed.take(script, echoes, bytes),
        }
    }

    /// How many messages have come, with the part of the one that is on its way where that is known.
    pub(super) fn progress(&self, script: &Script, echoes: u64) -> f64 {
        match self {
            Self::Known(place) => script.expected.frames_before(*place),
            Self::Compressed(_) => echoes as f64,
        }
    }
}

fn take_known(
    place: &mut u64,
    script: &Script,
    echoes: u64,
    mut bytes: &[u8],
) -> Result<u64, Failure> {
    let expected = &script.expected;
    while !bytes.is_empty() {
        let piece = expected.piece(*place, *place + bytes.len() as u64);
        let (now, later) = bytes.split_at(piece.len());
        if now != piece {
            let at = now
                .iter()
                .zip(piece)
                .take_while(|(one, other)| one == other);
            let place = *place + at.count() as u64;
            return Err(format!("wrong echo: byte {place} of the answers differs").into());
        }
        *place += now.len() as u64;
        bytes = later;
    }
    let mut whole = 0;
    while expected.begin(echoes + whole + 1) <= *place {
        whole += 1;
    }
    Ok(whole)
}

/// Compressed answers. RFC 7692 §6, §7.2.2.
#[derive(Debug)]
pub(super) struct Compressed {
    /// What has come of a frame that is not whole.
    pending: Vec<u8>,
    inflate: Decompress,
    message: Vec<u8>,
}

impl Default for Compressed {
    fn default() -> Self {
        Self {
            pending: Vec::new(),
            inflate: Decompress::new(false),
            message: Vec::new(),
        }
    }
}

impl Compressed {
    fn take(&mut self, script: &Script, echoes: u64, bytes: &[u8]) -> Result<u64, Failure> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let (mut used, mut whole) = (0, 0);
        while let Some((payload, length)) = first_payload(script.opcode, &pending[used..])? {
            let payload = &pending[used + payload..used + length];
            let count = script.payloads.len() as u64;
            let expected = &script.payloads[((echoes + whole) % count) as usize];
            self.inflate(payload, expected.len())?;
            if self.message != *expected {
                return Err(format!("wrong echo: message {} differs", echoes + whole).into());
            }
            used += length;
            whole += 1;
        }
        pending.drain(..used);
        self.pending = pending;
        Ok(whole)
    }

    /// Inflates a message that should have so many bytes. The window stays: a server that takes nothing over does not refer
    /// to it.
    fn inflate(&mut self, payload: &[u8], bytes: usize) -> Result<(), Failure> {
        const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
        self.message.clear();
        // One byte more, so that a message that is too long is seen.
        self.message.reserve(bytes + 1);
        for part in [payload, &TAIL] {
            let status =
                self.inflate
                    .decompress_vec(part, &mut self.message, FlushDecompress::Sync)?;
            if status == Status::StreamEnd {
                // The last block says that it is the last (§7.2.3.4): nothing can refer to what came before.
                self.inflate.reset(false);
                break;
            }
        }
        Ok(())
    }
}

/// Where the payload of the first frame begins and ends, if the frame is whole.
fn first_payload(opcode: u8, bytes: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(&[first, second]) = bytes.first_chunk() else {
        return Ok(None);
    };
    if first != 0xc0 | opcode {
        return Err(
            format!("wrong echo: a frame begins with {first:#04x}: is it compressed?").into(),
        );
    }
    let (begin, length): (_, usize) = match second {
        126 => match bytes[2..].first_chunk() {
            Some(&length) => (4, u16::from_be_bytes(length).into()),
            None => return Ok(None),
        },
        ..126 => (2, second.into()),
        _ => return Err("wrong echo: a frame is far too long".into()),
    };
    let end = begin + length;
    Ok((bytes.len() >= end).then_some((begin, end)))
}

#[cfg(test)]
mod tests {
    use super::super::payload::Kind;
    use super::super::script::{deflate, frame};
    use super::*;

    fn script(carrier: Carrier) -> Script {
        Script::new(Kind::Json, 700, carrier).expect("it can be made")
    }

    /// The script's own messages in the frames of a server that does as it should.
    fn answers(script: &Script, count: u64) -> Vec<u8> {
        let payloads = script.payloads.iter().cycle().take(count as usize);
        let frames = payloads
            .zip(0..)
            .map(|(payload, index)| match script.carrier {
                Carrier::Raw => {
                    let sent = &script.sent;
                    sent.piece(sent.begin(index), sent.begin(index + 1))
                        .to_vec()
                }
                Carrier::Plain => frame(script.opcode, false, None, payload),
                Carrier::Compressed => compressed(script, payload),
            });
        frames.collect::<Vec<Vec<u8>>>().concat()
    }

    fn compressed(script: &Script, payload: &[u8]) -> Vec<u8> {
        let compressed = deflate(payload).expect("it gets shorter");
        frame(script.opcode, true, None, &compressed)
    }

    /// How many messages are taken for whole, in pieces of so many bytes.
    fn taken(script: &Script, bytes: &[u8], piece: usize) -> Result<u64, Failure> {
        let mut incoming = Incoming::new(script);
        let mut echoes = 0;
        for piece in bytes.chunks(piece) {
            echoes += incoming.take(script, echoes, piece)?;
        }
        Ok(echoes)
    }

    const CARRIERS: [Carrier; 3] = [Carrier::Raw, Carrier::Plain, Carrier::Compressed];

    #[test]
    fn right_echoes_are_counted_however_they_are_cut() {
        for carrier in CARRIERS {
            let script = script(carrier);
            let bytes = answers(&script, 40);
            for piece in [1, 7, 699, 5_000, bytes.len()] {
                assert_eq!(taken(&script, &bytes, piece).expect("all is right"), 40);
            }
            let short = &bytes[..bytes.len() - 1];
            assert_eq!(taken(&script, short, 100).expect("all is right"), 39);
        }
    }

    #[test]
    fn a_wrong_byte_is_found_wherever_it_is() {
        for carrier in [Carrier::Raw, Carrier::Plain] {
            let script = script(carrier);
            let right = answers(&script, 20);
            for at in (0..right.len()).step_by(23).chain([1, right.len() - 1]) {
                let mut wrong = right.clone();
                wrong[at] ^= 0x10;
                assert!(
                    taken(&script, &wrong, 1_000).is_err(),
                    "{carrier:?}: byte {at}"
                );
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_found_behind_compression() {
        let script = script(Carrier::Compressed);
        let right = &script.payloads[0];
        for at in (0..right.len()).step_by(23).chain([right.len() - 1]) {
            let mut wrong = right.clone();
            wrong[at] ^= 0x10;
            let frame = compressed(&script, &wrong);
            assert!(taken(&script, &frame, 1_000).is_err(), "byte {at}");
        }
        let longer = compressed(&script, &[right, &b" "[..]].concat());
        assert!(taken(&script, &longer, 1_000).is_err());
        let shorter = compressed(&script, &right[1..]);
        assert!(taken(&script, &shorter, 1_000).is_err());
    }

    #[test]
    fn another_message_is_no_echo() {
        for carrier in CARRIERS {
            let script = script(carrier);
            let bytes = answers(&script, 2);
            let first = answers(&script, 1).len();
            assert!(taken(&script, &bytes[first..], 100).is_err());
        }
    }

    #[test]
    fn an_echo_without_compression_is_refused() {
        let plain = answers(&script(Carrier::Plain), 1);
        assert!(taken(&script(Carrier::Compressed), &plain, plain.len()).is_err());
    }
}
