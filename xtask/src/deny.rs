//! The step that judges the dependencies: cargo-deny, by the rules in deny.toml.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cargo::cargo;
use crate::context::{Context, Failure, Outcome};
use crate::process;

const VERSION: &str = "0.20.2";

/// The advisories are a git repository, which CI may not be able to reach: it fails fast or not at all.
const FETCH_BOUND: Duration = Duration::from_secs(60);

pub(crate) fn check(cx: &Context) -> Outcome {
    let tool = tool(cx).map_err(Failure::into_missing)?;
    let deny = || {
        let mut command = Command::new(&tool);
        command
            .current_dir(&cx.root)
            .args(["--workspace", "--manifest-path", "Cargo.toml"]);
        command
    };
    process::run(cx, deny().args(["check", "licenses", "bans", "sources"]))?;
    let bound = FETCH_BOUND.min(cx.remaining());
    if process::run_quiet(
        &cx.within(bound),
        "advisories",
        deny().args(["fetch", "db"]),
    )
    .is_err()
    {
        return Ok(vec![
            "NOT RUN: advisories, since their database cannot be fetched here".into(),
        ]);
    }
    process::run(cx, deny().args(["check", "--disable-fetch", "advisories"]))?;
    Ok(vec![])
}

/// The cargo-deny in PATH, else one of our own in the target folder, installed once.
fn tool(cx: &Context) -> Result<PathBuf, Failure> {
    if process::runs(cx, "cargo-deny", "--version") {
        return Ok("cargo-deny".into());
    }
    let tools = cx.target.join("tools");
    let path = tools.join("bin").join("cargo-deny");
    if !is_current(cx, &path) {
        let build = tools.join("build");
        let mut install = cargo(cx);
        install.args([
            "install",
            "cargo-deny",
            "--version",
            VERSION,
            "--locked",
            "--force",
        ]);
        install
            .arg("--root")
            .arg(&tools)
            .arg("--target-dir")
            .arg(&build);
        process::run_logged(cx, "cargo-deny", &mut install)?;
        // Hundreds of MiB that nobody needs again; a folder left behind does no harm.
        let _ = std::fs::remove_dir_all(build);
    }
    Ok(path)
}

fn is_current(cx: &Context, path: &PathBuf) -> bool {
    let version = process::capture(cx, Command::new(path).arg("--version"));
    version.is_ok_and(|text| text.trim() == format!("cargo-deny {VERSION}"))
}
