//! The users of a server, and their log-in.

use std::{
    collections::{BTreeMap, HashMap},
    error, fmt,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use gumboot_broker_core::{Access, Action, Destination};
use tokio::time::Instant;

use super::{
    password::{PasswordError, PasswordHash},
    permissions::Permissions,
    throttle::{Throttle, refuse},
};

/// The bytes of a user's name at most.
pub const USER_NAME_BYTES_MAX: usize = 255;

/// A user, as it stands in a configuration.
#[derive(Debug, Clone)]
pub struct UserEntry {
    /// What the client says as `login`.
    pub name: String,
    /// What it says as `passcode`, hashed.
    pub password: PasswordHash,
    /// Whose permissions it has too.
    pub roles: Vec<String>,
    /// What it may do.
    pub permissions: Permissions,
}

/// Someone who has logged in, and what that one may do.
#[derive(Debug)]
pub struct User {
    name: Arc<str>,
    permissions: Permissions,
}

impl User {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }
}

impl Access for User {
    fn allows(&self, action: Action, destination: &Destination) -> bool {
        self.permissions.allow(action, destination)
    }
}

/// All users of a server.
#[derive(Debug)]
pub struct Users {
    table: RwLock<Arc<Table>>,
    throttle: Throttle,
}

#[derive(Debug)]
struct Table {
    users: HashMap<Arc<str>, Known>,
    /// What the passcode of a name that is no user's is checked against, so that it takes as long.
    nobody: Arc<PasswordHash>,
}

#[derive(Debug)]
struct Known {
    user: Arc<User>,
    password: Arc<PasswordHash>,
}

impl Users {
    /// Users, and the roles that they may have, by name.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn new(
        entries: impl IntoIterator<Item = UserEntry>,
        roles: &BTreeMap<String, Permissions>,
    ) -> Result<Self, UsersError> {
        let mut users = HashMap::new();
        for entry in entries {
            let known = Known::new(entry, roles)?;
            let name = Arc::clone(&known.user.name);
            if users.insert(Arc::clone(&name), known).is_some() {
                return Err(UsersError::Duplicate(name));
            }
        }
        let nobody = Arc::new(nobody(&users)?);
        Ok(Self {
            table: RwLock::new(Arc::new(Table { users, nobody })),
            throttle: Throttle::new(),
        })
    }

    /// Takes the place of all users by those of `others`. Who is logged in stays so, with the same permissions.
    pub fn replace(&self, others: Self) {
        let others = others.table.into_inner();
        let table = others.unwrap_or_else(PoisonError::into_inner);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// The user who says so, if the passcode is right. A refusal comes late, see [`REFUSED_AFTER`](super::REFUSED_AFTER).
    ///
    /// The passcode is compared as it is, octet by octet.
    ///
    /// # Errors
    /// Why nobody is logged in.
    #[must_use]
    pub fn authenticate(
        self: &Arc<Self>,
        login: Option<&str>,
        passcode: Option<&str>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<User>, LoginRefused>> + Send>> {
        let users = Arc::clone(self);
        let login = login.map(Box::from);
        let passcode = Box::from(passcode.unwrap_or_default());
        Box::pin(async move {
            let since = Instant::now();
            let checked = users.check(login, passcode).await;
            if checked.is_err() {
                refuse(since).await;
            }
            checked
        })
    }

    async fn check(
        &self,
        login: Option<Box<str>>,
        passcode: Box<str>,
    ) -> Result<Arc<User>, LoginRefused> {
        let login = login.ok_or(LoginRefused::NoLogin)?;
        let (user, password) = self.find(&login);
        let verified = self.throttle.verify(password, passcode).await;
        match (verified, user) {
            (Ok(true), Some(user)) => Ok(user),
            (Ok(_), _) => Err(LoginRefused::Wrong),
            (Err(_), _) => Err(LoginRefused::Busy),
        }
    }

    /// The user of this name, and what the passcode is to be checked against.
    fn find(&self, name: &str) -> (Option<Arc<User>>, Arc<PasswordHash>) {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        match table.users.get(name) {
            Some(known) => (Some(Arc::clone(&known.user)), Arc::clone(&known.password)),
            None => (None, Arc::clone(&table.nobody)),
        }
    }
}

impl Known {
    fn new(entry: UserEntry, roles: &BTreeMap<String, Permissions>) -> Result<Self, UsersError> {
        let name: Arc<str> = entry.name.into();
        let is_name = !name.is_empty() && !name.chars().any(char::is_control);
        if !is_name || name.len() > USER_NAME_BYTES_MAX {
            return Err(UsersError::Name(name));
        }
        let mut permissions = entry.permissions;
        for role in entry.roles {
            let Some(of_role) = roles.get(&role) else {
                return Err(UsersError::RoleUnknown { user: name, role });
            };
            permissions.extend(of_role);
        }
        let permissions = permissions.for_user(&name);
        let permissions = permissions.map_err(|pattern| UsersError::NameInPattern {
            user: Arc::clone(&name),
            pattern,
        })?;
        Ok(Self {
            user: Arc::new(User { name, permissions }),
            password: Arc::new(entry.password),
        })
    }
}

/// The hash of a password that nobody has, as costly as the costliest of all.
fn nobody(users: &HashMap<Arc<str>, Known>) -> Result<PasswordHash, UsersError> {
    let params = users.values().map(|known| known.password.params());
    let costliest = params.max_by_key(|params| {
        u64::from(params.m_cost()) * u64::from(params.t_cost()) * u64::from(params.p_cost())
    });
    PasswordHash::with_params("nobody", costliest.unwrap_or_default()).map_err(UsersError::Password)
}

/// Why nobody was logged in; the text is for the one who tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginRefused {
    /// More log-ins wait than the server checks in time: try later.
    Busy,
    /// The client did not say who it is.
    NoLogin,
    /// There is no such user, or the passcode is another; which of these is not told.
    Wrong,
}

impl fmt::Display for LoginRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "more log-ins wait than the server checks in time",
            Self::NoLogin => "this server has users: CONNECT needs a login and a passcode",
            Self::Wrong => "the login or the passcode is wrong",
        })
    }
}

impl error::Error for LoginRefused {}

/// Why users and roles do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsersError {
    /// Two users have this name.
    Duplicate(Arc<str>),
    /// A name is empty, longer than [`USER_NAME_BYTES_MAX`], or has control characters.
    Name(Arc<str>),
    /// A name for which `{user}` cannot stand in the pattern: it has more than one segment there, or is a wildcard.
    NameInPattern {
        /// The user.
        user: Arc<str>,
        /// The pattern.
        pattern: String,
    },
    /// There are no hashes to be made.
    Password(PasswordError),
    /// A role that is not defined.
    RoleUnknown {
        /// The user who has it.
        user: Arc<str>,
        /// The role.
        role: String,
    },
}

impl fmt::Display for UsersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "two users have the name {name:?}"),
            Self::Name(name) => write!(
                f,
                "a user's name has 1 to {USER_NAME_BYTES_MAX} bytes and no control characters: {name:?}"
            ),
            Self::NameInPattern { user, pattern } => write!(
                f,
                "{{user}} in '{pattern}' cannot be {user:?}: there, a name has none of . / % * > # \
                 and no $ in front"
            ),
            Self::Password(error) => error.fmt(f),
            Self::RoleUnknown { user, role } => {
                write!(
                    f,
                    "the user {user:?} has the role {role:?}, which does not exist"
                )
            }
        }
    }
}

impl error::Error for UsersError {}

#[cfg(test)]
mod tests;
