//! The octets that a driver lends to a decoder, consumed from the front.

/// What has arrived and has not been decoded yet.
///
/// Frames that lie whole in it are borrowed from it, so it lives as long as they do and not as long
/// as the decoder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// All of `octets`, in the order in which they arrived.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// What has not been consumed.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been consumed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Throws away what has not been consumed.
    pub const fn clear(&mut self) {
        self.rest = &[];
    }

    /// The next `count` octets, or all that there are when they are fewer.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

impl<'a> From<&'a [u8]> for Input<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self::new(octets)
    }
}
