//! The program under test, as users build it.

use std::path::PathBuf;

use crate::cargo;
use crate::context::{Context, Failure};

/// Names a program to test in place of the one built here.
const VARIABLE: &str = "GUMBOOT_PROGRAM";

/// Builds `gumboot` if it is not up to date, and says where it is.
pub(crate) fn build(cx: &Context) -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(path.into());
    }
    cargo::build(cx)?;
    let path = cx.target.join("release").join("gumboot");
    if path.is_file() {
        Ok(path)
    } else {
        Err(Failure::Broken(format!(
            "cargo built no {}",
            path.display()
        )))
    }
}
