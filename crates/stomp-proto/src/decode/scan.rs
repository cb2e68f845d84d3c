//! The search for the parts of one frame, which stops where the octets end and goes on there when
//! more have come: no octet is searched twice for the same thing, however small the pieces.

use std::{mem, ops::Range};

use memchr::{memchr, memchr2};

use crate::{
    command::Command,
    decode::{
        Rules,
        header::{self, Line, LineLimit},
    },
    error::{Error, ErrorKind},
    escapes::Escapes,
    frame::{
        layout::{HeaderSpan, HeaderSpans, Layout},
        trim,
    },
    limits::{Limit, Limits},
    version::Version,
};

/// How far a frame has been understood. Offsets count from its first octet.
#[derive(Debug, Default)]
pub(super) struct Scan {
    phase: Phase,
    headers: HeaderSpans,
    content_length: Option<u32>,
    /// Where the first header begins.
    headers_start: usize,
    /// Where the line under way begins; after the headers, the body.
    line_start: usize,
    /// Everything before has been searched.
    searched: usize,
}

#[derive(Debug, Clone, Copy, Default)]
enum Phase {
    #[default]
    Command,
    Headers(Command),
    Body(Command, BodyEnd),
}

#[derive(Debug, Clone, Copy)]
enum BodyEnd {
    /// At that offset stands the NUL.
    At(usize),
    /// The first NUL ends the body.
    Nul,
}

impl Scan {
    /// Goes on in `octets`, which are those of the calls before and more; the layout once the frame
    /// is whole.
    pub(super) fn advance(
        &mut self,
        octets: &[u8],
        rules: Rules<'_>,
    ) -> Result<Option<Layout>, ErrorKind> {
        if let Phase::Command = self.phase {
            let Some(command) = self.command(octets)? else {
                return Ok(None);
            };
            self.phase = Phase::Headers(command);
        }
        if let Phase::Headers(command) = self.phase {
            let Some(end) = self.headers(octets, command, rules)? else {
                return Ok(None);
            };
            self.phase = Phase::Body(command, end);
        }
        match self.phase {
            Phase::Body(command, BodyEnd::At(at)) => self.counted_body(octets, command, at),
            Phase::Body(command, BodyEnd::Nul) => self.open_body(octets, command, rules.limits),
            Phase::Command | Phase::Headers(_) => Ok(None),
        }
    }

    /// How many octets of `rest` to append to the `have` octets that are there: never more than
    /// belong to the frame, and at most one more than a limit allows.
    pub(super) fn wanted(&self, have: usize, rest: &[u8], limits: &Limits) -> usize {
        let through = |octet| memchr(octet, rest).map_or(rest.len(), |at| at + 1);
        let room = |max: usize| (self.line_start + max + 1).saturating_sub(have).max(1);
        match self.phase {
            Phase::Command => through(b'\n').min(room(Command::BYTES_MAX + 1)),
            Phase::Headers(_) => through(b'\n').min(room(limits.header_bytes_max as usize + 1)),
            Phase::Body(_, BodyEnd::At(at)) => (at + 1).saturating_sub(have).max(1),
            Phase::Body(_, BodyEnd::Nul) => through(0).min(room(limits.body_bytes_max as usize)),
        }
    }

    /// The size that the whole frame can have, by what is known of it.
    pub(super) fn frame_bytes_max(&self, limits: &Limits) -> usize {
        match self.phase {
            Phase::Body(_, BodyEnd::At(at)) => at + 1,
            Phase::Body(_, BodyEnd::Nul) => self.line_start + limits.body_bytes_max as usize + 1,
            Phase::Command | Phase::Headers(_) => usize::MAX,
        }
    }

    /// The error, with the receipt that the frame has asked for so far (STOMP 1.2, ERROR).
    pub(super) fn error(&self, kind: ErrorKind, octets: &[u8], version: Option<Version>) -> Error {
        let (Phase::Headers(command) | Phase::Body(command, _)) = self.phase else {
            return kind.into();
        };
        if command.opens_session() {
            return kind.into();
        }
        let mut spans = self.headers.as_slice().iter();
        let receipt = spans.find(|span| trim(span.name(octets), version) == b"receipt");
        let escapes = Escapes::of(version, command);
        let value = receipt.map(|span| escapes.unescape(trim(span.value(octets), version)));
        Error::with_receipt(kind, value)
    }

    /// The command, once its line is there. What can become no command is refused at once.
    fn command(&mut self, octets: &[u8]) -> Result<Option<Command>, ErrorKind> {
        let begun = octets
            .get(..octets.len().min(Command::BYTES_MAX + 2))
            .unwrap_or_default();
        let Some(end) = memchr(b'\n', begun) else {
            let hopeful = Command::may_become(begun);
            return if hopeful {
                Ok(None)
            } else {
                Err(ErrorKind::CommandUnknown)
            };
        };
        let line = self.take_line(octets, end);
        self.headers_start = self.line_start;
        let command = octets.get(line).and_then(Command::parse);
        command.map(Some).ok_or(ErrorKind::CommandUnknown)
    }

    /// Takes header lines; how the body ends, once the blank line is there.
    fn headers(
        &mut self,
        octets: &[u8],
        command: Command,
        rules: Rules<'_>,
    ) -> Result<Option<BodyEnd>, ErrorKind> {
        while let Some(line) = self.header_line(octets, rules.limits)? {
            if line.is_empty() {
                return self.body_end(command).map(Some);
            }
            self.on_header(octets, line, command, rules)?;
        }
        Ok(None)
    }

    /// A header line without its end, once all of it is there.
    ///
    /// A NUL is refused, though the grammar has room for it: it is a frame that lacks its blank
    /// line, or a header made to look like the end of a frame to a receiver that cuts at NUL.
    fn header_line(
        &mut self,
        octets: &[u8],
        limits: &Limits,
    ) -> Result<Option<Range<usize>>, ErrorKind> {
        let unsearched = octets.get(self.searched..).unwrap_or_default();
        let found = memchr2(b'\n', 0, unsearched).map(|at| self.searched + at);
        self.searched = octets.len();
        let line_limit = LineLimit::new(limits, self.line_start - self.headers_start);
        // The last octet may turn out to be the carriage return of the end of line.
        let arrived = found.unwrap_or(octets.len()) - self.line_start;
        line_limit.check(arrived.saturating_sub(1))?;
        let Some(end) = found else { return Ok(None) };
        if octets.get(end) == Some(&0) {
            return Err(ErrorKind::HeaderNul);
        }
        let line = self.take_line(octets, end);
        line_limit.check(line.len())?;
        Ok(Some(line))
    }

    /// The line up to the line feed at `end`, without a carriage return before that, which STOMP
    /// 1.2 allows and clients of all versions send (STOMP 1.2, STOMP Frames).
    fn take_line(&mut self, octets: &[u8], end: usize) -> Range<usize> {
        let line = self.line_start..end;
        self.line_start = end + 1;
        self.searched = end + 1;
        let has_cr = octets
            .get(line.clone())
            .is_some_and(|line| line.ends_with(b"\r"));
        line.start..line.end - usize::from(has_cr)
    }

    fn on_header(
        &mut self,
        octets: &[u8],
        line: Range<usize>,
        command: Command,
        rules: Rules<'_>,
    ) -> Result<(), ErrorKind> {
        let max = rules.limits.headers_max;
        if self.headers.as_slice().len() >= max as usize {
            return Err(ErrorKind::TooBig {
                limit: Limit::Headers,
                max,
            });
        }
        let start = line.start as u32;
        let Line {
            name,
            value,
            is_plain,
        } = header::split(octets.get(line).unwrap_or_default(), command, rules.version)?;
        if self.content_length.is_none() && trim(name, rules.version) == b"content-length" {
            self.content_length = Some(header::content_length(value, rules)?);
        }
        let (name_bytes, value_bytes) = (name.len() as u32, value.len() as u32);
        let span = HeaderSpan {
            start,
            name_bytes,
            value_bytes,
        };
        self.headers.push(span, is_plain);
        Ok(())
    }

    /// How the body that begins now ends (STOMP 1.2, Body and Header content-length).
    fn body_end(&self, command: Command) -> Result<BodyEnd, ErrorKind> {
        match self.content_length {
            Some(1..) if !command.may_have_body() => Err(ErrorKind::BodyForbidden(command)),
            None if command.may_have_body() => Ok(BodyEnd::Nul),
            count => Ok(BodyEnd::At(self.line_start + count.unwrap_or(0) as usize)),
        }
    }

    fn counted_body(
        &mut self,
        octets: &[u8],
        command: Command,
        at: usize,
    ) -> Result<Option<Layout>, ErrorKind> {
        match octets.get(at) {
            None => Ok(None),
            Some(0) => Ok(Some(self.layout(command, at))),
            Some(_) if command.may_have_body() => Err(ErrorKind::ContentLengthMismatch),
            Some(_) => Err(ErrorKind::BodyForbidden(command)),
        }
    }

    fn open_body(
        &mut self,
        octets: &[u8],
        command: Command,
        limits: &Limits,
    ) -> Result<Option<Layout>, ErrorKind> {
        let unsearched = octets.get(self.searched..).unwrap_or_default();
        let found = memchr(0, unsearched).map(|at| self.searched + at);
        self.searched = octets.len();
        let arrived = found.unwrap_or(octets.len()) - self.line_start;
        let max = limits.body_bytes_max;
        if arrived > max as usize {
            return Err(ErrorKind::TooBig {
                limit: Limit::BodyBytes,
                max,
            });
        }
        Ok(found.map(|end| self.layout(command, end)))
    }

    fn layout(&mut self, command: Command, body_end: usize) -> Layout {
        let headers = mem::take(&mut self.headers);
        Layout {
            command,
            headers,
            body: self.line_start..body_end,
        }
    }
}
