//! From a command, headers and a body to octets, appended to a buffer of the caller (STOMP 1.2,
//! Augmented BNF). Lines end with a line feed alone, nothing follows the NUL, and a body always has
//! its `content-length`.

use std::fmt::{self, Display, Write};

use crate::{
    command::Command,
    escapes::{Escapes, is_clean},
    version::Version,
};

/// Writes one frame: the command at once, then headers, then [`end`](Self::end) or
/// [`body`](Self::body).
///
/// ```
/// use gumboot_stomp_proto::{Command, FrameWriter, Version};
///
/// let mut out = Vec::new();
/// let mut frame = FrameWriter::new(&mut out, Command::Send, Version::V1_2);
/// frame.header("destination", "/topic/a").header("time", "12:30");
/// frame.body(b"hello");
/// assert_eq!(out, b"SEND\ndestination:/topic/a\ntime:12\\c30\ncontent-length:5\n\nhello\0");
/// ```
#[derive(Debug)]
#[must_use = "a frame without an end is not a frame"]
pub struct FrameWriter<'o> {
    out: &'o mut Vec<u8>,
    escapes: Escapes,
}

impl<'o> FrameWriter<'o> {
    /// Begins a frame of `command` as `version` spells it. Before a version is agreed on, write
    /// 1.0: it escapes nothing.
    pub fn new(out: &'o mut Vec<u8>, command: Command, version: Version) -> Self {
        out.extend_from_slice(command.as_str().as_bytes());
        out.push(b'\n');
        Self {
            out,
            escapes: Escapes::of(Some(version), command),
        }
    }

    /// Goes on with the headers of a frame whose first lines are written already or elsewhere.
    pub(crate) fn resume(out: &'o mut Vec<u8>, escapes: Escapes) -> Self {
        Self { out, escapes }
    }

    /// Writes a header, escaped.
    ///
    /// One that the version cannot carry is left out: an empty name or a NUL in any, an end of line
    /// and a colon in the name in 1.0, CONNECT and CONNECTED.
    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        if !name.is_empty() && is_clean(name) && is_clean(value) {
            self.line(name, value);
            return self;
        }
        self.special(name, value)
    }

    /// The same of a name of our own, which needs no look at what is in it.
    pub(crate) fn header_of_clean_name(&mut self, name: &'static str, value: &str) -> &mut Self {
        debug_assert!(!name.is_empty() && is_clean(name));
        if is_clean(value) {
            self.line(name, value);
            return self;
        }
        self.special(name, value)
    }

    fn special(&mut self, name: &str, value: &str) -> &mut Self {
        if self.escapes.carries(name, value) {
            self.escapes.escape(self.out, name);
            self.out.push(b':');
            self.escapes.escape(self.out, value);
            self.out.push(b'\n');
        }
        self
    }

    /// Writes a header that has nothing to escape.
    pub(crate) fn line(&mut self, name: &str, value: &str) {
        self.out.reserve(name.len() + value.len() + 2);
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'\n');
    }

    /// Writes a header if there is a value for it.
    pub fn header_opt(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        value.map(|value| self.header(name, value));
        self
    }

    /// Writes a header whose value is formatted in place, escaped. The value must hold no NUL, and
    /// no end of line where the version has no escape for it.
    pub fn header_display(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.escapes.escape(self.out, name);
        self.out.push(b':');
        let mut escaped = Escaped {
            out: self.out,
            escapes: self.escapes,
        };
        // Appending to a `Vec` cannot fail; a `Display` that fails leaves a shorter value.
        let _ = write!(escaped, "{value}");
        self.out.push(b'\n');
        self
    }

    /// Ends a frame that has no body.
    pub fn end(self) {
        self.out.extend_from_slice(b"\n\0");
    }

    /// Ends the frame with a body and the header that counts it; without that header when the body
    /// is empty.
    pub fn body(mut self, body: &[u8]) {
        if !body.is_empty() {
            let mut digits = itoa::Buffer::new();
            self.line("content-length", digits.format(body.len()));
        }
        self.out.reserve(body.len() + 2);
        self.out.push(b'\n');
        self.out.extend_from_slice(body);
        self.out.push(0);
    }
}

struct Escaped<'o> {
    out: &'o mut Vec<u8>,
    escapes: Escapes,
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.escapes.escape(self.out, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(version: Version, command: Command, name: &str, value: &str) -> String {
        let mut out = Vec::new();
        let mut frame = FrameWriter::new(&mut out, command, version);
        frame.header(name, value).header_opt("none", None);
        frame.end();
        String::from_utf8(out).expect("the test writes UTF-8")
    }

    #[test]
    fn each_version_escapes_in_its_way() {
        let send = |version| write(version, Command::Send, "k", "a:b\\c\rd");
        assert_eq!(send(Version::V1_0), "SEND\nk:a:b\\c\rd\n\n\0");
        assert_eq!(send(Version::V1_1), "SEND\nk:a\\cb\\\\c\rd\n\n\0");
        assert_eq!(send(Version::V1_2), "SEND\nk:a\\cb\\\\c\\rd\n\n\0");
    }

    #[test]
    fn what_a_version_cannot_carry_is_left_out() {
        assert_eq!(
            write(Version::V1_0, Command::Send, "a:b", "c"),
            "SEND\n\n\0"
        );
        assert_eq!(
            write(Version::V1_0, Command::Send, "a", "b\nc"),
            "SEND\n\n\0"
        );
        assert_eq!(
            write(Version::V1_2, Command::Send, "a", "b\0c"),
            "SEND\n\n\0"
        );
        assert_eq!(
            write(Version::V1_2, Command::Connected, "a", "b\r"),
            "CONNECTED\n\n\0"
        );
    }

    #[test]
    fn connect_frames_are_never_escaped() {
        for command in [Command::Connect, Command::Stomp, Command::Connected] {
            let frame = write(Version::V1_2, command, "passcode", "a:b\\c");
            assert_eq!(frame, format!("{command}\npasscode:a:b\\c\n\n\0"));
        }
    }

    #[test]
    fn a_body_is_counted_and_an_empty_one_is_not() {
        let body = |body: &[u8]| {
            let mut out = Vec::new();
            FrameWriter::new(&mut out, Command::Send, Version::V1_2).body(body);
            out
        };
        assert_eq!(body(b"a\0b"), b"SEND\ncontent-length:3\n\na\0b\0");
        assert_eq!(body(b""), b"SEND\n\n\0");
    }
}
