//! Passwords: they are kept as hashes of argon2, in the form that others write too, and checked against these.

use std::{error, fmt, str::FromStr};

use argon2::{
    Argon2, Params, PasswordHasher, PasswordVerifier,
    password_hash::{Error as HashError, phc},
};

/// The memory that checking a password may take, in KiB: 256 MiB. A new hash asks for 19 MiB.
pub const HASH_MEMORY_KIB_MAX: u32 = 256 * 1024;

/// The rounds that checking a password may take, over all of its memory. A new hash asks for 2.
pub const HASH_ROUNDS_MAX: u32 = 64;

/// A password, from which nobody learns it: its hash by argon2, with the salt and the parameters.
///
/// It is read and written as a PHC string, `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`; `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(phc::PasswordHash);

impl PasswordHash {
    /// Hashes a password with a new salt: argon2id with 19 MiB, 2 rounds and 1 lane. It takes some time on purpose.
    ///
    /// # Errors
    /// [`PasswordError::Empty`], [`PasswordError::Random`]
    pub fn new(password: &str) -> Result<Self, PasswordError> {
        Self::with_params(password, Params::DEFAULT)
    }

    pub(super) fn with_params(password: &str, params: Params) -> Result<Self, PasswordError> {
        if password.is_empty() {
            return Err(PasswordError::Empty);
        }
        let hashed = Argon2::from(params).hash_password(password.as_bytes());
        hashed.map(Self).map_err(|_| PasswordError::Random)
    }

    /// Whether this is the password. It takes as long if it is not.
    pub(super) fn verify(&self, password: &str) -> bool {
        let verified = Argon2::default().verify_password(password.as_bytes(), &self.0);
        verified.is_ok()
    }

    /// What checking it takes.
    pub(super) fn params(&self) -> Params {
        Params::try_from(&self.0).unwrap_or_default()
    }
}

impl FromStr for PasswordHash {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Self, PasswordError> {
        let hash = phc::PasswordHash::new(text).map_err(|_| PasswordError::NotAHash)?;
        let is_argon2 = hash.algorithm.as_str().starts_with("argon2");
        if !is_argon2 || hash.salt.is_none() || hash.hash.is_none() {
            return Err(PasswordError::NotAHash);
        }
        let params = Params::try_from(&hash).map_err(|_: HashError| PasswordError::NotAHash)?;
        if params.m_cost() > HASH_MEMORY_KIB_MAX || params.t_cost() > HASH_ROUNDS_MAX {
            return Err(PasswordError::TooCostly);
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").finish_non_exhaustive()
    }
}

/// Why there is no hash of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordError {
    /// The password is empty: choose one.
    Empty,
    /// The text is no hash by argon2: make one with `gumboot passwd`.
    NotAHash,
    /// The system has no random numbers for a salt.
    Random,
    /// The hash asks for more than [`HASH_MEMORY_KIB_MAX`] or [`HASH_ROUNDS_MAX`].
    TooCostly,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the password is empty"),
            Self::NotAHash => f.write_str("this is no hash such as `gumboot passwd` makes"),
            Self::Random => f.write_str("the system has no random numbers to hash a password with"),
            Self::TooCostly => write!(
                f,
                "the hash asks for more than {HASH_MEMORY_KIB_MAX} KiB or {HASH_ROUNDS_MAX} rounds"
            ),
        }
    }
}

impl error::Error for PasswordError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the word `password`, as the reference implementation tests itself with.
    const KNOWN: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\
                         $CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::new("a:b\\c\\\\").unwrap();
        let text = hash.to_string();
        assert!(
            text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{text}"
        );
        let read: PasswordHash = text.parse().unwrap();
        assert_eq!(read, hash);
        assert!(read.verify("a:b\\c\\\\"));
        for other in ["", "a:b\\c\\", "a:bc\\", "A:b\\c\\\\"] {
            assert!(!read.verify(other), "{other}");
        }
    }

    #[test]
    fn a_hash_of_the_reference_implementation() {
        let hash: PasswordHash = KNOWN.parse().unwrap();
        assert!(hash.verify("password"));
        assert!(!hash.verify("Password"));
    }

    #[test]
    fn a_salt_is_used_once() {
        let params = Params::new(8, 1, 1, None).unwrap();
        let hash = || PasswordHash::with_params("secret", params.clone()).unwrap();
        assert_ne!(hash().to_string(), hash().to_string());
    }

    #[test]
    fn what_is_no_hash() {
        for text in [
            "",
            "secret",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$pbkdf2-sha256$i=1000$c29tZXNhbHQ$aGFzaGhhc2g",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            let read = text.parse::<PasswordHash>();
            assert_eq!(read, Err(PasswordError::NotAHash), "{text}");
        }
        assert_eq!(PasswordHash::new(""), Err(PasswordError::Empty));
    }

    #[test]
    fn costs_at_the_bound_and_one_past() {
        let with = |m: u32, t: u32| {
            let text = KNOWN.replace("m=65536,t=2", &format!("m={m},t={t}"));
            text.parse::<PasswordHash>().map(drop)
        };
        assert_eq!(with(HASH_MEMORY_KIB_MAX, HASH_ROUNDS_MAX), Ok(()));
        let too_costly = Err(PasswordError::TooCostly);
        assert_eq!(with(HASH_MEMORY_KIB_MAX + 1, 1), too_costly);
        assert_eq!(with(8, HASH_ROUNDS_MAX + 1), too_costly);
    }

    #[test]
    fn nothing_of_it_is_in_a_log() {
        let hash: PasswordHash = KNOWN.parse().unwrap();
        assert_eq!(format!("{hash:?}"), "PasswordHash { .. }");
    }
}
