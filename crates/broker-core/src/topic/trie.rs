//! Patterns by their segments, so that those which do not match a topic cost nothing when it is sent to.

use std::collections::HashMap;

use crate::destination::{Destination, is_hidden, is_rest};

/// Patterns; by what stands before their segments, and then segment by segment.
#[derive(Debug, Default)]
pub(super) struct Trie {
    scopes: HashMap<Box<str>, Node>,
}

#[derive(Debug, Default)]
struct Node {
    segments: HashMap<Box<str>, Self>,
    /// What follows a `*`.
    any: Option<Box<Self>>,
    /// The patterns that end here. They differ in their separators.
    ends: Vec<Destination>,
    /// The patterns that have only `**` from here on.
    rests: Vec<Destination>,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.segments.is_empty()
            && self.any.is_none()
            && self.ends.is_empty()
            && self.rests.is_empty()
    }

    fn insert<'a>(&mut self, mut segments: impl Iterator<Item = &'a str>, pattern: &Destination) {
        match segments.next() {
            None => self.ends.push(pattern.clone()),
            Some(rest) if is_rest(rest) => self.rests.push(pattern.clone()),
            Some("*") => self.any.get_or_insert_default().insert(segments, pattern),
            Some(segment) => {
                let next = self.segments.entry(segment.into()).or_default();
                next.insert(segments, pattern);
            }
        }
    }

    fn remove<'a>(&mut self, mut segments: impl Iterator<Item = &'a str>, pattern: &Destination) {
        match segments.next() {
            None => self.ends.retain(|end| end != pattern),
            Some(rest) if is_rest(rest) => self.rests.retain(|rest| rest != pattern),
            Some("*") => {
                if let Some(any) = &mut self.any {
                    any.remove(segments, pattern);
                }
                self.any.take_if(|any| any.is_empty());
            }
            Some(segment) => {
                if let Some(next) = self.segments.get_mut(segment) {
                    next.remove(segments, pattern);
                    if next.is_empty() {
                        self.segments.remove(segment);
                    }
                }
            }
        }
    }

    fn for_each_match<'a, I: Iterator<Item = &'a str> + Clone>(
        &self,
        mut segments: I,
        is_first: bool,
        each: &mut impl FnMut(&Destination),
    ) {
        let segment = segments.next();
        let is_seen = !(is_first && segment.is_some_and(is_hidden));
        if is_seen {
            self.rests.iter().for_each(&mut *each);
        }
        let Some(segment) = segment else {
            self.ends.iter().for_each(each);
            return;
        };
        if let Some(next) = self.segments.get(segment) {
            next.for_each_match(segments.clone(), false, each);
        }
        if let Some(any) = self.any.as_ref().filter(|_| is_seen) {
            any.for_each_match(segments, false, each);
        }
    }
}

impl Trie {
    pub(super) fn insert(&mut self, pattern: &Destination) {
        let scope = self.scopes.entry(pattern.scope().into()).or_default();
        scope.insert(pattern.segments(), pattern);
    }

    pub(super) fn remove(&mut self, pattern: &Destination) {
        if let Some(scope) = self.scopes.get_mut(pattern.scope()) {
            scope.remove(pattern.segments(), pattern);
            if scope.is_empty() {
                self.scopes.remove(pattern.scope());
            }
        }
    }

    /// Calls `each` with each pattern that `topic` matches.
    pub(super) fn for_each_match(&self, topic: &Destination, mut each: impl FnMut(&Destination)) {
        if self.scopes.is_empty() {
            return;
        }
        if let Some(scope) = self.scopes.get(topic.scope()) {
            scope.for_each_match(Segments::of(topic), true, &mut each);
        }
    }
}

/// The segments of a topic, from any of them on.
#[derive(Clone)]
struct Segments<'a>(Option<&'a str>);

impl<'a> Segments<'a> {
    fn of(topic: &'a Destination) -> Self {
        Self(Some(&topic.as_str()[topic.scope().len()..]))
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        match rest.find(['.', '/']) {
            Some(end) => {
                self.0 = Some(&rest[end + 1..]);
                Some(&rest[..end])
            }
            None => self.0.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(vec!["a", "b", "$c", ""]);
        prop::collection::vec(segment, 1..5).prop_map(|segments| segments.join("."))
    }

    fn pattern() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(vec!["a", "b", "*", "$c"]);
        let end = prop::sample::select(vec!["*", "**", "a.*", "b/**", "*.a"]);
        (prop::collection::vec(segment, 0..4), end)
            .prop_map(|(segments, end)| [&segments[..], &[end]].concat().join("/"))
    }

    fn parse(name: &str) -> Option<Destination> {
        Destination::parse(&format!("/topic/{name}")).ok()
    }

    proptest! {
        #[test]
        fn finds_what_each_pattern_covers(
            patterns in prop::collection::btree_set(pattern(), 1..20),
            removed in prop::collection::btree_set(pattern(), 0..10),
            topics in prop::collection::vec(name(), 1..20),
        ) {
            let mut trie = Trie::default();
            let mut kept: BTreeSet<Destination> = patterns.iter().filter_map(|p| parse(p)).collect();
            kept.iter().for_each(|pattern| trie.insert(pattern));
            for pattern in removed.iter().filter_map(|p| parse(p)) {
                trie.remove(&pattern);
                kept.remove(&pattern);
            }
            for topic in topics.iter().filter_map(|name| parse(name)) {
                let mut found = Vec::new();
                trie.for_each_match(&topic, |pattern| found.push(pattern.clone()));
                let set: BTreeSet<_> = found.iter().cloned().collect();
                prop_assert_eq!(set.len(), found.len());
                prop_assert_eq!(set, kept.iter().filter(|p| p.covers(&topic)).cloned().collect());
            }
            kept.iter().for_each(|pattern| trie.remove(pattern));
            prop_assert!(trie.scopes.is_empty());
        }
    }
}
