//! Destinations: what a name means. Parsed once at the border; inside, the type is the proof.
//!
//! A name is the prefix of its kind and segments, which `.` and `/` separate. A pattern has wildcards for segments: `*`
//! is any one segment, and `**`, `>` or `#` at the end is any number of them, none included. For patterns the two
//! separators are the same. No wildcard at the first place matches a segment that begins with `$`.

mod error;
mod kinds;

use std::{borrow::Borrow, cmp, fmt, hash, sync::Arc};

pub use self::{
    error::DestinationError,
    kinds::{Kind, Kinds},
};

/// The bytes of a destination at most.
pub const DESTINATION_BYTES_MAX: usize = 1024;

/// The segments of a pattern at most.
pub const PATTERN_SEGMENTS_MAX: usize = 64;

/// A destination that this broker knows the meaning of; cheap to clone. Two are equal if their names are.
#[derive(Debug, Clone)]
pub struct Destination {
    name: Arc<str>,
    kind: Kind,
    is_pattern: bool,
    /// Where the prefix of the kind ends.
    prefix: u32,
    /// Where the segments begin: behind the prefix, and behind the name of an owner or user if there is one.
    scope: u32,
}

impl Destination {
    /// The destination of a name, such as `/topic/news`, by the usual [`Kinds`].
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn parse(name: &str) -> Result<Self, DestinationError> {
        Kinds::usual().parse(name)
    }

    fn new(name: Arc<str>, kind: Kind, prefix: usize, scope: usize) -> Self {
        let mut destination = Self {
            name,
            kind,
            is_pattern: false,
            prefix: offset(prefix),
            scope: offset(scope),
        };
        // Nearly all names are none, and cutting one into segments takes longer than to look for what makes a wildcard.
        let octets = destination.rest().as_bytes();
        let may_be = octets
            .iter()
            .any(|octet| matches!(octet, b'*' | b'>' | b'#'));
        let is_pattern = may_be && destination.segments().any(is_wildcard);
        destination.is_pattern = is_pattern;
        destination
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it stands for all topics that match it.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.is_pattern
    }

    /// Whether only the server itself sends to it: the topic `$SYS` and all below.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let below = self.rest().strip_prefix("$SYS");
        let is_whole = below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']));
        self.kind == Kind::Topic && is_whole
    }

    /// Whether `destination` is this one or, if this is a pattern, matches it. A pattern is matched by one that matches
    /// all that it does.
    #[must_use]
    pub fn covers(&self, destination: &Self) -> bool {
        self.scope() == destination.scope() && covers(self.rest(), destination.rest())
    }

    /// Whether a permission for this name is one for `destination`, which is as [`Access`](crate::Access) is asked.
    ///
    /// As [`Destination::covers`]; but of a name of [`Kind::User`] the first part says whom it is about, which is `*` for
    /// any user.
    #[must_use]
    pub fn permits(&self, destination: &Self) -> bool {
        if self.kind != destination.kind {
            // The prefix of one kind may be the beginning of another's.
            return false;
        }
        if self.kind != Kind::User {
            return self.covers(destination);
        }
        let (prefix, name) = self.name.split_at(self.prefix as usize);
        let Some(asked) = destination.name.strip_prefix(prefix) else {
            return false;
        };
        if is_rest(name) {
            return true;
        }
        let (Some((user, rest)), Some((asked_user, asked_rest))) =
            (name.split_once('/'), asked.split_once('/'))
        else {
            return false;
        };
        (user == "*" || user == asked_user) && covers(rest, asked_rest)
    }

    /// What stands before the segments.
    pub(crate) fn scope(&self) -> &str {
        &self.name[..self.scope as usize]
    }

    /// The segments, those of a pattern with its wildcards.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        segments(self.rest())
    }

    /// The segments as one text.
    fn rest(&self) -> &str {
        &self.name[self.scope as usize..]
    }

    /// Of a temporary destination, the session that it belongs to, if the name says it.
    pub(crate) fn owner(&self) -> Option<&str> {
        let owner = &self.name[self.prefix as usize..self.scope as usize];
        owner.strip_prefix('@')?.strip_suffix('/')
    }

    /// The name under which everyone knows a temporary destination of that session.
    pub(crate) fn owned_by(&self, session: &str) -> Self {
        let prefix = self.prefix as usize;
        let (prefix_name, rest) = self.name.split_at(prefix);
        let scope = format!("{prefix_name}@{}/", segment_of(session));
        Self::new(
            (scope.clone() + rest).into(),
            self.kind,
            prefix,
            scope.len(),
        )
    }

    /// What a user's session subscribes to by this name, which does not say who the user is.
    pub(crate) fn of_user(&self, user: &str) -> Self {
        let prefix = self.prefix as usize;
        let (prefix_name, rest) = self.name.split_at(prefix);
        let scope = format!("{prefix_name}{}/", segment_of(user));
        Self::new(
            (scope.clone() + rest).into(),
            self.kind,
            prefix,
            scope.len(),
        )
    }

    /// What is sent to by this name, whose first part is the user.
    pub(crate) fn to_user(&self) -> Self {
        let prefix = self.prefix as usize;
        let slash = self.name[prefix..].find('/');
        let scope = slash.map_or(prefix, |slash| prefix + slash + 1);
        Self::new(Arc::clone(&self.name), self.kind, prefix, scope)
    }
}

fn segments(rest: &str) -> impl Iterator<Item = &str> {
    rest.split(['.', '/'])
}

/// Whether all that `asked` stands for is covered by `pattern`, if that is one; both without what stands before.
fn covers(pattern: &str, asked: &str) -> bool {
    if !segments(pattern).any(is_wildcard) {
        return pattern == asked;
    }
    let mut asked = segments(asked);
    let mut is_first = true;
    for wanted in segments(pattern) {
        if is_rest(wanted) {
            return !is_first || asked.next().is_none_or(|s| !is_hidden(s));
        }
        let Some(segment) = asked.next() else {
            return false;
        };
        let any = wanted == "*" && !is_rest(segment) && !(is_first && is_hidden(segment));
        if !any && wanted != segment {
            return false;
        }
        is_first = false;
    }
    asked.next().is_none()
}

/// Whether a segment stands for others.
pub(crate) fn is_wildcard(segment: &str) -> bool {
    segment == "*" || is_rest(segment)
}

/// Whether a segment stands for all that follow.
pub(crate) fn is_rest(segment: &str) -> bool {
    matches!(segment, "**" | ">" | "#")
}

/// Whether a segment in the first place is not found by a wildcard.
pub(crate) fn is_hidden(segment: &str) -> bool {
    segment.starts_with('$')
}

/// The name of a session or user, so that it cannot be taken for two parts.
pub(crate) fn segment_of(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}

fn offset(offset: usize) -> u32 {
    u32::try_from(offset).expect("a name is far shorter than 4 GiB")
}

impl PartialEq for Destination {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Destination {}

impl PartialOrd for Destination {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Destination {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.name.cmp(&other.name)
    }
}

impl hash::Hash for Destination {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Borrow<str> for Destination {
    fn borrow(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests;
