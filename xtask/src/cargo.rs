//! The steps that are cargo's own: format, lints, documentation, tests, build.

use std::process::Command;

use serde_json::Value;

use crate::context::{Context, Failure, Outcome};
use crate::process;

/// The cargo that runs this program.
pub(crate) fn cargo(cx: &Context) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&cx.root);
    // Set for this program by `cargo run`; its children build other packages.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

impl Context {
    /// What cargo says about the workspace, without its dependencies.
    pub(crate) fn metadata(&self) -> Result<Value, Failure> {
        let arguments = ["metadata", "--no-deps", "--format-version=1"];
        let text = process::capture(self, cargo(self).args(arguments))?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::Broken(format!("cargo metadata is not JSON: {error}")))
    }
}

pub(crate) fn fmt(cx: &Context) -> Outcome {
    process::run(cx, cargo(cx).args(["fmt", "--all", "--check"]))?;
    let peers = "bench/peers/Cargo.toml";
    process::run(
        cx,
        cargo(cx).args(["fmt", "--check", "--manifest-path", peers]),
    )?;
    Ok(vec![])
}

pub(crate) fn clippy(cx: &Context) -> Outcome {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    process::run(cx, cargo(cx).args(arguments))?;
    Ok(vec![])
}

pub(crate) fn doc(cx: &Context) -> Outcome {
    let mut command = cargo(cx);
    process::run(
        cx,
        command
            .args(["doc", "--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    Ok(vec![])
}

pub(crate) fn unit(cx: &Context) -> Outcome {
    process::run(
        cx,
        cargo(cx).args(["test", "--workspace", "--all-features", "--no-fail-fast"]),
    )?;
    Ok(vec![])
}

pub(crate) fn build(cx: &Context) -> Outcome {
    process::run(cx, cargo(cx).args(["build", "--release"]))?;
    Ok(vec![])
}

/// Builds the programs of a crate, as its tests do.
pub(crate) fn build_package(cx: &Context, package: &str) -> Outcome {
    process::run(cx, cargo(cx).args(["build", "--package", package]))?;
    Ok(vec![])
}

/// Builds an example of a crate in a profile: `dev` is that of the crate's tests, `release` that of the program.
pub(crate) fn build_example(cx: &Context, package: &str, example: &str, profile: &str) -> Outcome {
    let arguments = [
        "build",
        "--package",
        package,
        "--example",
        example,
        "--profile",
        profile,
    ];
    process::run(cx, cargo(cx).args(arguments))?;
    Ok(vec![])
}
