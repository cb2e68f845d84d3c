//! The steps with real clients: Node.js, Python and a browser, each against the built program.
//!
//! The tests are in the folder `peers`. They start the program themselves, and learn from the
//! environment where it is and what was installed for them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::context::{Context, Failure, Outcome};
use crate::{install, process, program};

/// The bound of a file of JavaScript tests, in milliseconds; every wait inside has its own.
const TEST_TIMEOUT_MS: u32 = 300_000;

pub(crate) fn node(cx: &Context) -> Outcome {
    process::run(cx, &mut node_tests(cx, "node")?)?;
    let mut exchanges = interop(cx, "node", "peers/node/interop_peer.mjs")?;
    exchanges.env("GUMBOOT_NODE_MODULES", install::node_modules(cx)?);
    process::run(cx, &mut exchanges)?;
    Ok(vec![])
}

pub(crate) fn python(cx: &Context) -> Outcome {
    let program = program::build(cx)?;
    let python = install::python(cx)?;
    let folder = cx.root.join("peers/python");
    files_ending(&folder, "_test.py")?;
    let mut command = Command::new(&python);
    command.args([
        "-m",
        "unittest",
        "discover",
        "--verbose",
        "--pattern",
        "*_test.py",
    ]);
    command.arg("--start-directory").arg(&folder);
    command
        .env("GUMBOOT_PROGRAM", program)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    process::run(cx, &mut command)?;
    let mut exchanges = interop(cx, python, "peers/python/interop_peer.py")?;
    process::run(cx, exchanges.env("PYTHONDONTWRITEBYTECODE", "1"))?;
    Ok(vec![])
}

pub(crate) fn browser(cx: &Context) -> Outcome {
    let screenshots = cx.peers().join("screenshots");
    let mut command = node_tests(cx, "browser")?;
    command
        .env("GUMBOOT_CHROMIUM", install::chromium(cx)?)
        .env("GUMBOOT_PYTHON", install::python(cx)?)
        .env("GUMBOOT_SCREENSHOTS", &screenshots)
        .env(
            "GUMBOOT_WEB_SOCKET_SERVER",
            program::build_web_socket_server(cx)?,
        )
        .env("PYTHONDONTWRITEBYTECODE", "1");
    process::run(cx, &mut command)?;
    let mut exchanges = interop(cx, "node", "peers/browser/interop_peer.mjs")?;
    exchanges
        .env("GUMBOOT_NODE_MODULES", install::node_modules(cx)?)
        .env("GUMBOOT_CHROMIUM", install::chromium(cx)?);
    process::run(cx, &mut exchanges)?;
    Ok(vec![format!("screenshots: {}", screenshots.display())])
}

/// Node's test runner for the tests in one folder, one file at a time.
fn node_tests(cx: &Context, folder: &str) -> Result<Command, Failure> {
    let files = files_ending(&cx.root.join("peers").join(folder), ".test.mjs")?;
    let program = program::build(cx)?;
    let modules = install::node_modules(cx)?;
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=spec", "--test-concurrency=1"]);
    command
        .arg(format!("--test-timeout={TEST_TIMEOUT_MS}"))
        .args(files);
    command.current_dir(&cx.root);
    command
        .env("GUMBOOT_PROGRAM", program)
        .env("GUMBOOT_NODE_MODULES", modules);
    Ok(command)
}

/// All exchanges with the peer that `runner` makes of a file; beside it lies what it is expected to do.
fn interop(cx: &Context, runner: impl AsRef<OsStr>, peer: &str) -> Result<Command, Failure> {
    let mut command = Command::new(program::build_interop(cx)?);
    command
        .arg("--program")
        .arg(program::build(cx)?)
        .arg("--expect")
        .arg(cx.root.join(peer).with_file_name("interop_expect.json"))
        .arg(runner)
        .arg(cx.root.join(peer));
    command.current_dir(&cx.root);
    Ok(command)
}

/// The test files of a folder; none is an error, since a run of no tests must not be green.
fn files_ending(folder: &Path, end: &str) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_test = |path: &PathBuf| {
        path.file_name()
            .map(OsStr::to_string_lossy)
            .is_some_and(|name| name.ends_with(end))
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_test).collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::Broken(format!(
            "no *{end} in {}",
            folder.display()
        )));
    }
    Ok(files)
}
