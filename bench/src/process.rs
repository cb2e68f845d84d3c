//! What a server process uses, its children included, as Linux counts it.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};

use crate::Failure;

/// How far apart memory is looked at until it stands still, and how long at most.
const SETTLE_STEP: Duration = Duration::from_millis(500);
const SETTLE_MAX: Duration = Duration::from_secs(6);

/// What memory may move by between two looks, in thousandths, and still count as standing.
const STANDS_WITHIN: u64 = 2;

/// The process that was named and those below it, as they were then.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    ids: Vec<u32>,
}

impl Process {
    /// Fails if there is no such process.
    pub(crate) fn of(id: u32) -> Result<Self, Failure> {
        let process = Self {
            ids: with_descendants(id),
        };
        process.cpu()?;
        Ok(process)
    }

    /// The processor time that it has had, in user space and in the kernel.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let mut sum = Duration::ZERO;
        for id in &self.ids {
            let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(*id)?))
                .map_err(|error| format!("process {id}: {error}"))?;
            sum += Duration::from(clock_gettime(clock)?);
        }
        Ok(sum)
    }

    /// Its share of memory in bytes: what is shared with other processes counts in proportion.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        let mut sum = 0;
        for id in &self.ids {
            let path = format!("/proc/{id}/smaps_rollup");
            let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
            sum += kilobytes(&text, "Pss:").ok_or_else(|| format!("{path} has no Pss"))? * 1024;
        }
        Ok(sum)
    }

    /// Its memory once it stands still, or after some seconds.
    pub(crate) fn settled_memory(&self) -> Result<u64, Failure> {
        let end = Instant::now() + SETTLE_MAX;
        let mut before = self.memory()?;
        loop {
            sleep(SETTLE_STEP);
            let now = self.memory()?;
            if now.abs_diff(before) * 1_000 <= before * STANDS_WITHIN || Instant::now() >= end {
                return Ok(now);
            }
            before = now;
        }
    }
}

/// A figure of `smaps_rollup`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn with_descendants(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{id}/task"));
    let children = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|ids| {
            let ids = ids.split_whitespace();
            ids.filter_map(|id| id.parse().ok()).collect::<Vec<u32>>()
        });
    let mut found: Vec<u32> = children.flat_map(with_descendants).collect();
    found.push(id);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kilobytes() {
        let text = "00400000-7ffd ---p 00000000 00:00 0 [rollup]\nRss:      9000 kB\nPss:      1234 kB\nPss_Dirty: 5 kB\n";
        assert_eq!(kilobytes(text, "Pss:"), Some(1234));
        assert_eq!(kilobytes(text, "Swap:"), None);
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let own = Process::of(std::process::id()).expect("it runs");
        let before = own.cpu().expect("it has a clock");
        let mut kept = vec![0_u8; 8 << 20];
        let memory = own.memory().expect("it has memory");
        for byte in kept.iter_mut().step_by(64) {
            *byte = 1;
        }
        assert!(own.memory().expect("it has memory") >= memory + (4 << 20));
        assert!(own.cpu().expect("it has a clock") > before);
        assert!(kept.contains(&1));
    }

    #[test]
    fn a_process_that_is_not_there_is_said() {
        // Linux has no such number (PID_MAX_LIMIT).
        assert!(Process::of(1 << 23).is_err());
    }
}
