//! A program at a pseudo-terminal, and what its screen shows.

use std::{
    fs,
    io::{Read, Write},
    num::NonZero,
    os::fd::OwnedFd,
    path::PathBuf,
    process::Child,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::Instant,
};

use gumboot_testkit::WAIT_MAX;
use pty_process::{
    Size,
    blocking::{Command, open},
};

const ROWS: NonZero<u16> = NonZero::new(50).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(120).unwrap();

/// A terminal in which `gumboot connect` runs.
pub(super) struct Terminal {
    child: Child,
    keys: fs::File,
    seen: Arc<Mutex<Seen>>,
    changed: Receiver<()>,
}

/// What the program has written.
struct Seen {
    bytes: Vec<u8>,
    screen: vt100::Parser,
}

/// A folder for what is to be kept, gone with the test.
pub(super) struct StateFolder(Option<PathBuf>);

impl StateFolder {
    pub(super) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gumboot-terminal-{name}-{number}-{}", std::process::id());
        Self(Some(std::env::temp_dir().join(name)))
    }

    /// None: nothing can be kept.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// The path of a file with `bytes` in it.
    pub(super) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let folder = self.0.as_ref().unwrap();
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(super) fn history(&self) -> String {
        let folder = self.0.as_ref().unwrap();
        fs::read_to_string(folder.join("gumboot/history")).unwrap()
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            // What is left is in the folder for such things.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl Terminal {
    pub(super) fn start(arguments: &[&str], state: &StateFolder) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(ROWS.get(), COLUMNS.get())).unwrap();
        let state = state
            .0
            .clone()
            .unwrap_or_else(|| PathBuf::from("/dev/null/no"));
        let child = Command::new(env!("CARGO_BIN_EXE_gumboot"))
            .arg("connect")
            .args(arguments)
            .env("XDG_STATE_HOME", state)
            .env("TERM", "xterm")
            .spawn(pts)
            .unwrap();
        let keys = fs::File::from(OwnedFd::from(pty));
        let mut output = keys.try_clone().unwrap();
        let seen = Arc::new(Mutex::new(Seen {
            bytes: Vec::new(),
            screen: vt100::Parser::new(ROWS, COLUMNS, 0),
        }));
        let (tell, changed) = mpsc::channel();
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // When the program is gone, a read fails.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut seen = shared.lock().unwrap();
                seen.bytes.extend(&bytes[..count]);
                seen.screen.process(&bytes[..count]);
                drop(seen);
                // The test may have ended.
                let _ = tell.send(());
            }
        });
        Self {
            child,
            keys,
            seen,
            changed,
        }
    }

    pub(super) fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line, and waits until the next can be typed.
    #[track_caller]
    pub(super) fn type_line(&mut self, line: &str) {
        self.type_keys(line);
        self.expect_last_line(&format!("> {line}"));
        self.type_keys("\r");
        self.expect_last_line(">");
    }

    /// Waits until the screen is as `wanted` says.
    #[track_caller]
    fn expect_screen(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let screen = self.seen.lock().unwrap().screen.screen().contents();
            if wanted(&screen) {
                return;
            }
            let left = WAIT_MAX.saturating_sub(start.elapsed());
            if self.changed.recv_timeout(left).is_err() {
                // It may have changed between the look and the end.
                let screen = self.seen.lock().unwrap().screen.screen().contents();
                assert!(wanted(&screen), "no {what:?} on the screen:\n{screen}");
                return;
            }
        }
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub(super) fn expect(&self, text: &str) {
        self.expect_screen(text, |screen| screen.contains(text));
    }

    /// Waits until a line of the screen is `line`, but for blanks at its ends.
    #[track_caller]
    pub(super) fn expect_line(&self, line: &str) {
        self.expect_screen(line, |screen| {
            screen.lines().any(|shown| shown.trim() == line)
        });
    }

    /// Waits until the last line of the screen is `line`, but for blanks at its ends.
    #[track_caller]
    pub(super) fn expect_last_line(&self, line: &str) {
        self.expect_screen(line, |screen| {
            screen.trim_end().lines().next_back().map(str::trim) == Some(line)
        });
    }

    /// All that was written to the terminal.
    pub(super) fn bytes(&self) -> String {
        String::from_utf8(self.seen.lock().unwrap().bytes.clone()).unwrap()
    }

    /// Waits for the end of the program, and of what it writes; gives the status.
    #[track_caller]
    pub(super) fn wait(&mut self) -> Option<i32> {
        let start = Instant::now();
        // The thread that reads ends when nobody holds the terminal any more.
        while let Ok(()) = self
            .changed
            .recv_timeout(WAIT_MAX.saturating_sub(start.elapsed()))
        {}
        assert!(start.elapsed() < WAIT_MAX, "it does not end");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
