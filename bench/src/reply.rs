//! What servers send, cut into frames where it lies. It shares no code with the server under test.

/// A frame, as it lies in the buffer. Headers are not unescaped: those that are asked for have nothing to escape.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) command: &'a [u8],
    headers: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Reply<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers
            .split(|byte| *byte == b'\n')
            .find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))
            .map(|value| value.strip_suffix(b"\r").unwrap_or(value))
    }

    /// The frame as an error says it.
    pub(crate) fn shown(&self) -> String {
        let parts = [self.command, self.headers, self.body];
        String::from_utf8_lossy(&parts.join(&b'\n'))
            .trim()
            .to_owned()
    }
}

/// Bytes as they arrive.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    bytes: Vec<u8>,
    taken: usize,
}

impl Replies {
    /// Where what arrives is put.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        &mut self.bytes
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Option<Reply<'_>> {
        let skipped = self.bytes[self.taken..]
            .iter()
            .take_while(|byte| matches!(**byte, b'\n' | b'\r'))
            .count();
        self.taken += skipped;
        let frame = parse(&self.bytes[self.taken..]);
        let (reply, length) = frame?;
        self.taken += length;
        Some(reply)
    }
}

/// A whole frame, and how long it is.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Reply<'_>, usize)> {
    let end = bytes
        .windows(2)
        .position(|two| two == b"\n\n")
        .map(|at| (at, at + 2));
    let (head_end, body_at) = end?;
    let head = &bytes[..head_end];
    let line_end = head.iter().position(|byte| *byte == b'\n');
    let (command, headers) = head.split_at(line_end.unwrap_or(head.len()));
    let mut reply = Reply {
        command,
        headers: headers.strip_prefix(b"\n").unwrap_or(headers),
        body: &[],
    };
    let rest = &bytes[body_at..];
    let length = reply
        .header("content-length")
        .and_then(crate::target::number)
        .and_then(|length| usize::try_from(length).ok());
    let length = match length {
        Some(length) => length,
        None => rest.iter().position(|byte| *byte == 0)?,
    };
    (rest.len() > length).then(|| {
        reply.body = &rest[..length];
        (reply, body_at + length + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_wherever_they_are_cut() {
        let wire = b"RECEIPT\nreceipt-id:7\n\n\0\n\nMESSAGE\ncontent-length:3\na:b\n\na\0c\0RECEIPT\n\nb\0";
        for cut in 0..=wire.len() {
            let mut replies = Replies::default();
            let mut found = Vec::new();
            for part in [&wire[..cut], &wire[cut..]] {
                replies.room().extend_from_slice(part);
                while let Some(reply) = replies.next() {
                    let id = reply.header("receipt-id").map(<[u8]>::to_vec);
                    found.push((reply.command.to_vec(), id, reply.body.to_vec()));
                }
            }
            let expected = [
                (b"RECEIPT".to_vec(), Some(b"7".to_vec()), vec![]),
                (b"MESSAGE".to_vec(), None, b"a\0c".to_vec()),
                (b"RECEIPT".to_vec(), None, b"b".to_vec()),
            ];
            assert_eq!(found, expected, "cut at {cut}");
        }
    }
}
