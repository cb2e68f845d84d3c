//! From octets to frames, however they are cut (STOMP 1.2, Augmented BNF).
//! What a frame means, and which may come when, is for the sessions.

use crate::{
    decode::scan::Scan,
    error::{Error, ErrorKind},
    frame::Frame,
    input::Input,
    limits::Limits,
    version::Version,
};

mod header;
mod scan;

/// Finds the frames in what arrives.
///
/// A frame that lies whole in one input is a view of it. Only the octets of a frame that has begun
/// and not ended are kept, and memory is taken for those that have arrived, never for what a
/// `content-length` promises. An idle decoder holds none.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    version: Option<Version>,
    /// A carriage return came between two frames, its line feed did not yet.
    cr_pending: bool,
    partial: Option<Box<Partial>>,
}

/// What [`Decoder::decode`] found.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// A whole frame.
    Frame(Frame<'a>),
    /// One end of line between frames, which is what an idle peer sends (STOMP 1.2, Heart-beating).
    HeartBeat,
}

/// What octets are held to.
#[derive(Debug, Clone, Copy)]
struct Rules<'r> {
    version: Option<Version>,
    limits: &'r Limits,
}

/// A frame that has begun and not ended.
#[derive(Debug, Default)]
struct Partial {
    octets: Vec<u8>,
    scan: Scan,
}

impl Decoder {
    /// A decoder for the start of a session, when no version has been agreed on.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            version: None,
            cr_pending: false,
            partial: None,
        }
    }

    /// Reads what follows by the rules of `version`. Call it between frames.
    pub const fn set_version(&mut self, version: Version) {
        self.version = Some(version);
    }

    /// Holds what follows to `limits`.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The limits in force.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The version in force, if one has been agreed on.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// The next frame or heart-beat; `None` when `input` is used up. Call it until then.
    ///
    /// # Errors
    /// When the peer breaks the rules or passes a limit, as early as that can be known. What
    /// follows an error means nothing: close the connection.
    pub fn decode<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Decoded<'a>>, Error> {
        let decoded = match self.partial.take() {
            Some(partial) => self.resume(partial, input)?,
            None if self.skip_to_frame(input)? => return Ok(Some(Decoded::HeartBeat)),
            None if input.is_empty() => None,
            None => self.begin(input)?,
        };
        Ok(decoded.map(Decoded::Frame))
    }

    /// Consumes what may stand between frames, up to one end of line; says whether there was one.
    /// Some clients put more than one NUL behind a frame, so these are skipped too.
    fn skip_to_frame(&mut self, input: &mut Input<'_>) -> Result<bool, ErrorKind> {
        while let Some(&octet) = input.rest().first() {
            match octet {
                b'\n' => {
                    input.take(1);
                    self.cr_pending = false;
                    return Ok(true);
                }
                _ if self.cr_pending => return Err(ErrorKind::CarriageReturn),
                b'\r' => self.cr_pending = true,
                0 => {}
                _ => break,
            }
            input.take(1);
        }
        Ok(false)
    }

    const fn rules(&self) -> Rules<'_> {
        Rules {
            version: self.version,
            limits: &self.limits,
        }
    }

    fn begin<'a>(&mut self, input: &mut Input<'a>) -> Result<Option<Frame<'a>>, Error> {
        let mut scan = Scan::default();
        let octets = input.rest();
        let found = scan.advance(octets, self.rules());
        let Some(layout) = found.map_err(|kind| scan.error(kind, octets, self.version))? else {
            self.partial = Some(Box::new(Partial {
                octets: octets.to_vec(),
                scan,
            }));
            input.clear();
            return Ok(None);
        };
        // The NUL behind the body is the last octet.
        let octets = input.take(layout.body.end + 1);
        Ok(Some(Frame::borrowed(octets, layout, self.version)))
    }

    fn resume<'a>(
        &mut self,
        mut partial: Box<Partial>,
        input: &mut Input<'a>,
    ) -> Result<Option<Frame<'a>>, Error> {
        while !input.is_empty() {
            let Partial { octets, scan } = &mut *partial;
            let wanted = scan.wanted(octets.len(), input.rest(), &self.limits);
            append(
                octets,
                input.take(wanted),
                scan.frame_bytes_max(&self.limits),
            );
            let found = scan.advance(octets, self.rules());
            if let Some(layout) = found.map_err(|kind| scan.error(kind, octets, self.version))? {
                return Ok(Some(Frame::owned(partial.octets, layout, self.version)));
            }
        }
        self.partial = Some(partial);
        Ok(None)
    }
}

/// Appends `piece`, growing by doubling, but not past the size that the frame can have.
fn append(octets: &mut Vec<u8>, piece: &[u8], frame_bytes_max: usize) {
    let needed = octets.len() + piece.len();
    if needed > octets.capacity() {
        let target = (2 * needed).min(frame_bytes_max).max(needed);
        octets.reserve_exact(target - octets.len());
    }
    octets.extend_from_slice(piece);
}

#[cfg(test)]
mod tests;
