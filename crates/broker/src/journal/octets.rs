//! Numbers and texts of a stored record as octets: how they are written, and how they are read from a disk that may have
//! changed them.

use std::str;

/// Appends to a record.
#[derive(Debug)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn octet(&mut self, octet: u8) {
        self.0.push(octet);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A text, behind its length.
    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// What is wrong with a record.
pub(super) type Problem = String;

/// Reads a record from its beginning.
#[derive(Debug)]
pub(super) struct Reader<'o>(&'o [u8]);

impl<'o> Reader<'o> {
    pub(super) fn new(octets: &'o [u8]) -> Self {
        Self(octets)
    }

    pub(super) fn octet(&mut self) -> Result<u8, Problem> {
        self.take(1).map(|octets| octets[0])
    }

    pub(super) fn number(&mut self) -> Result<u64, Problem> {
        let octets = self.take(8)?;
        let octets = octets.try_into().expect("there are eight");
        Ok(u64::from_le_bytes(octets))
    }

    pub(super) fn text(&mut self) -> Result<&'o str, Problem> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let octets = self.take(length)?;
        str::from_utf8(octets).map_err(|_| "a text in it is not UTF-8".to_owned())
    }

    /// What has not been read.
    pub(super) fn rest(self) -> &'o [u8] {
        self.0
    }

    /// All has been read.
    pub(super) fn end(self) -> Result<(), Problem> {
        match self.0 {
            [] => Ok(()),
            rest => Err(format!("it has {} bytes too many", rest.len())),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'o [u8], Problem> {
        let parts = self.0.split_at_checked(length);
        let (taken, rest) = parts.ok_or_else(|| "it is cut off".to_owned())?;
        self.0 = rest;
        Ok(taken)
    }
}
