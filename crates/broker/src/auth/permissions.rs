//! Permissions: patterns of destinations, for reading, writing and creating.

use std::fmt;

use gumboot_broker_core::{Action, Destination, DestinationError, Kind, Kinds};

/// Stands for the user's own name.
const USER: &str = "{user}";

/// What stands for everything, the server's own destinations included.
const EVERYTHING: &str = "**";

/// The destinations that a permission is for.
///
/// `**` alone is all of them. Any other is a destination as in SUBSCRIBE, with `*` for one segment and `**` or `>` for
/// the rest, none of which is found below `/topic/$SYS` unless that is spelled out; `{user}` is the name of the user
/// whose permission it is. Of `/user/NAME/...` the first part is the user to send to, `*` for any.
#[derive(Debug, Clone)]
pub struct Pattern(Granted);

impl Pattern {
    /// All destinations.
    #[must_use]
    pub fn everything() -> Self {
        Self(Granted::Everything)
    }

    /// Reads a pattern; `kinds` says what its name means.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, kinds: &Kinds) -> Result<Self, DestinationError> {
        if text == EVERYTHING {
            return Ok(Self::everything());
        }
        // A name that no prefix of a kind begins with, so that none comes out of it.
        let destination = kinds.parse(&text.replace(USER, "~"))?;
        Ok(Self(if text.contains(USER) {
            Granted::OfUser(text.into(), kinds.clone())
        } else {
            Granted::Destination(destination)
        }))
    }

    /// The pattern for one user, without what stands for the name.
    ///
    /// # Errors
    /// The name cannot stand in it: there it would be several segments, or a wildcard.
    pub(super) fn for_user(&self, name: &str) -> Result<Self, ()> {
        let Granted::OfUser(text, kinds) = &self.0 else {
            return Ok(self.clone());
        };
        let is_plain = !name.contains(['.', '/', '%', '*', '>', '#']) && !name.starts_with('$');
        if !is_plain {
            return Err(());
        }
        let destination = kinds.parse(&text.replace(USER, name)).map_err(drop)?;
        Ok(Self(Granted::Destination(destination)))
    }

    fn permits(&self, destination: &Destination) -> bool {
        match &self.0 {
            Granted::Everything => true,
            Granted::Destination(granted) => granted.permits(destination),
            // Nobody yet.
            Granted::OfUser(..) => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Granted::Everything => f.write_str(EVERYTHING),
            Granted::Destination(destination) => destination.fmt(f),
            Granted::OfUser(text, _) => f.write_str(text),
        }
    }
}

#[derive(Debug, Clone)]
enum Granted {
    Everything,
    Destination(Destination),
    /// With [`USER`] in it; what it means is known once the user is.
    OfUser(Box<str>, Kinds),
}

/// What a user or role may do. What is not in it is refused.
#[derive(Debug, Clone, Default)]
pub struct Permissions {
    /// What may be subscribed to. A pattern may be subscribed to if one of these matches all that it does.
    pub read: Vec<Pattern>,
    /// What may be sent to.
    pub write: Vec<Pattern>,
    /// The queues that may come to be, by sending or subscribing to them.
    pub create: Vec<Pattern>,
}

impl Permissions {
    /// To do everything.
    #[must_use]
    pub fn everything() -> Self {
        let everything = || vec![Pattern::everything()];
        Self {
            read: everything(),
            write: everything(),
            create: everything(),
        }
    }

    /// These, and `others`.
    pub(super) fn extend(&mut self, others: &Self) {
        self.read.extend_from_slice(&others.read);
        self.write.extend_from_slice(&others.write);
        self.create.extend_from_slice(&others.create);
    }

    /// The permissions of one user, without what stands for the name.
    ///
    /// # Errors
    /// The pattern in which the name cannot stand.
    pub(super) fn for_user(&self, name: &str) -> Result<Self, String> {
        let each = |patterns: &[Pattern]| {
            let patterns = patterns.iter();
            patterns
                .map(|pattern| pattern.for_user(name).map_err(|()| pattern.to_string()))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            read: each(&self.read)?,
            write: each(&self.write)?,
            create: each(&self.create)?,
        })
    }

    /// Whether a user with them may.
    ///
    /// What is sent to a user is the user's: nobody subscribes to what is sent to another, so it needs no permission.
    /// Neither needs an answer to a temporary destination: who knows its name, which is hard to guess, was asked.
    pub(super) fn allow(&self, action: Action, destination: &Destination) -> bool {
        let is_temporary = matches!(destination.kind(), Kind::TempQueue | Kind::TempTopic);
        let patterns = match action {
            Action::Read if destination.kind() == Kind::User => return true,
            Action::Write if is_temporary => return true,
            Action::Read => &self.read,
            Action::Write => &self.write,
            Action::Create => &self.create,
        };
        patterns.iter().any(|pattern| pattern.permits(destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text, Kinds::usual()).unwrap()
    }

    fn reading(text: &str) -> Permissions {
        Permissions {
            read: vec![pattern(text)],
            ..Permissions::default()
        }
    }

    #[track_caller]
    fn check(permissions: &Permissions, action: Action, destination: &str, allowed: bool) {
        let parsed = Destination::parse(destination).unwrap();
        let found = permissions.allow(action, &parsed);
        assert_eq!(found, allowed, "{action:?} {destination}");
    }

    #[test]
    fn a_subscription_to_a_pattern_needs_one_that_covers_it() {
        let permissions = reading("/topic/a.*");
        for allowed in ["/topic/a.b", "/topic/a/b", "/topic/a.*"] {
            check(&permissions, Action::Read, allowed, true);
        }
        for refused in [
            "/topic/**",
            "/topic/a.**",
            "/topic/a",
            "/topic/*.b",
            "/queue/a.b",
        ] {
            check(&permissions, Action::Read, refused, false);
        }
        check(&reading("/topic/*"), Action::Read, "/topic/**", false);
        check(&reading("/topic/**"), Action::Read, "/topic/>", true);
    }

    #[test]
    fn each_action_is_permitted_for_itself() {
        let all = Permissions {
            read: vec![pattern("/queue/r")],
            write: vec![pattern("/queue/w")],
            create: vec![pattern("/queue/c")],
        };
        for (action, name) in [
            (Action::Read, "/queue/r"),
            (Action::Write, "/queue/w"),
            (Action::Create, "/queue/c"),
        ] {
            for destination in ["/queue/r", "/queue/w", "/queue/c"] {
                check(&all, action, destination, destination == name);
            }
            check(&Permissions::default(), action, name, false);
            check(&Permissions::everything(), action, name, true);
        }
    }

    #[test]
    fn the_servers_own_topics_are_asked_for_by_name_or_with_everything() {
        let own = "/topic/$SYS/stats";
        check(&reading("/topic/**"), Action::Read, own, false);
        check(&reading("/topic/$SYS/**"), Action::Read, own, true);
        check(&Permissions::everything(), Action::Read, own, true);
        check(&Permissions::everything(), Action::Read, "/topic/**", true);
    }

    #[test]
    fn answers_and_what_is_sent_to_oneself_need_no_permission() {
        let none = Permissions::default();
        check(&none, Action::Read, "/user/queue/a", true);
        check(&none, Action::Write, "/user/ann/queue/a", false);
        check(&none, Action::Write, "/temp-queue/@s/a", true);
        check(&none, Action::Write, "/temp-topic/@s/a", true);
        check(&none, Action::Read, "/temp-queue/@s/a", false);
    }

    #[test]
    fn the_name_of_the_user() {
        let permissions = Permissions {
            write: vec![pattern("/topic/in.{user}.*"), pattern("/user/{user}/**")],
            ..Permissions::default()
        };
        check(&permissions, Action::Write, "/topic/in.~.a", false);
        let of_ann = permissions.for_user("ann").unwrap();
        check(&of_ann, Action::Write, "/topic/in.ann.a", true);
        check(&of_ann, Action::Write, "/topic/in.bob.a", false);
        check(&of_ann, Action::Write, "/topic/in.{user}.a", false);
        check(&of_ann, Action::Write, "/user/ann/a", true);
        check(&of_ann, Action::Write, "/user/bob/a", false);
        for name in ["a.b", "a/b", "*", "**", ">", "#", "%2F", "$SYS"] {
            let refused = permissions.for_user(name).unwrap_err();
            assert_eq!(refused, "/topic/in.{user}.*", "{name}");
            assert!(reading("/topic/a").for_user(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for text in ["", "*", "topic/a", "/topic/**.a", "/topic/", "/{user}/a"] {
            assert!(Pattern::parse(text, Kinds::usual()).is_err(), "{text}");
        }
        for text in ["**", "/topic/a.*", "/queue/{user}.**"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
