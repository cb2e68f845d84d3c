//! The system calls of a server, counted by strace, which slows it down.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use serde_json::{Value, json};

use crate::Failure;

/// The system calls of a process while this is there, counted by strace.
#[derive(Debug)]
pub(crate) struct Calls {
    strace: Child,
    counts: PathBuf,
}

impl Calls {
    /// Counts the calls of all threads of a process from now on.
    pub(crate) fn of(process: u32) -> Result<Self, Failure> {
        let counts =
            std::env::temp_dir().join(format!("gumboot-bench-calls-{}", std::process::id()));
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-c", "-U", "calls,name", "-o"])
            .arg(&counts);
        strace.args(["-p", &process.to_string()]);
        let strace = strace.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut calls = Self {
            strace: strace.map_err(|error| format!("cannot run strace: {error}"))?,
            counts,
        };
        // It says so when it has all threads of the process.
        let said = calls.strace.stderr.take().ok_or("strace has no stderr")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        match line.contains("attached") {
            true => Ok(calls),
            false => Err(format!("strace cannot count: {}", line.trim()).into()),
        }
    }

    /// How many calls there were.
    pub(crate) fn finish(mut self) -> Result<Count, Failure> {
        kill(Pid::from_raw(self.strace.id().try_into()?), Signal::SIGINT)?;
        self.strace.wait()?;
        let counts = std::fs::read_to_string(&self.counts)?;
        Ok(Count(total(&counts)))
    }
}

/// How many calls were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(u64);

impl Count {
    /// Whether there is a call for each so many messages at least: strace on a machine with much other work may see
    /// hardly any.
    pub(crate) fn is_likely(self, messages: u64, messages_per_call_max: usize) -> bool {
        self.0.saturating_mul(messages_per_call_max as u64) >= messages
    }

    /// The figures that a load prints: the calls for each of so many messages, or what else `each` is.
    pub(crate) fn per(self, each: &str, messages: f64) -> Value {
        json!({
            "messages": messages,
            "calls": self.0,
            (format!("calls_per_{each}")): self.0 as f64 / messages,
        })
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // It may have ended, and the file may not be there.
        let _ = self.strace.kill();
        let _ = self.strace.wait();
        let _ = std::fs::remove_file(&self.counts);
    }
}

/// The number in the last line of what strace has counted; it writes nothing if there were no calls.
fn total(counts: &str) -> u64 {
    let lines = counts.lines().map(|line| line.split_whitespace());
    let mut totals = lines.filter_map(|mut words| match (words.next(), words.next()) {
        (Some(number), Some("total")) => number.parse().ok(),
        _ => None,
    });
    totals.next_back().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read() {
        let counts = "    calls syscall\n--------- ----------------\n        2 read\n        9 total_of\n\
                      --------- ----------------\n       11 total\n";
        assert_eq!(total(counts), 11);
        assert_eq!(total(""), 0);
    }

    #[test]
    fn calls_are_told_for_each_message() {
        let figures = Count(30).per("delivery", 20.0);
        assert_eq!(figures["calls_per_delivery"], 1.5);
        assert!(Count(100).is_likely(1_600, 16));
        assert!(!Count(1).is_likely(1_413, 16));
    }
}
