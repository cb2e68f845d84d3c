//! Kinds of destinations, and which names are of which.

use std::sync::{Arc, LazyLock};

use super::{DESTINATION_BYTES_MAX, Destination, DestinationError, PATTERN_SEGMENTS_MAX, is_rest};

/// What happens to a message that is sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One of the consumers gets it, and it waits until one does.
    Queue,
    /// A queue that belongs to a session and is gone with it.
    TempQueue,
    /// A topic that one session can subscribe to.
    TempTopic,
    /// Every subscriber gets it.
    Topic,
    /// The sessions of one user get it, as those of a topic.
    User,
}

/// Which names are of which kind: by their prefix, the longest that fits. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinds {
    /// The longest first.
    prefixes: Arc<[(Box<str>, Kind)]>,
    bare: Option<Kind>,
    known: Arc<str>,
}

static USUAL: LazyLock<Kinds> = LazyLock::new(|| {
    let prefixes = [
        ("/topic/", Kind::Topic),
        ("/queue/", Kind::Queue),
        ("/temp-queue/", Kind::TempQueue),
        ("/temp-topic/", Kind::TempTopic),
        ("/user/", Kind::User),
    ];
    Kinds::new(prefixes, None)
});

impl Kinds {
    /// Kinds by prefix, and the kind of names that have none and do not begin with `/`; the first prefixes are named
    /// first where a user is told what there is.
    ///
    /// Names of different prefixes are different destinations, also if they are of one kind.
    pub fn new<'a>(
        prefixes: impl IntoIterator<Item = (&'a str, Kind)>,
        bare: Option<Kind>,
    ) -> Self {
        let prefixes = prefixes
            .into_iter()
            .filter(|(prefix, _)| !prefix.is_empty());
        let mut prefixes: Vec<_> = prefixes.map(|(p, kind)| (Box::from(p), kind)).collect();
        let names: Vec<&str> = prefixes.iter().map(|(prefix, _)| &**prefix).collect();
        let known = names.join(" ").into();
        prefixes.sort_by_key(|(prefix, _): &(Box<str>, _)| std::cmp::Reverse(prefix.len()));
        Self {
            prefixes: prefixes.into(),
            bare,
            known,
        }
    }

    /// `/topic/`, `/queue/`, `/temp-queue/`, `/temp-topic/` and `/user/`; no bare names.
    #[must_use]
    pub fn usual() -> &'static Self {
        &USUAL
    }

    /// The destination of a name.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn parse(&self, name: &str) -> Result<Destination, DestinationError> {
        if name.len() > DESTINATION_BYTES_MAX {
            return Err(DestinationError::TooLong);
        }
        let (prefix, kind) = self.kind(name)?;
        let rest = &name[prefix..];
        if rest.is_empty() {
            return Err(DestinationError::Empty);
        }
        if has_control(rest) {
            return Err(DestinationError::ControlCharacter);
        }
        let scope = prefix + owner_len(kind, rest);
        let destination = Destination::new(name.into(), kind, prefix, scope);
        if destination.is_pattern() {
            check_pattern(&destination)?;
        }
        Ok(destination)
    }

    fn kind(&self, name: &str) -> Result<(usize, Kind), DestinationError> {
        let found = self.prefixes.iter().find(|(p, _)| name.starts_with(&**p));
        if let Some((prefix, kind)) = found {
            return Ok((prefix.len(), *kind));
        }
        match self.bare {
            Some(kind) if !name.starts_with('/') => Ok((0, kind)),
            _ => Err(DestinationError::UnknownKind {
                known: Arc::clone(&self.known),
            }),
        }
    }
}

/// Whether there is a control character. Nearly all names are of graphic ASCII, and are looked at octet by octet only.
fn has_control(name: &str) -> bool {
    !name.bytes().all(|octet| octet.is_ascii_graphic()) && name.chars().any(char::is_control)
}

/// How long `@OWNER/` is at the beginning of a temporary destination's name.
fn owner_len(kind: Kind, rest: &str) -> usize {
    let is_temporary = matches!(kind, Kind::TempQueue | Kind::TempTopic);
    if !is_temporary || !rest.starts_with('@') {
        return 0;
    }
    let slash = rest.find('/');
    slash
        .filter(|slash| slash + 1 < rest.len())
        .map_or(0, |slash| slash + 1)
}

fn check_pattern(pattern: &Destination) -> Result<(), DestinationError> {
    let count = pattern.segments().count();
    if count > PATTERN_SEGMENTS_MAX {
        return Err(DestinationError::TooManySegments);
    }
    match pattern.segments().position(is_rest) {
        Some(position) if position + 1 < count => Err(DestinationError::Wildcard),
        _ => Ok(()),
    }
}
