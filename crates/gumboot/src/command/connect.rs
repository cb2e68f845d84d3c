//! `gumboot connect`: a WebSocket client, in a terminal to type messages, otherwise as a pipe.

mod args;
mod editor;
mod history;
mod input;
mod json;
mod negotiated;
mod output;
mod session;
mod typed;
mod wire;

use std::{io, process::ExitCode};

use bytes::Bytes;
use gumboot_websocket::proto::{CloseFrame, Message};
use tokio::{runtime::Builder, sync::mpsc};

pub(crate) use self::args::Args;
use self::{
    args::Plan, editor::Editor, negotiated::Negotiated, output::Face, session::Session, wire::Wire,
};
use super::{EXIT_FAILURE, EXIT_USAGE, fail, render, signals::Signals};

/// What the user wants of the connection.
#[derive(Debug)]
enum Request {
    Close(Option<CloseFrame>),
    /// There is no more input.
    End,
    /// Ctrl-C.
    Interrupt,
    /// The input cannot be understood, and why.
    Invalid(String),
    Ping(Bytes),
    Send(Message),
}

/// Requests that wait for the connection to take them.
const REQUESTS_WAITING_MAX: usize = 16;

/// Where the requests of a user come from.
#[derive(Debug)]
struct Wanted {
    /// They wait while the server does not take what was sent before.
    requests: mpsc::Receiver<Request>,
    /// They do not wait for the server: [`Request::Close`] and [`Request::Interrupt`] of someone at a terminal.
    urgent: mpsc::Receiver<Request>,
}

/// Where they go to.
#[derive(Debug)]
struct Wants {
    requests: mpsc::Sender<Request>,
    urgent: mpsc::Sender<Request>,
}

/// A way from a user to a session.
fn wishes() -> (Wants, Wanted) {
    let (requests, requested) = mpsc::channel(REQUESTS_WAITING_MAX);
    let (urgent, urged) = mpsc::channel(REQUESTS_WAITING_MAX);
    let wanted = Wanted {
        requests: requested,
        urgent: urged,
    };
    (Wants { requests, urgent }, wanted)
}

/// Runs the command to its end.
pub(crate) fn run(args: Box<Args>) -> ExitCode {
    let plan = match args.resolve() {
        Ok(plan) => plan,
        Err(error) => return fail(EXIT_USAGE, &render::escaped(&error)),
    };
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_FAILURE, &format!("cannot start: {error}")),
    };
    let status = runtime.block_on(connect(plan));
    runtime.shutdown_background();
    ExitCode::from(status)
}

/// Connects, and gives the status to exit with at the end.
async fn connect(plan: Plan) -> u8 {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("gumboot: cannot hear signals: {error}");
            return EXIT_FAILURE;
        }
    };
    let protocols: Vec<&str> = plan.protocols.iter().map(String::as_str).collect();
    let connected = tokio::select! {
        connected = plan.client.connect(&plan.url, &protocols) => connected,
        _ = signals.recv() => return EXIT_FAILURE,
    };
    let socket = match connected {
        Ok(socket) => socket,
        Err(error) => return plan.output.refused(&error),
    };
    let negotiated = Negotiated::of(&plan.url, plan.way, &socket);
    let wire = Wire::new(socket);
    if plan.is_interactive {
        return talk(plan, &negotiated, wire, signals).await;
    }
    let (wants, wanted) = wishes();
    input::spawn(plan.input, wants.requests);
    let face = match Face::pipe(plan.output) {
        Ok(face) => face,
        Err(error) => {
            eprintln!("gumboot: cannot use standard output: {error}");
            return EXIT_FAILURE;
        }
    };
    Session::new(wire, face, plan.at_end, wanted, signals)
        .run(&negotiated)
        .await
}

/// The session of someone at a terminal.
async fn talk(plan: Plan, negotiated: &Negotiated, wire: Wire, signals: Signals) -> u8 {
    let (wants, wanted) = wishes();
    let (editor, printer) = match Editor::start(wants) {
        Ok(started) => started,
        Err(error) => {
            eprintln!("gumboot: cannot use the terminal: {error}");
            return EXIT_FAILURE;
        }
    };
    let face = Face::terminal(plan.output, printer);
    let status = Session::new(wire, face, plan.at_end, wanted, signals)
        .run(negotiated)
        .await;
    editor.stop().await;
    status
}

/// The terminals, by their `TERM`, that cannot move the cursor.
const TERMINALS_WITHOUT_EDITING: [&str; 3] = ["cons25", "dumb", "emacs"];

/// Whether input and output are a terminal that can edit lines.
fn is_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stdin())
        && io::IsTerminal::is_terminal(&io::stdout())
        && std::env::var("TERM").is_ok_and(|term| !TERMINALS_WITHOUT_EDITING.contains(&&*term))
}
