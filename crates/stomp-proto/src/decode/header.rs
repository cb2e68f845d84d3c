//! One header line: how long it may be, and its name and value (STOMP 1.2, Value Encoding).
//! Where a line ends is found by `scan`.

use std::str;

use memchr::{memchr, memchr2, memchr3};

use crate::{
    command::Command,
    decode::Rules,
    error::ErrorKind,
    escapes::Escapes,
    frame::trim,
    limits::{Limit, Limits},
    version::Version,
};

/// How long a line may be, and which limit says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineLimit {
    room: u32,
    limit: Limit,
    max: u32,
}

impl LineLimit {
    /// The limit of a line that begins `used` octets after the first header.
    pub(super) fn new(limits: &Limits, used: usize) -> Self {
        let left = limits.headers_bytes_max.saturating_sub(used as u32);
        if left < limits.header_bytes_max {
            return Self {
                room: left,
                limit: Limit::HeadersBytes,
                max: limits.headers_bytes_max,
            };
        }
        let max = limits.header_bytes_max;
        Self {
            room: max,
            limit: Limit::HeaderBytes,
            max,
        }
    }

    /// Refuses a line of so many octets.
    pub(super) fn check(self, bytes: usize) -> Result<(), ErrorKind> {
        let Self { room, limit, max } = self;
        if bytes > room as usize {
            Err(ErrorKind::TooBig { limit, max })
        } else {
            Ok(())
        }
    }
}

/// A header line, checked but not unescaped.
pub(super) struct Line<'o> {
    pub(super) name: &'o [u8],
    pub(super) value: &'o [u8],
    /// Whether every version writes both as they are.
    pub(super) is_plain: bool,
}

/// Name and value of a header line (STOMP 1.2, Value Encoding). Nearly all are plain, so what only others can break is
/// looked at only in those.
pub(super) fn split(
    line: &[u8],
    command: Command,
    version: Option<Version>,
) -> Result<Line<'_>, ErrorKind> {
    str::from_utf8(line).map_err(|_| ErrorKind::Utf8Invalid)?;
    if let Some(colon) = memchr(b':', line)
        && let (name, [_, value @ ..]) = line.split_at(colon)
        && memchr2(b'\\', b'\r', name).is_none()
        && memchr3(b'\\', b'\r', b':', value).is_none()
        && !trim(name, version).is_empty()
    {
        let is_plain = true;
        return Ok(Line {
            name,
            value,
            is_plain,
        });
    }
    split_special(line, command, version)
}

fn split_special(
    line: &[u8],
    command: Command,
    version: Option<Version>,
) -> Result<Line<'_>, ErrorKind> {
    let escapes = Escapes::of(version, command);
    // Before STOMP 1.2 a carriage return is data, and there is no escape for it.
    if escapes == Escapes::V1_2 && memchr(b'\r', line).is_some() {
        return Err(ErrorKind::CarriageReturn);
    }
    // Clients that escape no colons send values with colons, so the first one divides.
    let colon = memchr(b':', line).ok_or(ErrorKind::HeaderWithoutColon)?;
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default();
    if trim(name, version).is_empty() {
        return Err(ErrorKind::HeaderNameEmpty);
    }
    escapes.check(name)?;
    escapes.check(value)?;
    let is_plain = false;
    Ok(Line {
        name,
        value,
        is_plain,
    })
}

/// The number that a `content-length` header gives (STOMP 1.2, Header content-length).
pub(super) fn content_length(value: &[u8], rules: Rules<'_>) -> Result<u32, ErrorKind> {
    // A CONNECT may turn out to be of STOMP 1.0, whose clients put a space after the colon.
    let digits = trim(value, rules.version.or(Some(Version::V1_0)));
    let text = str::from_utf8(digits)
        .ok()
        .filter(|_| digits.iter().all(u8::is_ascii_digit));
    let count: u64 = text
        .and_then(|text| text.parse().ok())
        .ok_or(ErrorKind::ContentLengthInvalid)?;
    let max = rules.limits.body_bytes_max;
    let within = u32::try_from(count).ok().filter(|&count| count <= max);
    within.ok_or(ErrorKind::TooBig {
        limit: Limit::BodyBytes,
        max,
    })
}
