//! Messages in a file: a line of JSON says what it is, one follows for each message, and the last says how many there are,
//! so that a file that was cut off is known for one.

use std::io::{self, BufRead, Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gumboot_stomp::{Message, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the format that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The octets of a line at most: a body of 16 MiB, all of it escaped, and its headers fit in.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    #[serde(rename = "gumboot-messages")]
    version: u32,
    #[serde(default)]
    queue: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    server: Option<String>,
}

/// A message: where it was, its headers in order, and its body, as text where it is one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    destination: String,
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    messages: u64,
}

/// A message of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The line that it stands on, counted from 1.
    pub(super) line: u64,
    pub(super) destination: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// What a server says of a delivery; it means nothing of the message in a file.
const OF_DELIVERY: [&str; 8] = [
    "ack",
    "browser",
    "content-length",
    "delivery-count",
    "destination",
    "message-id",
    "redelivered",
    "subscription",
];

/// Writes the first line.
pub(super) fn write_first(
    to: &mut impl Write,
    queue: &str,
    server: Option<&str>,
) -> io::Result<()> {
    let first = First {
        version: VERSION,
        queue: queue.to_owned(),
        time: format!("{:.3}", Timestamp::now()),
        server: server.map(str::to_owned),
    };
    write_line(to, &first)
}

/// Writes a message.
pub(super) fn write_message(to: &mut impl Write, message: &Message) -> io::Result<()> {
    let headers = message.headers();
    let headers = headers.filter(|(name, _)| !OF_DELIVERY.contains(name));
    let line = Line::new(message.destination(), headers, message.body());
    write_line(to, &line)
}

/// Writes the last line.
pub(super) fn write_last(to: &mut impl Write, messages: u64) -> io::Result<()> {
    write_line(to, &Last { messages })
}

fn write_line(to: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}

/// Reads all of a file, in order; gives how many messages there are.
///
/// # Errors
/// What is wrong with a line, or what `take` gave.
pub(super) fn read<E: From<String>>(
    from: &mut impl BufRead,
    mut take: impl FnMut(Kept) -> Result<(), E>,
) -> Result<u64, E> {
    let mut reader = Reader::new(from);
    let mut count = 0;
    while let Some(kept) = reader.next()? {
        take(kept)?;
        count += 1;
    }
    Ok(count)
}

/// Reads the messages of a file, one after the other.
pub(super) struct Reader<R> {
    from: R,
    line: u64,
    messages: u64,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            line: 0,
            messages: 0,
        }
    }

    /// The next message; none at the end.
    ///
    /// # Errors
    /// What is wrong, and with which line.
    pub(super) fn next(&mut self) -> Result<Option<Kept>, String> {
        if self.line == 0 {
            self.first()?;
        }
        let octets = self.octets()?;
        if octets.is_empty() {
            return Err(format!(
                "it was cut off: the last line, which says how many messages there are, is missing \
                 behind line {}",
                self.line - 1
            ));
        }
        if let Ok(last) = serde_json::from_slice::<Last>(&octets) {
            return self.last(&last).map(|()| None);
        }
        let line: Line = serde_json::from_slice(&octets)
            .map_err(|error| self.wrong(&format!("no message: {error}")))?;
        self.messages += 1;
        let kept = line.into_kept(self.line);
        kept.map(Some).map_err(|why| self.wrong(&why))
    }

    fn first(&mut self) -> Result<(), String> {
        let octets = self.octets()?;
        let first: First = serde_json::from_slice(&octets).map_err(|_| {
            self.wrong("not the beginning of a file that `gumboot queue export` writes")
        })?;
        if first.version != VERSION {
            return Err(self.wrong(&format!(
                "version {} of the format, and this program reads version {VERSION}",
                first.version
            )));
        }
        Ok(())
    }

    fn last(&mut self, last: &Last) -> Result<(), String> {
        if last.messages != self.messages {
            return Err(self.wrong(&format!(
                "there are to be {} messages, and there are {}",
                last.messages, self.messages
            )));
        }
        match self.octets()?.is_empty() {
            true => Ok(()),
            false => Err(self.wrong("something stands behind the end")),
        }
    }

    /// The next line; empty at the end of the file.
    fn octets(&mut self) -> Result<Vec<u8>, String> {
        self.line += 1;
        let mut octets = Vec::new();
        let mut bounded = self.from.by_ref().take(LINE_BYTES_MAX + 1);
        let read = bounded.read_until(b'\n', &mut octets);
        let count = read.map_err(|error| self.wrong(&format!("cannot be read: {error}")))?;
        if count as u64 > LINE_BYTES_MAX {
            return Err(self.wrong(&format!("more than {LINE_BYTES_MAX} bytes")));
        }
        Ok(octets)
    }

    fn wrong(&self, why: &str) -> String {
        format!("line {}: {why}", self.line)
    }
}

impl Line {
    fn new<'h>(
        destination: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
        body: &[u8],
    ) -> Self {
        // What is mostly control characters would be six times as long as text.
        let is_plain = |text: &&str| {
            let strange = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
            !text.contains(strange)
        };
        let text = str::from_utf8(body).ok().filter(is_plain);
        Self {
            destination: destination.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            text: text.map(str::to_owned),
            base64: text.is_none().then(|| STANDARD.encode(body)),
        }
    }

    fn into_kept(self, line: u64) -> Result<Kept, String> {
        let body = match (self.text, self.base64) {
            (Some(text), None) => text.into(),
            (None, Some(base64)) => {
                let body = STANDARD.decode(base64);
                body.map_err(|error| format!("base64: {error}"))?.into()
            }
            _ => return Err("a message has either text or base64".to_owned()),
        };
        let cannot_be_sent = |(name, value): &&(String, String)| {
            name.is_empty() || !Version::V1_2.can_carry(name, value)
        };
        if let Some((name, _)) = self.headers.iter().find(cannot_be_sent) {
            return Err(format!("the header {name:?} cannot be sent"));
        }
        if self.destination.is_empty() {
            return Err("the destination is empty".to_owned());
        }
        Ok(Kept {
            line,
            destination: self.destination,
            headers: self.headers,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message: its headers, and its body.
    type Written<'m> = (&'m [(&'m str, &'m str)], &'m [u8]);

    fn file(messages: &[Written<'_>]) -> Vec<u8> {
        let mut file = Vec::new();
        write_first(&mut file, "/queue/a", Some("gumboot/0")).unwrap();
        for (headers, body) in messages {
            let line = Line::new("/queue/a", headers.iter().copied(), body);
            write_line(&mut file, &line).unwrap();
        }
        write_last(&mut file, messages.len() as u64).unwrap();
        file
    }

    fn read_all(file: &[u8]) -> Result<Vec<Kept>, String> {
        let mut all = Vec::new();
        read(&mut &*file, |kept| {
            all.push(kept);
            Ok::<(), String>(())
        })?;
        Ok(all)
    }

    #[test]
    fn what_was_written_is_read() {
        let headers = [("b", "2\n:\\"), ("a", "ü🦀\r"), ("", "")];
        let bodies: [&[u8]; 6] = [
            b"",
            b"text\r\n\"\\",
            "ü".as_bytes(),
            b"\0",
            b"\xff\n",
            b"\x1b",
        ];
        let messages: Vec<_> = bodies.iter().map(|body| (&headers[..2], *body)).collect();
        let all = read_all(&file(&messages)).unwrap();
        for ((number, kept), (headers, body)) in all.iter().enumerate().zip(&messages) {
            assert_eq!(kept.line, number as u64 + 2);
            assert_eq!(kept.body, *body);
            let kept = kept.headers.iter();
            let kept: Vec<_> = kept.map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(kept, *headers);
        }
        assert_eq!(all.len(), bodies.len());
        let unnamed = read_all(&file(&[(&headers[2..], b"")]));
        assert_eq!(
            unnamed.unwrap_err(),
            "line 2: the header \"\" cannot be sent"
        );
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_known_for_one() {
        let whole = file(&[(&[("a", "b")], b"one"), (&[], b"two")]);
        // Without its last line end it is whole.
        for length in 0..whole.len() - 1 {
            assert!(read_all(&whole[..length]).is_err(), "{length}");
        }
        assert_eq!(read_all(&whole).unwrap().len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let first = r#"{"gumboot-messages":1}"#;
        let message = r#"{"destination":"/queue/a","headers":[],"text":""}"#;
        for (text, wanted) in [
            (
                "{}".to_owned(),
                "line 1: not the beginning of a file that `gumboot queue export` writes",
            ),
            (
                r#"{"gumboot-messages":2}"#.to_owned(),
                "line 1: version 2 of the format, and this program reads version 1",
            ),
            (
                format!("{first}\n{message}\n"),
                "it was cut off: the last line, which says how many messages there are, is missing \
                 behind line 2",
            ),
            (
                format!("{first}\n{message}\n{{\"messages\":2}}\n"),
                "line 3: there are to be 2 messages, and there are 1",
            ),
            (
                format!("{first}\n{{\"messages\":0}}\n{message}\n"),
                "line 3: something stands behind the end",
            ),
            (
                format!(
                    "{first}\n{}\n",
                    message.replace("text", "base64").replace("\"\"}", "\"?\"}")
                ),
                "line 2: base64: Invalid symbol 63, offset 0.",
            ),
            (
                format!("{first}\n{}\n", message.replace(",\"text\":\"\"", "")),
                "line 2: a message has either text or base64",
            ),
            (
                format!("{first}\n{}\n", message.replace("/queue/a", "")),
                "line 2: the destination is empty",
            ),
            (
                format!("{first}\n{}\n", message.replace("text", "body")),
                "line 2: no message: unknown field `body`, expected one of `destination`, `headers`, \
                 `text`, `base64` at line 1 column 45",
            ),
        ] {
            assert_eq!(read_all(text.as_bytes()).unwrap_err(), wanted);
        }
    }
}
