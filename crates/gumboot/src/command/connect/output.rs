//! What is written, and where to: messages to standard output, all else to standard error; or both to a terminal whose
//! line is being edited.

use std::{
    fs::File,
    io::{self, ErrorKind, IsTerminal, Write},
    os::fd::AsFd,
    thread,
};

use gumboot_websocket::{ConnectError, proto::Message};
use jiff::Zoned;
use serde_json::Value;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    json,
    negotiated::Negotiated,
    wire::{Ending, Happening, Pong},
};
use crate::command::{
    EXIT_FAILURE, EXIT_USAGE, render,
    say::{complain, event_line},
    whose::{self, Whose},
};

/// How things are written.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) style: Style,
    pub(super) binary: Binary,
    pub(super) is_quiet: bool,
    pub(super) shows_pings: bool,
    pub(super) shows_time: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Every event is a line of JSON.
    Json,
    /// A message is a line.
    Lines,
    /// Someone sits at the terminal.
    Talk,
}

/// How binary messages are written to a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    /// As a line of hexadecimal digits.
    Hex,
    /// As they are, without a line end.
    Raw,
}

/// Once so many bytes wait to be written, nothing more is read from the connection.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// The batches that wait for the thread that writes them.
const BATCHES_WAITING_MAX: usize = 2;

/// A thread that writes what it is sent.
#[derive(Debug)]
pub(super) struct Writer {
    batches: mpsc::Sender<Vec<u8>>,
    /// How it went, once all is written.
    done: oneshot::Receiver<io::Result<()>>,
}

impl Writer {
    /// Writes each batch to `to`, on a thread of its own, and flushes it at the end.
    pub(super) fn spawn(mut to: impl Write + Send + 'static) -> Self {
        let (batches, mut waiting) = mpsc::channel::<Vec<u8>>(BATCHES_WAITING_MAX);
        let (tell, done) = oneshot::channel();
        thread::spawn(move || {
            let mut write_all = || {
                while let Some(batch) = waiting.blocking_recv() {
                    to.write_all(&batch)?;
                }
                to.flush()
            };
            let result = write_all();
            // Nobody may wait for it any more.
            let _ = tell.send(result);
        });
        Self { batches, done }
    }

    /// Writes to standard output, past the buffer that would keep what does not end a line.
    fn stdout() -> io::Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::spawn(File::from(stdout)))
    }
}

/// What the user sees of a session.
#[derive(Debug)]
pub(super) struct Face {
    output: Output,
    /// Whether standard output is a terminal.
    is_terminal: bool,
    writer: Writer,
    batch: Vec<u8>,
    /// Whether what does not fit is dropped: the user wants to leave.
    drops: bool,
}

impl Face {
    /// To standard output and standard error.
    ///
    /// # Errors
    /// There is no standard output.
    pub(super) fn pipe(output: Output) -> io::Result<Self> {
        Ok(Self::new(output, Writer::stdout()?))
    }

    /// To a terminal, by its own writer.
    pub(super) fn terminal(output: Output, writer: Writer) -> Self {
        Self::new(output, writer)
    }

    fn new(output: Output, writer: Writer) -> Self {
        Self {
            output,
            is_terminal: io::stdout().is_terminal(),
            writer,
            batch: Vec::new(),
            drops: false,
        }
    }

    /// Whether someone sits there who types what is sent.
    pub(super) fn has_typist(&self) -> bool {
        self.output.style == Style::Talk
    }

    /// Says what was negotiated.
    pub(super) fn opened(&mut self, negotiated: &Negotiated) {
        match self.output.style {
            Style::Json => self.event(negotiated.json()),
            Style::Lines if self.output.is_quiet => {}
            Style::Lines => complain(&negotiated.line()),
            Style::Talk => {
                let lines = negotiated.lines();
                self.push(format!("{lines}type a message, or /help\n").as_bytes());
            }
        }
    }

    /// Says what happened.
    pub(super) fn happened(&mut self, happening: &Happening) {
        match happening {
            Happening::Message(message) => self.message(message),
            Happening::Ping(payload) if self.output.style == Style::Json => {
                self.event(json::ping(payload));
            }
            Happening::Pong(pong) if self.output.style == Style::Json => {
                self.event(json::pong(pong));
            }
            Happening::Ping(payload) if self.output.shows_pings => {
                self.remark(&format!("ping {}", render::hex(payload)));
            }
            Happening::Pong(pong) if pong.is_wanted || self.output.shows_pings => {
                self.remark(&describe(pong));
            }
            Happening::Ended(_) | Happening::Ping(_) | Happening::Pong(_) | Happening::Room => {}
        }
    }

    fn message(&mut self, message: &Message) {
        let time = match self.output.shows_time {
            true => Zoned::now().strftime("%H:%M:%S%.3f ").to_string(),
            false => String::new(),
        };
        match self.output.style {
            Style::Json => self.event(json::message(message)),
            Style::Talk => {
                let indent = format!("{:width$}| ", "", width = time.len());
                let shown = render::message(message, &indent);
                self.push(format!("{time}< {shown}\n").as_bytes());
            }
            Style::Lines => {
                self.push(time.as_bytes());
                self.line(message);
            }
        }
    }

    /// A message to a pipe, or to a terminal that shows what comes out of one.
    fn line(&mut self, message: &Message) {
        let is_text = message.as_text().is_some();
        if !is_text && self.output.binary == Binary::Hex {
            self.push(render::hex(message.as_bytes()).as_bytes());
        } else if self.is_terminal {
            self.push(render::message(message, "").as_bytes());
        } else {
            self.push(message.as_bytes());
            if !is_text {
                return;
            }
        }
        self.push(b"\n");
    }

    /// Says something that is not a message.
    pub(super) fn remark(&mut self, text: &str) {
        match self.output.style {
            Style::Talk => self.push(format!("* {text}\n").as_bytes()),
            Style::Lines if !self.output.is_quiet => complain(text),
            Style::Json | Style::Lines => {}
        }
    }

    /// Says what went wrong.
    pub(super) fn failed(&mut self, whose: Whose, text: &str) {
        match self.output.style {
            Style::Talk => self.push(format!("* {text}\n").as_bytes()),
            Style::Json => {
                self.event(json::error(whose.name(), None, text));
                complain(text);
            }
            Style::Lines => complain(text),
        }
    }

    /// Says how the connection ended.
    pub(super) fn ended(&mut self, ending: &Ending) {
        let close = ending.close.as_ref().map(Option::as_ref);
        match (&ending.failure, close) {
            (Some(error), _) => {
                let whose = whose::not_clean(error);
                let remedy = whose::remedy_not_clean(error);
                let before = close.map_or_else(String::new, |frame| {
                    format!(", after the server had closed: {}", render::close(frame))
                });
                let name = whose.name();
                let text = format!("not closed in order ({name}): {error}{remedy}{before}");
                self.failed(whose, &text);
            }
            (None, Some(frame)) if ending.is_clean => {
                self.remark(&format!("closed: {}", render::close(frame)));
            }
            (None, _) => self.failed(Whose::User, "not closed in order: dropped"),
        }
        if self.output.style == Style::Json {
            self.event(json::close(ending));
        }
    }

    fn event(&mut self, event: Value) {
        self.push(event_line(event).as_bytes());
    }

    fn push(&mut self, bytes: &[u8]) {
        if !(self.drops && self.is_full()) {
            self.batch.extend_from_slice(bytes);
        }
    }

    /// From now on, what nobody takes is dropped.
    pub(super) fn drop_excess(&mut self) {
        self.drops = true;
    }

    /// Whether so much waits that no more should come.
    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_BYTES_MAX
    }

    /// Whether something waits for room.
    pub(super) fn waits(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Hands what waits to the writer, if it has room.
    pub(super) fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        match self
            .writer
            .batches
            .try_send(std::mem::take(&mut self.batch))
        {
            // Who is gone reads nothing.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(batch)) => self.batch = batch,
        }
    }

    /// Ready when the writer has room.
    pub(super) async fn room(&self) {
        // Without a writer there is room for everything.
        let _ = self.writer.batches.reserve().await;
    }

    /// Ready when nobody reads any more what is written.
    pub(super) async fn gone(&self) {
        self.writer.batches.closed().await;
    }

    /// Ready when all is written.
    ///
    /// # Errors
    /// It cannot be written; that nobody reads it is no error.
    pub(super) async fn finish(self) -> io::Result<()> {
        let Writer { batches, done } = self.writer;
        if !self.batch.is_empty() {
            let _ = batches.send(self.batch).await;
        }
        drop(batches);
        match done.await {
            Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

impl Output {
    /// Says why there is no connection; gives the status to exit with.
    pub(super) fn refused(&self, error: &ConnectError) -> u8 {
        let whose = whose::not_connected(error);
        let text = render::escaped(&error.to_string());
        if self.style == Style::Json {
            let event = json::error(whose.name(), whose::status(error), &text);
            let _ = io::stdout().write_all(event_line(event).as_bytes());
        }
        let remedy = whose::remedy(error);
        complain(&match whose {
            Whose::User => format!("cannot connect: {text}"),
            _ => format!("cannot connect ({}): {text}{remedy}", whose.name()),
        });
        match whose {
            Whose::User => EXIT_USAGE,
            _ => EXIT_FAILURE,
        }
    }
}

fn describe(pong: &Pong) -> String {
    match pong.round_trip {
        Some(took) => format!("pong after {:.2} ms", took.as_secs_f64() * 1000.0),
        None => format!("pong {}", render::hex(&pong.payload)),
    }
}
