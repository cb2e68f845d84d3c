//! The line that is edited in a terminal, with a history, while what arrives is printed above it.

use std::{
    io::{self, Write},
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nix::sys::signal::{Signal, raise};
use rustyline::{Config, DefaultEditor, ExternalPrinter, error::ReadlineError};
use tokio::{
    runtime::Handle,
    sync::{mpsc::error::SendTimeoutError, oneshot},
    time::timeout,
};

use super::{
    Request, Wants, history,
    output::Writer,
    typed::{self, Typed},
};
use crate::command::render::escaped;

const PROMPT: &str = "> ";

/// Up a line and down again: printed behind what is to be seen for sure, and not to be seen itself.
const BARRIER: &str = "\x1b[A\n";

/// How long what is typed waits for room among the requests, which a server that takes nothing never makes: meanwhile
/// no key is heard, not even Ctrl-C.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(1);

/// How often the editor is asked to end, and how long is waited for it each time.
const STOP_ASKS_MAX: u32 = 100;
const STOP_ASK_WAIT: Duration = Duration::from_millis(20);

/// The thread that edits.
#[derive(Debug)]
pub(super) struct Editor {
    is_over: Arc<AtomicBool>,
    ended: oneshot::Receiver<()>,
}

impl Editor {
    /// Starts to edit lines, which become requests; gives what prints above them. To be called on the runtime.
    ///
    /// # Errors
    /// There is no terminal.
    pub(super) fn start(wants: Wants) -> rustyline::Result<(Self, Writer)> {
        let mut lines = DefaultEditor::with_config(config()?)?;
        let printer = lines.create_external_printer()?;
        let history = open_history(&mut lines);
        let is_over = Arc::new(AtomicBool::new(false));
        let (tell, ended) = oneshot::channel();
        let desk = Desk {
            lines,
            history,
            wants,
            runtime: Handle::current(),
            is_over: Arc::clone(&is_over),
        };
        thread::spawn(move || {
            desk.edit();
            // Nobody may wait for it.
            let _ = tell.send(());
        });
        Ok((Self { is_over, ended }, Writer::spawn(Above(printer))))
    }

    /// Ends the editing, whatever is typed, and leaves the terminal as it was.
    pub(super) async fn stop(mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        for _ in 0..STOP_ASKS_MAX {
            // The one thing that ends a wait for a key. Our own handler hears it too, and nobody listens to it now.
            let _ = raise(Signal::SIGINT);
            if timeout(STOP_ASK_WAIT, &mut self.ended).await.is_ok() {
                return;
            }
        }
    }
}

/// Prints above the line that is being edited, or where it would be.
struct Above<P>(P);

impl<P: ExternalPrinter> Write for Above<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lines = String::from_utf8_lossy(bytes).into_owned();
        if self.0.print(lines).is_err() {
            // Nothing is edited any more.
            io::stdout().write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    /// Ready when all is to be seen: the editor takes one print when it has shown the one before.
    fn flush(&mut self) -> io::Result<()> {
        // Without an editor all is to be seen already.
        let _ = self.0.print(BARRIER.to_owned());
        Ok(())
    }
}

/// What the thread that edits has.
struct Desk {
    lines: DefaultEditor,
    /// Where lines are kept, if they are.
    history: Option<PathBuf>,
    wants: Wants,
    runtime: Handle,
    is_over: Arc<AtomicBool>,
}

impl Desk {
    /// Edits until the session is over.
    fn edit(mut self) {
        let mut is_end = false;
        while !self.is_over.load(Ordering::SeqCst) {
            let request = match self.lines.readline(PROMPT) {
                Ok(line) => self.on_line(&line),
                Err(ReadlineError::Interrupted) if self.is_over.load(Ordering::SeqCst) => return,
                Err(ReadlineError::Interrupted) => Some(Request::Interrupt),
                Err(ReadlineError::Eof) if !is_end => {
                    is_end = true;
                    Some(Request::Interrupt)
                }
                // The terminal is gone, or the user insists.
                Err(_) => {
                    let _ = self.wants.urgent.blocking_send(Request::Interrupt);
                    return;
                }
            };
            if let Some(request) = request
                && self.ask(request).is_break()
            {
                return;
            }
        }
    }

    /// Asks the session; breaks when it is over.
    fn ask(&self, request: Request) -> ControlFlow<()> {
        let over = |_| ControlFlow::Break(());
        if let Request::Close(_) | Request::Interrupt = request {
            let asked = self.wants.urgent.blocking_send(request);
            return asked.map_or_else(over, ControlFlow::Continue);
        }
        let asked = self.wants.requests.send_timeout(request, ROOM_WAIT_MAX);
        match self.runtime.block_on(asked) {
            Ok(()) => ControlFlow::Continue(()),
            Err(SendTimeoutError::Closed(_)) => ControlFlow::Break(()),
            Err(SendTimeoutError::Timeout(_)) => {
                say("* not sent: the server does not take what was sent before\n");
                ControlFlow::Continue(())
            }
        }
    }

    fn on_line(&mut self, line: &str) -> Option<Request> {
        self.keep(line);
        match typed::parse(line) {
            Ok(Typed::Request(request)) => return Some(request),
            Ok(Typed::Help) => say(typed::HELP),
            Ok(Typed::Nothing) => {}
            Err(why) => say(&format!("* {}\n", escaped(&why))),
        }
        None
    }

    fn keep(&mut self, line: &str) {
        let is_new = self.lines.add_history_entry(line).unwrap_or(false);
        if let Some(file) = &self.history
            && is_new
            && let Err(error) = self.lines.append_history(file)
        {
            say_not_kept(&error.to_string());
            self.history = None;
        }
    }
}

/// Something of our own, while no line is edited.
fn say(text: &str) {
    // Who closes the terminal does not read it.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn say_not_kept(why: &str) {
    say(&format!("* what is typed is not kept: {}\n", escaped(why)));
}

fn config() -> rustyline::Result<Config> {
    Ok(Config::builder()
        .max_history_size(history::LINES_MAX)?
        .history_ignore_space(true)
        .build())
}

/// Reads the history; gives its file, if there can be one.
fn open_history(lines: &mut DefaultEditor) -> Option<PathBuf> {
    let opened = history::file().and_then(|file| match lines.load_history(&file) {
        Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(file),
        Err(error) => Err(format!("{}: {error}", file.display())),
        Ok(()) => Ok(file),
    });
    opened.map_err(|why| say_not_kept(&why)).ok()
}
