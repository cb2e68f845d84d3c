//! `[[users]]` and `[[roles]]`, and what `--user` says.

use std::{collections::BTreeMap, convert::Infallible, fmt, ops::Range, str::FromStr};

use gumboot_broker::{Kinds, PasswordHash, Pattern, Permissions, UserEntry, Users, UsersError};
use serde::Deserialize;
use toml::Spanned;

use super::problem::Problems;

/// One of `[[users]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct User {
    name: Spanned<String>,
    #[serde(deserialize_with = "hash")]
    password_hash: PasswordHash,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    read: Vec<Spanned<String>>,
    #[serde(default)]
    write: Vec<Spanned<String>>,
    #[serde(default)]
    create: Vec<Spanned<String>>,
}

/// One of `[[roles]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Role {
    name: Spanned<String>,
    #[serde(default)]
    read: Vec<Spanned<String>>,
    #[serde(default)]
    write: Vec<Spanned<String>>,
    #[serde(default)]
    create: Vec<Spanned<String>>,
}

/// The hash is not told again if it is none, of whatever type: it may be the password.
fn hash<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<PasswordHash, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        // No text is a hash, and this says so.
        _ => String::new(),
    };
    text.parse().map_err(serde::de::Error::custom)
}

/// The users and roles that a file has.
#[derive(Debug, Default)]
pub(crate) struct WrittenUsers {
    entries: Vec<UserEntry>,
    roles: BTreeMap<String, Permissions>,
}

impl WrittenUsers {
    pub(super) fn resolve(
        users: Vec<User>,
        roles: Vec<Role>,
        kinds: &Kinds,
        problems: &mut Problems<'_>,
    ) -> Self {
        let mut written = Self::default();
        for role in roles {
            let permissions = permissions([&role.read, &role.write, &role.create], kinds, problems);
            let span = role.name.span();
            let name = role.name.into_inner();
            if written.roles.insert(name, permissions).is_some() {
                problems.at(span, "there is a role of this name already");
            }
        }
        let mut spans = BTreeMap::new();
        for user in users {
            let permissions = permissions([&user.read, &user.write, &user.create], kinds, problems);
            spans.insert(user.name.get_ref().clone(), user.name.span());
            written.entries.push(UserEntry {
                name: user.name.into_inner(),
                password: user.password_hash,
                roles: user.roles,
                permissions,
            });
        }
        written.check(&spans, problems);
        written
    }

    /// Whether all fits together.
    fn check(&self, spans: &BTreeMap<String, Range<usize>>, problems: &mut Problems<'_>) {
        if let Err(error) = Users::new(self.entries.iter().cloned(), &self.roles) {
            let name = match &error {
                UsersError::Duplicate(name) | UsersError::Name(name) => Some(name),
                UsersError::NameInPattern { user, .. } | UsersError::RoleUnknown { user, .. } => {
                    Some(user)
                }
                _ => None,
            };
            let span = name.and_then(|name| spans.get(&**name)).cloned();
            problems.at(span.unwrap_or_default(), &error.to_string());
        }
    }

    /// These users, and those that are named in passing, who may do everything; none if there is nobody.
    ///
    /// # Errors
    /// What does not fit together.
    pub(crate) fn with(self, named: &[Secret]) -> Result<Option<Users>, String> {
        let mut entries = self.entries;
        for user in named {
            let (name, password) = user.split().ok_or("it is NAME:PASSWORD")?;
            let password = PasswordHash::new(password).map_err(|error| error.to_string())?;
            entries.retain(|entry| entry.name != name);
            entries.push(UserEntry {
                name: name.to_owned(),
                password,
                roles: Vec::new(),
                permissions: Permissions::everything(),
            });
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let users = Users::new(entries, &self.roles);
        users.map(Some).map_err(|error| error.to_string())
    }
}

fn permissions(
    [read, write, create]: [&[Spanned<String>]; 3],
    kinds: &Kinds,
    problems: &mut Problems<'_>,
) -> Permissions {
    let mut patterns = |texts: &[Spanned<String>]| {
        let parsed = texts.iter().filter_map(|text| {
            let parsed = Pattern::parse(text.get_ref(), kinds);
            let told = parsed.map_err(|error| problems.at(text.span(), &error.to_string()));
            told.ok()
        });
        parsed.collect()
    };
    Permissions {
        read: patterns(read),
        write: patterns(write),
        create: patterns(create),
    }
}

/// `NAME:PASSWORD`, as it was typed; `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    fn split(&self) -> Option<(&str, &str)> {
        self.0.split_once(':')
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(typed: &str) -> Result<Self, Infallible> {
        Ok(Self(typed.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}
