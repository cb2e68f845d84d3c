//! `[[durability]]`: what holds for messages that do not say whether they are kept, and what their RECEIPT waits for.

use gumboot_broker::{Destination, Durability, Kind, Kinds, Level};
use serde::Deserialize;
use toml::Spanned;

use super::problem::Problems;

/// One of `[[durability]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Written {
    pattern: Spanned<String>,
    receipt_level: Option<LevelName>,
    persistent: Option<bool>,
}

/// What a RECEIPT waits for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LevelName {
    Received,
    Stored,
    Synced,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Received => Self::Received,
            LevelName::Stored => Self::Stored,
            LevelName::Synced => Self::Synced,
        }
    }
}

/// What holds for the queues and topics of each pattern.
pub(super) fn resolve_durabilities(
    written: Vec<Written>,
    kinds: &Kinds,
    problems: &mut Problems<'_>,
) -> Vec<(Destination, Durability)> {
    let mut durabilities = Vec::new();
    for one in written {
        let default = Durability::default();
        let durability = Durability {
            receipt_level: one.receipt_level.map_or(default.receipt_level, Level::from),
            persistent: one.persistent.unwrap_or(default.persistent),
        };
        let name = &one.pattern;
        match kinds.parse(name.get_ref()) {
            Ok(pattern) if matches!(pattern.kind(), Kind::Queue | Kind::Topic) => {
                durabilities.push((pattern, durability));
            }
            Ok(_) => problems.at(
                name.span(),
                &format!("'{}' is neither a queue nor a topic", name.get_ref()),
            ),
            Err(error) => problems.at(name.span(), &error.to_string()),
        }
    }
    durabilities
}
