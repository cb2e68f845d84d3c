//! Where lines that were typed are kept: in the user's state folder, as the XDG base directory specification names it.

use std::{
    env, fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The lines that are kept at most.
pub(super) const LINES_MAX: usize = 1_000;

/// The file of the history, in a folder that is there and that nobody else may look into.
///
/// # Errors
/// Why there can be none.
pub(super) fn file() -> Result<PathBuf, String> {
    let folder = folder(|name| env::var_os(name).map(PathBuf::from))
        .ok_or("neither XDG_STATE_HOME nor HOME is set")?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.join("history"))
}

/// The folder, by variables of the environment; relative ones are not heeded.
fn folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path: &PathBuf| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(Path::new(".local/state"))))?;
    Some(state.join("gumboot"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder() {
        let both = |name: &str| match name {
            "HOME" => Some(PathBuf::from("/home/u")),
            _ => Some(PathBuf::from("/state")),
        };
        assert_eq!(folder(both), Some(PathBuf::from("/state/gumboot")));
        let relative = |name: &str| match name {
            "HOME" => Some(PathBuf::from("/home/u")),
            _ => Some(PathBuf::from("state")),
        };
        let below_home = PathBuf::from("/home/u/.local/state/gumboot");
        assert_eq!(folder(relative), Some(below_home));
        assert_eq!(folder(|_| None), None);
    }
}
