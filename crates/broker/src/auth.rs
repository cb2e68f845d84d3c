//! Who may log in, and what each user may do. Passwords are kept as hashes of argon2; who is no user may do nothing.
//!
//! What a destination is, and which one a pattern covers, is in `gumboot-broker-core`, which asks a [`User`] as its
//! `Access`.

mod password;
mod permissions;
mod throttle;
mod users;

pub use self::{
    password::{HASH_MEMORY_KIB_MAX, HASH_ROUNDS_MAX, PasswordError, PasswordHash},
    permissions::{Pattern, Permissions},
    throttle::{REFUSED_AFTER, VERIFICATION_WAIT_MAX, VERIFICATIONS_MAX},
    users::{LoginRefused, USER_NAME_BYTES_MAX, User, UserEntry, Users, UsersError},
};
