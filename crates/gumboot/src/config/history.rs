//! `[[history]]`: which topics keep what was sent to them, and how much of it.

use std::sync::Arc;

use gumboot_broker::{Destination, HistoryPolicy, Kind, Kinds};
use serde::Deserialize;
use toml::Spanned;

use super::{
    problem::Problems,
    units::{bytes, millis, some},
};

/// One of `[[history]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct History {
    pattern: Spanned<String>,
    #[serde(default, deserialize_with = "some")]
    messages_max: Option<usize>,
    #[serde(default, deserialize_with = "bytes")]
    bytes_max: Option<usize>,
    #[serde(default, deserialize_with = "millis")]
    age_max: Option<u64>,
}

/// How much is kept of the topics of each pattern.
pub(super) fn resolve_histories(
    histories: Vec<History>,
    kinds: &Kinds,
    problems: &mut Problems<'_>,
) -> Vec<(Destination, Arc<HistoryPolicy>)> {
    let mut policies = Vec::new();
    for written in histories {
        let default = HistoryPolicy::default();
        let policy = HistoryPolicy {
            messages_max: written.messages_max.unwrap_or(default.messages_max),
            bytes_max: written.bytes_max.unwrap_or(default.bytes_max),
            age_ms_max: written.age_max.unwrap_or(default.age_ms_max),
        };
        let name = &written.pattern;
        match kinds.parse(name.get_ref()) {
            Ok(topics) if topics.kind() == Kind::Topic => policies.push((topics, policy.into())),
            Ok(_) => problems.at(name.span(), &format!("'{}' is no topic", name.get_ref())),
            Err(error) => problems.at(name.span(), &error.to_string()),
        }
    }
    policies
}
