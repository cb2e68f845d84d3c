//! `gumboot passwd`: hashes a password, for a configuration file.

use std::{
    io::{self, BufRead, IsTerminal, Read, Write},
    process::ExitCode,
};

use gumboot_broker::{PasswordError, PasswordHash, USER_NAME_BYTES_MAX};

use super::{EXIT_FAILURE, EXIT_USAGE, fail};

/// The bytes of a password at most.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// What was typed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The user: with it, a whole `[[users]]` table is printed
    name: Option<String>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let name = args.name.as_deref();
    if name.is_some_and(|name| !is_name(name)) {
        let message =
            format!("a name has 1 to {USER_NAME_BYTES_MAX} bytes and no control characters");
        return fail(EXIT_USAGE, &message);
    }
    let hashed = read().and_then(|password| {
        PasswordHash::new(&password).map_err(|error| {
            let status = match error {
                PasswordError::Random => EXIT_FAILURE,
                _ => EXIT_USAGE,
            };
            (status, error.to_string())
        })
    });
    let hash = match hashed {
        Ok(hash) => hash,
        Err((status, problem)) => return fail(status, &problem),
    };
    let printed = io::stdout().write_all(table(name, &hash).as_bytes());
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(EXIT_FAILURE, &format!("cannot print the hash: {error}")),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= USER_NAME_BYTES_MAX && !name.chars().any(char::is_control)
}

/// What is printed: the hash, or with a name what a configuration file has of a user.
fn table(name: Option<&str>, hash: &PasswordHash) -> String {
    let Some(name) = name else {
        return format!("{hash}\n");
    };
    // TOML 1.0, strings: these two are all that a name may have and a string may not.
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("[[users]]\nname = \"{name}\"\npassword-hash = \"{hash}\"\n")
}

/// The status to exit with, and what is wrong.
type Problem = (u8, String);

/// The password: typed twice without being shown, or a line of standard input.
fn read() -> Result<String, Problem> {
    let cannot = |error: io::Error| {
        let why = format!("cannot read the password: {error}");
        (EXIT_FAILURE, why)
    };
    let wrong = |why: String| (EXIT_USAGE, why);
    if !io::stdin().is_terminal() {
        let mut line = Vec::new();
        let stdin = io::stdin().lock();
        let taken = stdin
            .take(PASSWORD_BYTES_MAX + 2)
            .read_until(b'\n', &mut line);
        taken.map_err(cannot)?;
        let password = line.strip_suffix(b"\n").unwrap_or(&line);
        let password = password.strip_suffix(b"\r").unwrap_or(password);
        return checked(password.to_vec()).map_err(wrong);
    }
    let password = rpassword::prompt_password("password: ").map_err(cannot)?;
    let again = rpassword::prompt_password("again: ").map_err(cannot)?;
    if password != again {
        return Err(wrong("these are two different passwords".to_owned()));
    }
    checked(password.into_bytes()).map_err(wrong)
}

/// A password that can be said in a CONNECT frame.
fn checked(password: Vec<u8>) -> Result<String, String> {
    // First its length: what was read may end within a character.
    if password.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(format!("a password has {PASSWORD_BYTES_MAX} bytes at most"));
    }
    let password = String::from_utf8(password).map_err(|_| "the password is not UTF-8")?;
    if password.contains(['\r', '\n', '\0']) {
        return Err("no client can send a password with line ends".to_owned());
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_toml_whatever_the_name() {
        let hash = PasswordHash::new("secret").unwrap();
        for name in ["ann", "a\"b\\c", "ünïcode"] {
            let read: toml::Table = toml::from_str(&table(Some(name), &hash)).unwrap();
            let user = &read["users"][0];
            assert_eq!(user["name"].as_str(), Some(name));
            assert_eq!(user["password-hash"].as_str(), Some(&*hash.to_string()));
        }
        assert_eq!(table(None, &hash), format!("{hash}\n"));
    }

    #[test]
    fn passwords_that_no_client_can_send() {
        let longest = "x".repeat(usize::try_from(PASSWORD_BYTES_MAX).unwrap());
        let check = |password: &str| checked(password.as_bytes().to_vec());
        assert_eq!(check(&longest), Ok(longest.clone()));
        let too_long = format!("a password has {PASSWORD_BYTES_MAX} bytes at most");
        // The second ends within a character.
        for octets in [
            (longest.clone() + "x").into_bytes(),
            [longest.as_bytes(), b"\xc3"].concat(),
        ] {
            assert_eq!(checked(octets), Err(too_long.clone()));
        }
        assert!(check("a\rb").is_err());
        let not_text = "the password is not UTF-8".to_owned();
        assert_eq!(checked(b"a\xff".to_vec()), Err(not_text));
    }
}
