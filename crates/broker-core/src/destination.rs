//! Destinations: what a name means. Parsed once at the border; inside, the type is the proof.

use std::{borrow::Borrow, error, fmt, sync::Arc};

/// The bytes of a destination at most.
pub const DESTINATION_BYTES_MAX: usize = 1024;

/// The kinds of destinations, by the prefix of their names, for people.
pub const KINDS: &str = "/topic/";

/// A destination that this broker knows the meaning of; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(Arc<str>);

/// Why a name is no destination.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationError {
    /// A name with a control character in it.
    ControlCharacter,
    /// Nothing behind the prefix that names the kind.
    Empty,
    /// More than [`DESTINATION_BYTES_MAX`] bytes.
    TooLong,
    /// A prefix that is not one of [`KINDS`].
    UnknownKind,
    /// A segment that is a wildcard, which has no meaning here.
    Wildcard,
}

impl Destination {
    /// The destination of a name, such as `/topic/news`.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn parse(name: &str) -> Result<Self, DestinationError> {
        if name.len() > DESTINATION_BYTES_MAX {
            return Err(DestinationError::TooLong);
        }
        let rest = name
            .strip_prefix(KINDS)
            .ok_or(DestinationError::UnknownKind)?;
        if rest.is_empty() {
            return Err(DestinationError::Empty);
        }
        if rest.chars().any(char::is_control) {
            return Err(DestinationError::ControlCharacter);
        }
        if rest
            .split(['.', '/'])
            .any(|segment| matches!(segment, "*" | "**" | ">" | "#"))
        {
            return Err(DestinationError::Wildcard);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only the server itself sends to it: `$SYS` and all below.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let rest = self.0.strip_prefix("/topic/$SYS");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
    }
}

impl Borrow<str> for Destination {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacter => f.write_str("a destination has no control characters"),
            Self::Empty => f.write_str("the destination has no name behind its kind"),
            Self::TooLong => write!(f, "a destination has {DESTINATION_BYTES_MAX} bytes at most"),
            Self::UnknownKind => {
                write!(
                    f,
                    "the destination is of no known kind; this server has: {KINDS}"
                )
            }
            Self::Wildcard => f.write_str("wildcards in destinations are not supported"),
        }
    }
}

impl error::Error for DestinationError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str) -> DestinationError {
        Destination::parse(name).unwrap_err()
    }

    #[test]
    fn topics() {
        for name in [
            "/topic/a",
            "/topic/a.b/c",
            "/topic/κόσμος",
            "/topic/*x",
            "/topic/$SYS/stats",
        ] {
            assert_eq!(Destination::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_is_none() {
        for name in [
            "",
            "/",
            "topic/a",
            "/queue/a",
            "/topics/a",
            "/TOPIC/a",
            "/topic",
        ] {
            assert_eq!(refused(name), DestinationError::UnknownKind, "{name}");
        }
        assert_eq!(refused("/topic/"), DestinationError::Empty);
        assert_eq!(refused("/topic/a\nb"), DestinationError::ControlCharacter);
        for name in ["/topic/*", "/topic/a.**", "/topic/a/>", "/topic/#.b"] {
            assert_eq!(refused(name), DestinationError::Wildcard, "{name}");
        }
        assert!(refused("/queue/a").to_string().contains("/topic/"));
    }

    #[test]
    fn a_name_at_the_limit_and_one_past() {
        let name = format!("/topic/{}", "x".repeat(DESTINATION_BYTES_MAX - 7));
        assert!(Destination::parse(&name).is_ok());
        assert_eq!(refused(&(name + "x")), DestinationError::TooLong);
    }

    #[test]
    fn what_is_the_servers_own() {
        let reserved = |name| Destination::parse(name).unwrap().is_reserved();
        assert!(
            reserved("/topic/$SYS/stats") && reserved("/topic/$SYS") && reserved("/topic/$SYS.x")
        );
        assert!(!reserved("/topic/$SYSTEM") && !reserved("/topic/a/$SYS"));
    }
}
