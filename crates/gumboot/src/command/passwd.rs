//! `gumboot passwd`: hashes a password, for a configuration file.

use std::{
    io::{self, BufRead, IsTerminal, Read, Write},
    process::ExitCode,
};

use gumboot_broker::{PasswordHash, USER_NAME_BYTES_MAX};

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
    let hash = match read().map(|password| PasswordHash::new(&password)) {
        Ok(Ok(hash)) => hash,
        Ok(Err(error)) => return fail(EXIT_USAGE, &error.to_string()),
        Err(problem) => return fail(EXIT_USAGE, &problem),
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

/// The password: typed twice without being shown, or a line of standard input.
fn read() -> Result<String, String> {
    let cannot = |error: io::Error| format!("cannot read the password: {error}");
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        let stdin = io::stdin().lock();
        let taken = stdin.take(PASSWORD_BYTES_MAX + 2).read_line(&mut line);
        taken.map_err(cannot)?;
        let password = line.strip_suffix('\n').unwrap_or(&line);
        return checked(password.strip_suffix('\r').unwrap_or(password).to_owned());
    }
    let password = rpassword::prompt_password("password: ").map_err(cannot)?;
    let again = rpassword::prompt_password("again: ").map_err(cannot)?;
    if password != again {
        return Err("these are two different passwords".to_owned());
    }
    checked(password)
}

/// A password that can be said in a CONNECT frame.
fn checked(password: String) -> Result<String, String> {
    if password.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(format!("a password has {PASSWORD_BYTES_MAX} bytes at most"));
    }
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
        assert_eq!(checked(longest.clone()), Ok(longest.clone()));
        assert!(checked(longest + "x").is_err());
        assert!(checked("a\rb".to_owned()).is_err());
    }
}
