//! Standard input in pieces: each line, or the whole.

use std::{
    io::{BufRead, Read},
    ops::ControlFlow,
};

/// What of standard input is one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A line, without its end.
    Line,
    /// All there is, with its line ends.
    Whole,
}

/// The bytes of a piece at most.
pub(super) const PIECE_BYTES_MAX: u64 = 64 << 20;

/// Reads `from` to its end, or until `take` breaks.
///
/// # Errors
/// It cannot be read, a piece is too long, or `take` says what is wrong with it.
pub(super) fn read(
    piece: Piece,
    from: &mut impl BufRead,
    mut take: impl FnMut(Vec<u8>) -> Result<ControlFlow<()>, String>,
) -> Result<(), String> {
    let mut number = 0_u64;
    loop {
        number += 1;
        let mut bytes = Vec::new();
        let mut bounded = from.by_ref().take(PIECE_BYTES_MAX + 1);
        let read = match piece {
            Piece::Whole => bounded.read_to_end(&mut bytes),
            Piece::Line => bounded.read_until(b'\n', &mut bytes),
        };
        let count = read.map_err(|error| format!("cannot read standard input: {error}"))?;
        if count == 0 && !(piece == Piece::Whole && number == 1) {
            return Ok(());
        }
        let wrong = |why: &str| format!("standard input, line {number}: {why}");
        if count as u64 > PIECE_BYTES_MAX {
            return Err(wrong(&format!("more than {PIECE_BYTES_MAX} bytes")));
        }
        if piece == Piece::Line {
            trim_end(&mut bytes);
        }
        if take(bytes).map_err(|why| wrong(&why))?.is_break() {
            return Ok(());
        }
    }
}

/// Takes the line end away.
fn trim_end(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, repeat};

    use super::*;

    #[test]
    fn who_has_had_enough_gets_no_more() {
        let mut lines = Vec::new();
        let result = read(Piece::Line, &mut &b"a\nb\nc\n"[..], |line| {
            lines.push(line);
            Ok(match lines.len() {
                2 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
        });
        assert_eq!(
            (lines, result),
            (vec![b"a".to_vec(), b"b".to_vec()], Ok(()))
        );
    }

    #[test]
    fn a_piece_has_a_bound() {
        for (length, wanted) in [
            (PIECE_BYTES_MAX, Ok(())),
            (
                PIECE_BYTES_MAX + 1,
                Err("standard input, line 1: more than 67108864 bytes".to_owned()),
            ),
        ] {
            let mut input = BufReader::new(repeat(b'a').take(length));
            let result = read(Piece::Whole, &mut input, |_| Ok(ControlFlow::Continue(())));
            assert_eq!(result, wanted, "{length}");
        }
    }
}
