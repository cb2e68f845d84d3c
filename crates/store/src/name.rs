//! The names of streams.

use std::{fmt, sync::Arc};

use crate::{error::Refused, limits::STREAM_NAME_BYTES_MAX};

/// The name of a stream: text that is neither empty nor longer than [`STREAM_NAME_BYTES_MAX`], without control
/// characters. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Takes a name.
    ///
    /// # Errors
    ///
    /// [`Refused::StreamName`] if it is not one.
    pub fn parse(name: &str) -> Result<Self, Refused> {
        let fits = (1..=STREAM_NAME_BYTES_MAX).contains(&name.len());
        if fits && !name.chars().any(char::is_control) {
            Ok(Self(name.into()))
        } else {
            Err(Refused::StreamName)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        let longest = "n".repeat(STREAM_NAME_BYTES_MAX);
        for good in ["q", "/queue/a b", "é", &longest] {
            assert_eq!(StreamName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\0b", "a\nb", &format!("{longest}n")] {
            assert_eq!(StreamName::parse(bad), Err(Refused::StreamName), "{bad:?}");
        }
    }
}
