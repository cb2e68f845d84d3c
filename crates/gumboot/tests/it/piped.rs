//! The program with pipes for standard input and output: what goes in, what comes out, and the status.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use gumboot_testkit::WAIT_MAX;

/// The variables that would change what is done.
const VARIABLES: [&str; 9] = [
    "GUMBOOT_USER",
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// What a run has left.
#[derive(Debug)]
pub(crate) struct Piped {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Piped {
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    /// What `--json` has printed, a value a line; the times and addresses, which differ, are taken out.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let lines = self.text().lines();
        lines
            .map(|line| {
                let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
                let fields = event.as_object_mut().unwrap();
                let time = fields.remove("time").unwrap();
                assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
                for varying in ["address", "url", "round_trip_ms"] {
                    fields.remove(varying);
                }
                event
            })
            .collect()
    }
}

/// The program with `arguments`, and what it wants to read.
pub(crate) fn start(arguments: &[&str], input: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gumboot"));
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
        .args(arguments)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the end of a run, which is to come.
#[track_caller]
pub(crate) fn finish(child: Child) -> Piped {
    let id = child.id();
    let (tell, output) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(WAIT_MAX) else {
        signal(id, "KILL");
        panic!("it does not end");
    };
    let output = output.unwrap();
    Piped {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn signal(id: u32, name: &str) {
    let script = format!("kill -s {name} {id}");
    let sent = Command::new("sh").args(["-c", &script]).status();
    assert!(sent.unwrap().success(), "{script}");
}

/// Runs with `input` on standard input.
#[track_caller]
pub(crate) fn pipe(arguments: &[&str], input: impl AsRef<[u8]>) -> Piped {
    let mut child = start(arguments, Stdio::piped());
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    // It may end before it has read all.
    thread::spawn(move || drop(stdin.write_all(&input)));
    finish(child)
}
