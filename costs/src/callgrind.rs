//! The program under callgrind, which counts what it does and is asked for the sums while it runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Failure,
    profile::{self, Counts},
    server::{Server, Subject, on_core},
};

/// A server under callgrind.
#[derive(Debug)]
pub(crate) struct Profiled {
    pub(crate) server: Server,
    /// Where the last profile is left; what callgrind writes before has a number behind it.
    path: PathBuf,
    dumps: u32,
}

impl Profiled {
    /// Starts `program` on this core; what belongs to the run is put into `folder`, with `name`.
    pub(crate) fn start(
        core: usize,
        program: &Path,
        subject: Subject,
        folder: &Path,
        name: &str,
    ) -> Result<Self, Failure> {
        let path = folder.join(name).with_extension("callgrind");
        let mut command = on_core(core, "valgrind");
        command.args(["--tool=callgrind", "--collect-systime=yes"]);
        command.arg(format!("--callgrind-out-file={}", path.display()));
        command.arg(program).args(subject.arguments());
        let server = Server::start(command, &folder.join(name).with_extension("log"))?;
        Ok(Self {
            server,
            path,
            dumps: 0,
        })
    }

    /// What was counted since the last time.
    pub(crate) fn counts(&mut self) -> Result<Counts, Failure> {
        let id = self.server.id();
        let status = Command::new("vgdb")
            .args([format!("--pid={id}"), "dump".to_owned()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(
                format!("vgdb, which asks valgrind for what it has counted: {status}").into(),
            );
        }
        self.dumps += 1;
        profile::read(&fs::read_to_string(self.dump(self.dumps))?)
    }

    /// Kills the server, and leaves the last profile that was asked for, and no other.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        for index in 1..self.dumps {
            fs::remove_file(self.dump(index))?;
        }
        fs::rename(self.dump(self.dumps), &self.path)?;
        Ok(())
    }

    fn dump(&self, index: u32) -> PathBuf {
        self.path.with_extension(format!("callgrind.{index}"))
    }
}
