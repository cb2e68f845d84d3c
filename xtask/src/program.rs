//! The program under test, as users build it.

use std::path::PathBuf;

use crate::context::{Context, Failure};
use crate::{cargo, process};

/// Names a program to test in place of the one built here.
const VARIABLE: &str = "GUMBOOT_PROGRAM";

/// Builds `gumboot` if it is not up to date, and says where it is.
pub(crate) fn build(cx: &Context) -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(path.into());
    }
    cargo::build(cx)?;
    built(cx.target.join("release").join("gumboot"))
}

/// Builds the server of the cases of the `WebSocket` object, and says where it is.
pub(crate) fn build_web_socket_server(cx: &Context) -> Result<PathBuf, Failure> {
    const EXAMPLE: &str = "web_socket_test_server";
    cargo::build_example(cx, "gumboot-websocket", EXAMPLE, "dev")?;
    built(cx.target.join("debug/examples").join(EXAMPLE))
}

/// Builds the program that exchanges messages with peers, and says where it is.
pub(crate) fn build_interop(cx: &Context) -> Result<PathBuf, Failure> {
    const PACKAGE: &str = "gumboot-interop";
    cargo::build_package(cx, PACKAGE)?;
    built(cx.target.join("debug").join(PACKAGE))
}

/// Builds the client that the Autobahn Testsuite tests, and says where it is.
pub(crate) fn build_autobahn_client(cx: &Context) -> Result<PathBuf, Failure> {
    const EXAMPLE: &str = "autobahn_client";
    cargo::build_example(cx, "gumboot-websocket", EXAMPLE, "release")?;
    built(cx.target.join("release/examples").join(EXAMPLE))
}

/// Builds the program that counts what the program costs, and says where it is.
pub(crate) fn build_costs(cx: &Context) -> Result<PathBuf, Failure> {
    const PACKAGE: &str = "gumboot-costs";
    cargo::build_package(cx, PACKAGE)?;
    built(cx.target.join("debug").join(PACKAGE))
}

/// Builds the program that loads servers, and says where it is.
pub(crate) fn build_bench(cx: &Context) -> Result<PathBuf, Failure> {
    const PACKAGE: &str = "gumboot-bench";
    let arguments = ["build", "--release", "--package", PACKAGE];
    process::run(cx, cargo::cargo(cx).args(arguments))?;
    built(cx.target.join("release").join(PACKAGE))
}

fn built(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(Failure::Broken(format!(
            "cargo built no {}",
            path.display()
        )))
    }
}
