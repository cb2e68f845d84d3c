//! On what it was measured, and how much of the disk is used.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::context::{Context, Failure};
use crate::process;

/// The machine and the versions, a line each.
pub(super) fn describe(cx: &Context) -> Result<Vec<String>, Failure> {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = value(&processors, "model name").unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = value(&memory, "MemTotal").unwrap_or("unknown");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut file_system = Command::new("stat");
    file_system.args(["-f", "-c", "%T"]).arg(&cx.root);
    let file_system = process::capture(cx, &mut file_system)?;
    let mut commit = Command::new("git");
    commit
        .current_dir(&cx.root)
        .args(["log", "-1", "--format=%h of %cs"]);
    let commit = process::capture(cx, &mut commit)?;
    let rust = process::capture(cx, Command::new("rustc").arg("--version"))?;
    Ok(vec![
        format!("Machine: {cores} cores of {model}, {memory} of memory."),
        format!(
            "System: Linux {}, file system {}.",
            kernel.trim(),
            file_system.trim()
        ),
        format!(
            "Gumboot: commit {}, release build, {}.",
            commit.trim(),
            rust.trim()
        ),
    ])
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

/// How many processes wanted a core, over 1, 5 and 15 minutes.
pub(super) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let three: Vec<&str> = load.split_whitespace().take(3).collect();
    three.join(", ")
}

/// Whether, over the last minute, more than half of the cores were wanted.
pub(super) fn is_busy(load: &str) -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let minute = load.split(',').next().and_then(|load| load.parse().ok());
    minute.is_some_and(|minute: f64| minute > cores as f64 / 2.0)
}

/// How many bytes of the disk a directory has.
pub(super) fn disk_bytes(path: &Path) -> Result<u64, Failure> {
    let failed = |error| Failure::Broken(format!("cannot look at {}: {error}", path.display()));
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    if !metadata.is_dir() {
        return Ok(metadata.blocks() * 512);
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // A file may have been deleted by the server meanwhile.
        bytes += if path.exists() {
            disk_bytes(&path).unwrap_or(0)
        } else {
            0
        };
    }
    Ok(bytes)
}
