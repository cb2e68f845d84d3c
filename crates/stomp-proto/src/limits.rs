//! Every bound of this crate, by name. Going past one is an ERROR and the end of the connection
//! (STOMP 1.2, Size Limits).

use std::fmt;

/// What a peer may send, and how long it may take.
///
/// The number of octets of a whole frame is bounded by the sum of `headers_bytes_max` and
/// `body_bytes_max` and a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The octets of one header line without its end of line. Default: 16 KiB.
    pub header_bytes_max: u32,
    /// The number of header lines of a frame, repeated ones included. Default: 128.
    pub headers_max: u32,
    /// The octets of all header lines of a frame together. Default: 64 KiB.
    pub headers_bytes_max: u32,
    /// The octets of a body. Default: 16 MiB.
    pub body_bytes_max: u32,
    /// How long a peer may take to send CONNECT, or to answer it, from the start of the session. Default: 10,000 ms.
    pub login_ms_max: u32,
    /// How long a frame that has begun may stay unfinished with nothing arriving. Default: 30,000
    /// ms.
    pub frame_stall_ms_max: u32,
}

impl Limits {
    /// What a peer may send before it has logged in: a whole frame stays below 64 KiB.
    #[must_use]
    pub const fn before_login() -> Self {
        Self {
            header_bytes_max: 16 << 10,
            headers_max: 64,
            headers_bytes_max: 32 << 10,
            body_bytes_max: 16 << 10,
            login_ms_max: 10_000,
            frame_stall_ms_max: 30_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers_max: 128,
            headers_bytes_max: 64 << 10,
            body_bytes_max: 16 << 20,
            ..Self::before_login()
        }
    }
}

/// Which limit on a frame was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::body_bytes_max`].
    BodyBytes,
    /// [`Limits::header_bytes_max`].
    HeaderBytes,
    /// [`Limits::headers_max`].
    Headers,
    /// [`Limits::headers_bytes_max`].
    HeadersBytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BodyBytes => "octets in the body",
            Self::HeaderBytes => "octets in one header",
            Self::Headers => "headers in a frame",
            Self::HeadersBytes => "octets in the headers of a frame",
        })
    }
}
