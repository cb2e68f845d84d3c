//! A decoded frame as a view of the octets that hold it (STOMP 1.2, STOMP Frames).
//! What the headers of each command mean is in [`command`](crate::command).

use std::{borrow::Cow, fmt, ops::Range, str};

use bytes::Bytes;

use crate::{
    command::Command,
    escapes::{Escapes, is_plain},
    frame::layout::{HeaderSpan, Layout},
    version::Version,
};

pub(crate) mod layout;

/// One frame: a command, headers and a body.
///
/// A frame that arrived in one piece borrows the input; one that came in pieces owns its octets.
/// Either way the body is not copied, and nothing is unescaped before it is asked for.
#[derive(Clone)]
pub struct Frame<'a> {
    octets: Octets<'a>,
    layout: Layout,
    version: Option<Version>,
}

#[derive(Clone)]
enum Octets<'a> {
    Borrowed {
        octets: &'a [u8],
        /// All before the body. Each line was found to be UTF-8; so that it need not be found anew for each name and value
        /// that is asked for, it is once for all of them.
        head: &'a str,
    },
    Owned(Bytes),
}

impl Octets<'_> {
    /// A part of the head, cut where characters end.
    fn text(&self, at: Range<usize>) -> &str {
        match self {
            Self::Borrowed { head, .. } => head.get(at).unwrap_or_default(),
            Self::Owned(octets) => {
                let part = octets.get(at).unwrap_or_default();
                str::from_utf8(part).unwrap_or_default()
            }
        }
    }
}

/// A header as it came, or unescaped where it must be.
pub(crate) struct Header<'f> {
    pub(crate) name: Cow<'f, str>,
    pub(crate) value: Cow<'f, str>,
    /// Whether it is known that every version writes both as they are.
    pub(crate) is_plain: bool,
}

impl<'a> Frame<'a> {
    pub(crate) fn borrowed(octets: &'a [u8], layout: Layout, version: Option<Version>) -> Self {
        let head = octets.get(..layout.body.start).unwrap_or_default();
        let head = str::from_utf8(head).unwrap_or_default();
        Self {
            octets: Octets::Borrowed { octets, head },
            layout,
            version,
        }
    }

    /// The command.
    #[must_use]
    pub fn command(&self) -> Command {
        self.layout.command
    }

    /// The value of the first header of that name, unescaped (STOMP 1.2, Repeated Header Entries).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let span = self.find(name)?;
        Some(self.plain(self.octets.text(span.value_range())))
    }

    /// Names and values in the order on the wire, unescaped; of a repeated name only the first.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.lines().map(|header| (header.name, header.value))
    }

    /// As [`Self::headers`], and which of them are plain.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Header<'_>> {
        let spans = self.layout.headers.as_slice();
        let first = |index: usize, span| {
            let earlier = spans.get(..index).unwrap_or_default();
            let name = self.name(span);
            !earlier.iter().any(|other| self.is_named(other, name))
        };
        let firsts = spans
            .iter()
            .enumerate()
            .filter(move |(index, span)| first(*index, span));
        firsts.map(|(_, span)| Header {
            name: self.plain(self.octets.text(span.name_range())),
            value: self.plain(self.octets.text(span.value_range())),
            is_plain: self.layout.headers.are_plain(),
        })
    }

    /// The body; empty where there is none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        body(self.octets(), &self.layout)
    }

    /// The octets of the frame as they came, from the command to the NUL, for a log.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        match &self.octets {
            Octets::Borrowed { octets, .. } => octets,
            Octets::Owned(octets) => octets,
        }
    }

    /// The same frame with octets of its own; copies them when they were borrowed.
    #[must_use]
    pub fn into_owned(self) -> Frame<'static> {
        let octets = match self.octets {
            Octets::Borrowed { octets, .. } => Bytes::copy_from_slice(octets),
            Octets::Owned(octets) => octets,
        };
        Frame {
            octets: Octets::Owned(octets),
            layout: self.layout,
            version: self.version,
        }
    }

    /// Like [`Self::header`], but what lies in the input is borrowed from the input and not from
    /// the frame, so that a parsed command can leave the frame behind.
    pub(crate) fn detached(&self, name: &str) -> Option<Cow<'a, str>> {
        let span = self.find(name)?;
        match self.octets {
            Octets::Borrowed { head, .. } => {
                let value = head.get(span.value_range()).unwrap_or_default();
                Some(self.plain(value))
            }
            Octets::Owned(_) => {
                let value = self.plain(self.octets.text(span.value_range()));
                Some(value.into_owned().into())
            }
        }
    }

    /// Reads the frame by the rules of `version`: what it is for a CONNECT is known only from
    /// within.
    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = Some(version);
    }

    pub(crate) fn owned(octets: Vec<u8>, layout: Layout, version: Option<Version>) -> Self {
        Self {
            octets: Octets::Owned(octets.into()),
            layout,
            version,
        }
    }

    /// A colon, a backslash or an end of line in a name has one spelling per version, so spellings
    /// are compared. Where nothing is escaped, a name that would have to be is not there.
    fn find(&self, name: &str) -> Option<&HeaderSpan> {
        let mut spelling = Vec::new();
        let headers = &self.layout.headers;
        let wanted = if headers.are_plain() || is_plain(name) {
            name.as_bytes()
        } else {
            self.escapes().escape(&mut spelling, name);
            spelling.as_slice()
        };
        let mut spans = headers.as_slice().iter();
        spans.find(|span| self.is_named(span, wanted))
    }

    /// Whether the name of a header is spelled so.
    fn is_named(&self, span: &HeaderSpan, spelling: &[u8]) -> bool {
        // Only in 1.0 something is trimmed.
        let may_be =
            self.version == Some(Version::V1_0) || span.name_bytes as usize == spelling.len();
        may_be && self.name(span) == spelling
    }

    fn name(&self, span: &HeaderSpan) -> &[u8] {
        trim(span.name(self.octets()), self.version)
    }

    /// The text that a name or value of a header stands for.
    fn plain<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = trim_text(text, self.version);
        if self.layout.headers.are_plain() {
            Cow::Borrowed(text)
        } else {
            self.escapes().unescape(text.as_bytes())
        }
    }

    fn escapes(&self) -> Escapes {
        Escapes::of(self.version, self.layout.command)
    }
}

impl fmt::Debug for Frame<'_> {
    /// Without the passcode, since such output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("command", &self.command())
            .field("headers", &self.headers().map(shown).collect::<Vec<_>>())
            .field("body_bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Frame<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.command() == other.command()
            && self.body() == other.body()
            && self.headers().eq(other.headers())
    }
}

impl Eq for Frame<'_> {}

/// A header as a log may show it.
fn shown<'f>((name, value): (Cow<'f, str>, Cow<'f, str>)) -> (Cow<'f, str>, Cow<'f, str>) {
    let value = if name == "passcode" {
        Cow::Borrowed("…")
    } else {
        value
    };
    (name, value)
}

fn body<'o>(octets: &'o [u8], layout: &Layout) -> &'o [u8] {
    octets.get(layout.body.clone()).unwrap_or_default()
}

/// The examples of STOMP 1.0 put a space after the colon, and its clients do; later versions forbid
/// to trim (STOMP 1.2, Standard Headers).
pub(crate) fn trim(text: &[u8], version: Option<Version>) -> &[u8] {
    if version != Some(Version::V1_0) {
        return text;
    }
    let spaces = text.iter().take_while(|&&octet| octet == b' ').count();
    text.get(spaces..).unwrap_or_default()
}

fn trim_text(text: &str, version: Option<Version>) -> &str {
    if version == Some(Version::V1_0) {
        text.trim_start_matches(' ')
    } else {
        text
    }
}
