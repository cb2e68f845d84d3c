//! The program as a process of its own, stopped at the latest when the test ends.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use gumboot_testkit::WAIT_MAX;

use crate::disk::Disk;

/// A server that runs.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    /// Lines of standard error, once they are asked for.
    log: Option<Receiver<String>>,
}

/// The lines that come from there.
fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            // The test may have ended.
            let _ = tell.send(line.unwrap());
        }
    });
    lines
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gumboot"));
    pipe(command.args(arguments));
    command
}

fn pipe(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}

/// Runs the program to its end, which is to come by itself.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut program = Program::start(arguments);
    let status = program.wait();
    let mut stderr = Vec::new();
    let from = program.child.stderr.as_mut().unwrap();
    from.read_to_end(&mut stderr).unwrap();
    let lines: Vec<String> = program.lines.iter().map(|line| line + "\n").collect();
    Output {
        status,
        stdout: lines.concat().into_bytes(),
        stderr,
    }
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    /// Starts one that has this variable.
    pub(crate) fn start_told(variable: (&str, &str), arguments: &[&str]) -> Self {
        Self::spawn(command(arguments).env(variable.0, variable.1))
    }

    /// Starts one that sees this file system.
    pub(crate) fn start_on(disk: &Disk, arguments: &[&str]) -> Self {
        let mut enter = disk.enter();
        let mut command = Command::new(enter.next().unwrap());
        command
            .args(enter)
            .arg("--")
            .arg(env!("CARGO_BIN_EXE_gumboot"))
            .args(arguments);
        Self::spawn(pipe(&mut command))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let log = None;
        Self { child, lines, log }
    }

    /// The next line that it prints.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(WAIT_MAX).expect("it prints a line")
    }

    /// The next `count` lines that it prints.
    #[track_caller]
    pub(crate) fn print(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// All that it has printed beside, once it has ended.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }

    /// Waits for a line of its log with this in it.
    #[track_caller]
    pub(crate) fn expect_log(&mut self, part: &str) {
        if let Some(stderr) = self.child.stderr.take() {
            self.log = Some(lines_of(stderr));
        }
        let log = self.log.as_ref().expect("its log is read since then");
        loop {
            let line = log.recv_timeout(WAIT_MAX);
            let line = line.unwrap_or_else(|_| panic!("nothing in its log has {part:?}"));
            if line.contains(part) {
                break;
            }
        }
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let script = format!("kill -s {name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &script]).status();
        assert!(sent.unwrap().success(), "{script}");
    }

    /// How many threads it has, as Linux tells it.
    #[cfg(target_os = "linux")]
    pub(crate) fn threads(&self) -> usize {
        let tasks = format!("/proc/{}/task", self.child.id());
        std::fs::read_dir(tasks).unwrap().count()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // The end of its output is the end of the program: it hands it to nobody else.
        let start = Instant::now();
        let mut lines = Vec::new();
        loop {
            let left = WAIT_MAX.saturating_sub(start.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        let (tell, kept) = mpsc::channel();
        lines.into_iter().for_each(|line| tell.send(line).unwrap());
        self.lines = kept;
        self.child.wait().unwrap()
    }

    /// Waits for its end, which is to come within `wait_max`; gives the status.
    #[track_caller]
    pub(crate) fn expect_end(&mut self, wait_max: Duration) -> Option<i32> {
        let start = Instant::now();
        let status = self.wait();
        let took = start.elapsed();
        assert!(took < wait_max, "it took {took:?}");
        status.code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address between `start` and `end` of a printed line.
#[track_caller]
pub(crate) fn address(line: &str, start: &str, end: &str) -> SocketAddr {
    let address = line
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    address
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("no address in {line:?}"))
}
