//! Other programs: run with a bound, heard to the end, and never left behind.
//!
//! Children stay in this program's process group, so that Ctrl-C at a terminal ends them too. One that
//! outlives its bound is ended by its id, together with everything that it started.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::context::{Context, Failure};

/// How often a child is asked whether it has ended; std has no wait with a bound.
const WAIT_STEP: Duration = Duration::from_millis(20);

/// How long the program has to end after SIGTERM.
const STOP_BOUND: Duration = Duration::from_secs(5);

/// Runs `command` with its output on the screen.
pub(crate) fn run(cx: &Context, command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", shown(command));
    let child = spawn(command.stdin(Stdio::null()))?;
    succeeded(command, Running(child).wait(cx.remaining())?)
}

/// Runs `command` with its output in the file `name`.log, and shows the end of it on failure.
pub(crate) fn run_logged(cx: &Context, name: &str, command: &mut Command) -> Result<(), Failure> {
    let result = run_quiet(cx, name, command);
    if result.is_err() {
        print_tail(&cx.log(name));
    }
    result
}

/// Runs `command` with its output in the file `name`.log, for a failure that is no surprise.
pub(crate) fn run_quiet(cx: &Context, name: &str, command: &mut Command) -> Result<(), Failure> {
    let path = cx.log(name);
    println!("$ {}  (output: {})", shown(command), path.display());
    let log = create(&path)?;
    let copy = log.try_clone().map_err(|error| failed(command, &error))?;
    let child = spawn(command.stdin(Stdio::null()).stdout(log).stderr(copy))?;
    succeeded(command, Running(child).wait(cx.remaining())?)
}

/// Runs `command` and gives what it prints on stdout.
pub(crate) fn capture(cx: &Context, command: &mut Command) -> Result<String, Failure> {
    let mut child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    succeeded(command, Running(child).wait(cx.remaining())?)?;
    let text = reader.join().expect("the reader does not panic");
    text.map_err(|error| failed(command, &error))
}

/// Whether `program` can be started at all.
pub(crate) fn runs(cx: &Context, program: impl AsRef<Path>, argument: &str) -> bool {
    let mut command = Command::new(program.as_ref());
    command
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let bound = cx.remaining().min(Duration::from_secs(20));
    command.spawn().is_ok_and(|child| {
        Running(child)
            .wait(bound)
            .is_ok_and(|status| status.success())
    })
}

/// A child that ends when this does.
#[derive(Debug)]
struct Running(Child);

impl Running {
    /// Waits for the child, and ends it when `bound` has passed.
    fn wait(mut self, bound: Duration) -> Result<ExitStatus, Failure> {
        let end = Instant::now() + bound;
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() >= end => {
                    return Err(Failure::Broken(format!(
                        "did not end within {} s, and was stopped",
                        bound.as_secs()
                    )));
                }
                Ok(None) => thread::sleep(WAIT_STEP),
                Err(error) => return Err(Failure::Broken(format!("cannot wait: {error}"))),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            signal("KILL", &descendants(self.0.id()));
            // The child may have ended meanwhile; either way it is waited for.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A server, under test or for one: its first lines are its addresses, and it ends on SIGTERM.
#[derive(Debug)]
pub(crate) struct Server {
    child: Running,
    lines: Receiver<String>,
}

impl Server {
    /// Starts `command`, which writes its diagnostics to the file `name`.log.
    pub(crate) fn start(cx: &Context, name: &str, command: &mut Command) -> Result<Self, Failure> {
        let log = create(&cx.log(name))?;
        let mut child = spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(log),
        )?;
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Nobody listens any more; stdout is still read, so that the server never blocks.
                let _ = sender.send(line);
            }
        });
        Ok(Self {
            child: Running(child),
            lines,
        })
    }

    /// Of the process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// The address in the line that begins with `word`.
    pub(crate) fn address(&self, word: &str, bound: Duration) -> Result<String, Failure> {
        let found = self.find(bound, |line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(word)).then(|| words.next().map(str::to_owned))?
        });
        found.ok_or_else(|| unsaid(word, bound))
    }

    /// Waits for a line that contains `words`.
    pub(crate) fn hear(&self, words: &str, bound: Duration) -> Result<String, Failure> {
        let found = self.find(bound, |line| line.contains(words).then(|| line.to_owned()));
        found.ok_or_else(|| unsaid(words, bound))
    }

    /// What `read` gives for the first line for which it gives something.
    fn find<T>(&self, bound: Duration, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let end = Instant::now() + bound;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).ok()?;
            if let Some(found) = read(&line) {
                return Some(found);
            }
        }
    }

    /// Asks the server to end, as an operator would.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.stop_within(STOP_BOUND)
    }

    /// As [`Server::stop`], for one that may take longer than ours.
    pub(crate) fn stop_within(self, bound: Duration) -> Result<(), Failure> {
        signal("TERM", &[self.child.0.id()]);
        let status = self.child.wait(bound).map_err(|_| {
            Failure::Broken(format!(
                "the server outlived SIGTERM by {} s",
                bound.as_secs()
            ))
        })?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Broken(format!(
                "the server ended with {status} on SIGTERM"
            )))
        }
    }
}

fn unsaid(words: &str, bound: Duration) -> Failure {
    Failure::Broken(format!(
        "the server printed no `{words}` line within {} s",
        bound.as_secs()
    ))
}

/// The last lines of a file, on the screen.
fn print_tail(path: &Path) {
    const LINES: usize = 40;
    let Ok(bytes) = fs::read(path) else { return };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        println!("  | {line}");
    }
}

/// Creates a file and the folders above it.
pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    let folder = path.parent().expect("a file has a folder");
    fs::create_dir_all(folder)
        .and_then(|()| File::create(path))
        .map_err(|error| Failure::Broken(format!("cannot create {}: {error}", path.display())))
}

fn spawn(command: &mut Command) -> Result<Child, Failure> {
    command.spawn().map_err(|error| failed(command, &error))
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::Broken(format!(
        "{} ended with {status}",
        shown(command)
    )))
}

fn failed(command: &Command, error: &io::Error) -> Failure {
    Failure::Broken(format!("cannot run {}: {error}", shown(command)))
}

/// A command as one would type it, with the program's name for its path.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut text = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// A process and all that it started, found through /proc: the process last.
fn descendants(id: u32) -> Vec<u32> {
    let mut found: Vec<u32> = children(id).into_iter().flat_map(descendants).collect();
    found.push(id);
    found
}

fn children(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|ids| {
            ids.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Sends a signal with the shell's own `kill`, which every system has; std cannot.
fn signal(name: &str, ids: &[u32]) {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    // A process that has ended already is no failure.
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", ids.join(" "))])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(bound: Duration) -> Context {
        Context::discover()
            .expect("cargo metadata runs")
            .within(bound)
    }

    #[test]
    fn a_command_that_outlives_its_bound_is_stopped_with_its_children() {
        let cx = context(Duration::from_millis(200));
        // The inner shell writes its id, so that the test can see whether it is gone.
        let path = std::env::temp_dir().join(format!("xtask-process-{}", std::process::id()));
        let script = format!("sh -c 'echo $$ > {}; sleep 60; true'; true", path.display());
        let result = run(&cx, Command::new("sh").args(["-c", &script]));
        let inner = fs::read_to_string(&path).expect("the inner shell ran");
        fs::remove_file(&path).expect("the file is there");
        assert!(matches!(result, Err(Failure::Broken(reason)) if reason.contains("was stopped")));
        let of_inner = Path::new("/proc").join(inner.trim()).join("cwd");
        // It was told to end; it does so in its own time, and is not a child that could be waited for.
        let until = Instant::now() + Duration::from_secs(10);
        while of_inner.exists() {
            assert!(Instant::now() < until, "process {inner} is still there");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_failed_command_is_named() {
        let cx = context(Duration::from_secs(10));
        let result = run(&cx, Command::new("sh").args(["-c", "exit 3"]));
        let Err(Failure::Broken(reason)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(reason, "sh -c exit 3 ended with exit status: 3");
    }

    #[test]
    fn a_server_is_read_and_stopped() {
        let cx = context(Duration::from_secs(10));
        let script = "trap 'exit 0' TERM; echo 'echo    ws://127.0.0.1:1/'; \
                      while :; do sleep 0.05; done";
        let server = Server::start(&cx, "self-test", Command::new("sh").args(["-c", script]))
            .expect("sh starts");
        let address = server
            .address("echo", Duration::from_secs(5))
            .expect("a line comes");
        assert_eq!(address, "ws://127.0.0.1:1/");
        server.stop().expect("it ends with status 0");
    }
}
