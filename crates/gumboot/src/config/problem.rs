//! What is wrong with a configuration file, and where: each problem with the file, the line and the key.

use std::{collections::BTreeMap, ops::Range};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

/// The problems that are told of one file.
pub(super) const PROBLEMS_MAX: usize = 20;

/// The keys below which a value may be a password, also one that stands where none should.
const SECRETS: &[&str] = &["users", "user"];

/// How serde begins to say that a key is needed.
const MISSING: &str = "missing field";

/// The text of a file, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    /// By the offset of each.
    found: Vec<(usize, String)>,
}

/// Where a value stands.
struct Place {
    /// The keys on the way to it.
    path: Vec<String>,
    /// The key and the value, if the value is no table.
    entry: Option<Range<usize>>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            found: Vec::new(),
        }
    }

    /// A problem with what stands there.
    pub(super) fn at(&mut self, span: Range<usize>, message: &str) {
        let key = self.place(self.text, span.start);
        let key = key
            .map(|place| place.path.join(".") + ": ")
            .unwrap_or_default();
        self.found.push((span.start, key + message));
    }

    /// Reads the text. Where it does not fit, it is read again without what does not, to tell more than one problem.
    pub(super) fn parse<T: DeserializeOwned>(&mut self) -> Option<T> {
        let (_, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            for error in errors {
                self.found.push((start(&error), error.message().to_owned()));
            }
            return None;
        }
        let mut text = self.text.to_owned();
        while self.found.len() < PROBLEMS_MAX {
            let error = match toml::from_str(&text) {
                Ok(value) if self.found.is_empty() => return Some(value),
                Ok(_) => return None,
                Err(error) => error,
            };
            let at = start(&error);
            if !self.found.is_empty() && error.message().starts_with(MISSING) {
                // It may have been there, and taken out.
                break;
            }
            let place = self.place(&text, at);
            let is_secret = |place: &Place| SECRETS.contains(&&*place.path[0]);
            let message = match place.as_ref().is_none_or(is_secret) {
                true => without_value(error.message()),
                false => error.message().to_owned(),
            };
            self.at(at..at, &in_our_words(&message));
            let entry = place.and_then(|place| place.entry);
            let Some(entry) = entry else { break };
            // What is beside it keeps its place.
            let blank: String = text[entry.clone()]
                .chars()
                .map(|c| {
                    if c == '\n' {
                        "\n".to_owned()
                    } else {
                        " ".repeat(c.len_utf8())
                    }
                })
                .collect();
            text.replace_range(entry, &blank);
            if DeTable::parse(&text).is_err() {
                break;
            }
        }
        None
    }

    /// A line for each problem, in the order of the file.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        self.found.sort_by_key(|(offset, _)| *offset);
        self.found.truncate(PROBLEMS_MAX);
        let found = self.found.iter();
        found
            .map(|(offset, message)| {
                let message = message.replace('\n', " ");
                format!("{}:{}: {message}", self.file, self.line(*offset))
            })
            .collect()
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.text[..offset].matches('\n').count()
    }

    /// Where each key stands that is not in a table, as `FILE:LINE: KEY`.
    pub(super) fn places(&self) -> BTreeMap<String, String> {
        let Ok(table) = DeTable::parse(self.text) else {
            return BTreeMap::new();
        };
        let keys = table.get_ref().keys();
        let places = keys.map(|key| {
            let line = self.line(key.span().start);
            let place = format!("{}:{line}: {}", self.file, key.get_ref());
            (key.get_ref().to_string(), place)
        });
        places.collect()
    }

    fn place(&self, text: &str, at: usize) -> Option<Place> {
        let table = DeTable::parse(text).ok()?;
        let mut path = Vec::new();
        let entry = find(table.get_ref(), at, &mut path)?;
        Some(Place { path, entry })
    }
}

fn start(error: &Error) -> usize {
    error.span().unwrap_or_default().start
}

/// Follows the keys to what stands there.
fn find(table: &DeTable<'_>, at: usize, path: &mut Vec<String>) -> Option<Option<Range<usize>>> {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        let inner = match value.get_ref() {
            DeValue::Table(table) => find(table, at, path),
            DeValue::Array(values) => values.iter().find_map(|value| match value.get_ref() {
                DeValue::Table(table) => find(table, at, path),
                _ => None,
            }),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
        if key.span().contains(&at) || value.span().contains(&at) {
            return Some(entry(key, value));
        }
        path.pop();
    }
    None
}

/// The text of a key and its value; none of a table, which may go on elsewhere.
fn entry<K>(key: &Spanned<K>, value: &Spanned<DeValue<'_>>) -> Option<Range<usize>> {
    let (start, end) = (key.span().start, value.span().end);
    let is_plain = !matches!(value.get_ref(), DeValue::Table(_)) && start < end;
    is_plain.then_some(start..end)
}

/// What serde says of a value that does not fit, without the value.
fn without_value(message: &str) -> String {
    let tells_value = ["invalid type", "invalid value", "unknown variant"];
    if !tells_value.iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    let expected = message.rsplit_once(", expected ").map(|(_, rest)| rest);
    match expected {
        // So serde calls a table.
        Some(rest) if !rest.starts_with("struct ") => format!("invalid value, expected {rest}"),
        _ => "invalid value, expected a table".to_owned(),
    }
}

/// TOML says keys.
fn in_our_words(message: &str) -> String {
    message
        .replace("unknown field", "unknown key")
        .replace(MISSING, "missing key")
}
