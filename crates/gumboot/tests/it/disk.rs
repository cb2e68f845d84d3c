//! A small file system of its own, in memory, that only the processes of one test see.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// The file system; it is gone with this.
pub(crate) struct Disk {
    directory: TempDir,
    /// The process that keeps it.
    holder: Child,
    enter: Vec<String>,
}

impl Disk {
    /// Makes one of so many MiB; none where that is not allowed, which is said.
    pub(crate) fn mount(mib: u32) -> Option<Self> {
        // As root; else with rights over what is one's own alone.
        let made = Self::try_mount(mib, &[], &[]).or_else(|_| {
            let enter = ["--user", "--preserve-credentials"];
            Self::try_mount(mib, &["--map-root-user"], &enter)
        });
        made.inspect_err(|error| {
            assert!(
                env::var_os("CI").is_none(),
                "no file system of our own can be mounted: {error}"
            );
            // Past what the test harness keeps back.
            let _ = writeln!(
                io::stderr(),
                "NOT RUN: no file system of our own can be mounted here, so a full one is not tested: {error}"
            );
        })
        .ok()
    }

    fn try_mount(mib: u32, unshare: &[&str], enter: &[&str]) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let script = format!(
            "mount -t tmpfs -o size={mib}m tmpfs {} && echo mounted && exec cat",
            directory.path().display()
        );
        let mut holder = Command::new("unshare")
            .arg("--mount")
            .args(unshare)
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = holder.stdout.take().expect("its output is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line != "mounted\n" {
            let status = holder.wait()?;
            return Err(io::Error::other(format!("mount ended with {status}")));
        }
        let target = format!("--target={}", holder.id());
        let always = ["nsenter", &target, "--mount"];
        let enter = always.iter().chain(enter);
        Ok(Self {
            directory,
            enter: enter.map(ToString::to_string).collect(),
            holder,
        })
    }

    /// Where it is, for those who see it.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path on it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// What a command must begin with to see it.
    pub(crate) fn enter(&self) -> impl Iterator<Item = &str> {
        self.enter.iter().map(String::as_str)
    }

    /// Makes it as large as that.
    pub(crate) fn resize(&self, mib: u32) {
        self.remount(&format!("size={mib}m"));
    }

    /// Nothing can be written to it any more.
    pub(crate) fn protect(&self) {
        self.remount("ro");
    }

    fn remount(&self, option: &str) {
        let script = format!("mount -o remount,{option} {}", self.path().display());
        let status = Command::new(&self.enter[0])
            .args(&self.enter[1..])
            .args(["sh", "-c", &script])
            .status();
        assert!(status.unwrap().success(), "{script}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It waits for input that never comes, so it is there until now.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
