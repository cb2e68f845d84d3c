//! The bounds of a connection: what it takes from a peer, and how long it waits for one. Each has a name and a default.

use std::time::Duration;

use crate::deflate::DeflateConfig;

/// What a [`Connection`](crate::Connection) is set up with; many connections share one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How much is taken from a peer.
    pub limits: Limits,
    /// How long a peer is waited for.
    pub timing: Timing,
    /// The compression that is offered or agreed to; `None` for none.
    pub deflate: Option<DeflateConfig>,
}

impl Config {
    /// What suits a client: it lets both ends refer to earlier messages.
    #[must_use]
    pub fn client() -> Self {
        Self {
            deflate: Some(DeflateConfig::with_takeover()),
            ..Self::server()
        }
    }

    /// What suits a server of many connections: it compresses each message for itself.
    #[must_use]
    pub fn server() -> Self {
        Self {
            limits: Limits::default(),
            timing: Timing::default(),
            deflate: Some(DeflateConfig::default()),
        }
    }
}

/// How much a connection takes from its peer before it fails with the close code named at each limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Control frames (ping, pong, close) taken within one second. One more: 1008. Default 1,000.
    pub control_frames_per_second_max: u32,
    /// Frames that make up one message. One more: 1008. Default 131,072.
    pub fragments_per_message_max: u32,
    /// Payload of one frame, in bytes. A longer one: 1009, before its payload is read. Default 16 MiB.
    pub frame_bytes_max: u64,
    /// How many times longer than its compressed form a message may become, past [`Limits::inflate_bytes_free`]. Beyond
    /// it: 1009. Default 250.
    pub inflate_ratio_max: u32,
    /// A compressed message may become so long whatever its ratio, in bytes: text that repeats itself reaches 1,000 and
    /// more. Default 4 MiB.
    pub inflate_bytes_free: u64,
    /// Payload of one message, all its fragments together, in bytes. A longer one: 1009. Holds for
    /// a compressed message before and after it is inflated. Default 16 MiB.
    pub message_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            control_frames_per_second_max: 1_000,
            fragments_per_message_max: 131_072,
            frame_bytes_max: 16 << 20,
            inflate_ratio_max: 250,
            inflate_bytes_free: 4 << 20,
            message_bytes_max: 16 << 20,
        }
    }
}

/// How long a connection waits for its peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// From the moment our Close was written to the end of the connection. Past it the transport is dropped. Until then,
    /// who writes has to bound how long that takes. Default 5 s.
    pub close_wait_max: Duration,
    /// Without a byte in the middle of a frame. Past it: 1008. Default 30 s.
    pub frame_stall_max: Duration,
    /// Without a message from the peer. Past it: 1001. Default none.
    pub idle_max: Option<Duration>,
    /// Without a byte from the peer until a ping asks whether it is there; `None` for no pings. Default 30 s.
    pub ping_interval: Option<Duration>,
    /// From a ping to any byte from the peer. Past it: 1011. Default 20 s.
    pub pong_wait_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            close_wait_max: Duration::from_secs(5),
            frame_stall_max: Duration::from_secs(30),
            idle_max: None,
            ping_interval: Some(Duration::from_secs(30)),
            pong_wait_max: Duration::from_secs(20),
        }
    }
}

/// One of the [`Limits`], by name: says in an error which one was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::control_frames_per_second_max`]
    ControlFramesPerSecond,
    /// [`Limits::fragments_per_message_max`]
    FragmentsPerMessage,
    /// [`Limits::frame_bytes_max`]
    FrameBytes,
    /// [`Limits::inflate_ratio_max`]
    InflateRatio,
    /// [`Limits::message_bytes_max`]
    MessageBytes,
}

impl Limit {
    /// The name of the limit, as it is written in [`Limits`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlFramesPerSecond => "control_frames_per_second_max",
            Self::FragmentsPerMessage => "fragments_per_message_max",
            Self::FrameBytes => "frame_bytes_max",
            Self::InflateRatio => "inflate_ratio_max",
            Self::MessageBytes => "message_bytes_max",
        }
    }
}

/// One of the waits of [`Timing`], by name: says in an error which one was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// [`Timing::close_wait_max`]
    Close,
    /// [`Timing::frame_stall_max`]
    FrameStall,
    /// [`Timing::idle_max`]
    Idle,
    /// [`Timing::pong_wait_max`]
    Pong,
}

impl Wait {
    /// The name of the wait, as it is written in [`Timing`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Close => "close_wait_max",
            Self::FrameStall => "frame_stall_max",
            Self::Idle => "idle_max",
            Self::Pong => "pong_wait_max",
        }
    }
}
