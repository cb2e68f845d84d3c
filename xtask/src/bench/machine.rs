//! On what it was measured, and how much of the disk is used.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::context::{Context, Failure};
use crate::process;

/// The machine and the versions, a line each.
pub(super) fn describe(cx: &Context) -> Result<Vec<String>, Failure> {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = value(&processors, "model name").unwrap_or("unknown");
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = value(&memory, "MemTotal").and_then(gibibytes);
    let memory = memory.map_or("unknown".to_owned(), |gib| format!("{gib:.0} GiB"));
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

/// The GiB of a figure of /proc/meminfo, such as `24684092 kB`.
fn gibibytes(value: &str) -> Option<f64> {
    let kilobytes: f64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / f64::from(1 << 20))
}

/// How long is looked at what else the machine does.
const LOOK: Duration = Duration::from_secs(2);

/// The part of the cores' time that is used, while nothing is measured: what other work takes. None where Linux does not
/// tell.
pub(super) fn other_work() -> Option<f64> {
    let read = || times(&fs::read_to_string("/proc/stat").ok()?);
    let (used, all) = read()?;
    thread::sleep(LOOK);
    let (used_then, all_then) = read()?;
    (all_then > all).then(|| (used_then - used) / (all_then - all))
}

/// The time that all cores were used, and all their time, in the same unit. What another machine on the same host took
/// counts as used.
fn times(stat: &str) -> Option<(f64, f64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal; what guests had is in user already.
    let times = line.split_whitespace().take(8).map(str::parse);
    let times: Vec<f64> = times.collect::<Result<_, _>>().ok()?;
    let all: f64 = times.iter().sum();
    let idle: f64 = times.get(3..5)?.iter().sum();
    Some((all - idle, all))
}

/// Whether this is enough other work to be seen in what is measured.
pub(super) fn is_busy(other_work: Option<f64>) -> bool {
    other_work.is_some_and(|part| part > 0.05)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_all_cores_is_read() {
        let stat = "cpu  100 20 30 400 50 6 7 8 900 0\ncpu0 1 1 1 1 1 1 1 1 1 0\n";
        assert_eq!(times(stat), Some((171.0, 621.0)));
        assert_eq!(times("cpu  1 2 x"), None);
        assert!(is_busy(Some(0.2)) && !is_busy(Some(0.01)) && !is_busy(None));
    }

    #[test]
    fn memory_is_told_in_gibibytes() {
        assert_eq!(gibibytes("24684092 kB").map(f64::round), Some(24.0));
        assert_eq!(gibibytes("many"), None);
    }
}
