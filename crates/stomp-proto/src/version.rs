//! The versions of the protocol and how two peers agree on one (STOMP 1.2, Protocol Negotiation).
//! What differs between the versions stands beside the code that does it.

use std::fmt;

use crate::{command::Command, error::ErrorKind, escapes::Escapes};

/// A version of STOMP; later versions compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// STOMP 1.0: no escapes, no heart-beats, no NACK.
    V1_0,
    /// STOMP 1.1.
    V1_1,
    /// STOMP 1.2.
    V1_2,
}

impl Version {
    /// All versions, the oldest first.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V1_2];

    /// The versions as the `version` header of an ERROR lists them.
    pub(crate) const LIST: &'static str = "1.0,1.1,1.2";

    /// The version as headers name it: `1.2`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// Whether a frame of this version, other than CONNECT, can carry such a header. Without a name, or with a NUL, none
    /// can; 1.0 has no escape for an end of line, nor for a colon in the name.
    #[must_use]
    pub fn can_carry(self, name: &str, value: &str) -> bool {
        Escapes::of(Some(self), Command::Send).carries(name, value)
    }

    /// The WebSocket subprotocol that stands for the version: `v12.stomp`.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::V1_0 => "v10.stomp",
            Self::V1_1 => "v11.stomp",
            Self::V1_2 => "v12.stomp",
        }
    }

    /// The version that one entry of a list names, compared as two numbers: `1.10` is not `1.1`.
    #[must_use]
    pub fn parse(entry: &str) -> Option<Self> {
        let (major, minor) = entry.trim_matches(' ').split_once('.')?;
        match (number(major)?, number(minor)?) {
            (1, 0) => Some(Self::V1_0),
            (1, 1) => Some(Self::V1_1),
            (1, 2) => Some(Self::V1_2),
            _ => None,
        }
    }

    /// The highest version that the client's `accept-version` lists; a client that sends none
    /// speaks 1.0.
    ///
    /// The order of the list, spaces in it and entries that name no version of ours do not matter.
    ///
    /// # Errors
    /// [`ErrorKind::VersionUnsupported`] when the list names no version of ours.
    pub fn negotiate(accept_version: Option<&str>) -> Result<Self, ErrorKind> {
        let Some(list) = accept_version else {
            return Ok(Self::V1_0);
        };
        list.split(',')
            .filter_map(Self::parse)
            .max()
            .ok_or(ErrorKind::VersionUnsupported)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn number(digits: &str) -> Option<u32> {
    let all_digits = digits.bytes().all(|octet| octet.is_ascii_digit());
    if all_digits {
        digits.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept_version: Option<&str>, expect: Option<Version>) {
        assert_eq!(
            Version::negotiate(accept_version).ok(),
            expect,
            "{accept_version:?}"
        );
    }

    #[test]
    fn the_highest_common_version_wins() {
        check(None, Some(Version::V1_0));
        check(Some("1.0"), Some(Version::V1_0));
        check(Some("1.0,1.1,2.0"), Some(Version::V1_1));
        check(Some("1.2,1.1,1.0"), Some(Version::V1_2));
        check(Some(" 1.1 , 1.2"), Some(Version::V1_2));
        check(Some("1.1,,stomp,1.x,-1.2"), Some(Version::V1_1));
    }

    #[test]
    fn no_common_version() {
        for list in [
            "1.10",
            "3.0",
            "",
            "1",
            "1.",
            ".2",
            "+1.2",
            "1.+2",
            "1.2.0",
            "1.4294967298",
        ] {
            check(Some(list), None);
        }
    }

    #[test]
    fn names() {
        let names = Version::ALL.map(|version| (version.to_string(), version.subprotocol()));
        assert_eq!(names[0], ("1.0".to_owned(), "v10.stomp"));
        assert_eq!(names[2], ("1.2".to_owned(), "v12.stomp"));
        assert_eq!(Version::ALL.map(Version::as_str).join(","), Version::LIST);
        assert!(Version::V1_0 < Version::V1_1 && Version::V1_1 < Version::V1_2);
    }
}
