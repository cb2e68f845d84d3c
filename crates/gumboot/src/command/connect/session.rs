//! A session from the open connection to its end: what the user asks for goes out, what arrives is shown.

use std::time::Duration;

use gumboot_websocket::proto::SendError;
use tokio::time::timeout;

use super::{
    Request, Wanted,
    args::AtEnd,
    negotiated::Negotiated,
    output::Face,
    typed,
    wire::{Happening, Wire},
};
use crate::command::{EXIT_FAILURE, EXIT_USAGE, say::complain, signals::Signals, whose::Whose};

/// How long standard output may take what is left, once the user wants to leave.
const LEAVE_WAIT_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Session {
    wire: Wire,
    face: Face,
    at_end: AtEnd,
    wanted: Wanted,
    takes_requests: bool,
    signals: Signals,
    /// Whether the user wants to leave: what nobody takes any more is dropped.
    is_leaving: bool,
    /// Whether the user was told that the connection is closing.
    knows_of_close: bool,
    /// The status for what was wrong with the input.
    status: u8,
}

impl Session {
    pub(super) fn new(
        wire: Wire,
        face: Face,
        at_end: AtEnd,
        wanted: Wanted,
        signals: Signals,
    ) -> Self {
        Self {
            wire,
            face,
            at_end,
            wanted,
            takes_requests: true,
            signals,
            is_leaving: false,
            knows_of_close: false,
            status: 0,
        }
    }

    /// Runs to the end of the connection, and gives the status to exit with.
    pub(super) async fn run(mut self, negotiated: &Negotiated) -> u8 {
        self.face.opened(negotiated);
        let ending = loop {
            if self.face.is_full() || !self.wire.has_arrived() {
                self.face.flush();
            }
            let may_read = self.is_leaving || !self.face.is_full();
            let takes_requests = self.takes_requests && !self.wire.is_blocked();
            tokio::select! {
                happening = self.wire.next(may_read) => match happening {
                    Happening::Ended(ending) => break ending,
                    happening => self.face.happened(&happening),
                },
                request = self.wanted.requests.recv(), if takes_requests => self.on_request(request),
                Some(request) = self.wanted.urgent.recv() => self.on_urgent(request),
                _ = self.signals.recv() => self.on_interrupt(),
                () = self.face.room(), if self.face.waits() => self.face.flush(),
                () = self.face.gone(), if !self.is_leaving => self.leave(),
            }
        };
        self.refuse_waiting();
        self.face.ended(&ending);
        let ended = if ending.is_clean { 0 } else { EXIT_FAILURE };
        let ended = ended.max(self.status);
        ended.max(self.finish().await)
    }

    fn on_request(&mut self, request: Option<Request>) {
        let sent = match request {
            None => {
                self.takes_requests = false;
                Ok(())
            }
            Some(Request::Close(frame)) => {
                self.wire.close(frame.as_ref());
                Ok(())
            }
            Some(Request::End) => {
                if self.at_end == AtEnd::Close {
                    self.close_normally();
                }
                Ok(())
            }
            Some(Request::Interrupt) => {
                self.on_interrupt();
                Ok(())
            }
            Some(Request::Invalid(why)) => {
                self.face.failed(Whose::User, &why);
                self.status = EXIT_USAGE;
                self.takes_requests = false;
                self.close_normally();
                Ok(())
            }
            Some(Request::Ping(payload)) => self.wire.ping(payload),
            Some(Request::Send(message)) => self.wire.send(message),
        };
        if let Err(error) = sent {
            self.on_refused(error);
        }
    }

    /// What does not wait for the server; but what was typed before goes first.
    fn on_urgent(&mut self, request: Request) {
        while let Ok(earlier) = self.wanted.requests.try_recv() {
            self.on_request(Some(earlier));
        }
        self.on_request(Some(request));
    }

    /// What waits when the connection is at its end will not be sent.
    fn refuse_waiting(&mut self) {
        self.wanted.requests.close();
        while let Ok(request) = self.wanted.requests.try_recv() {
            if let Request::Ping(_) | Request::Send(_) = request {
                self.on_refused(SendError::Closing);
            }
        }
    }

    /// Something was not sent. That the connection is closing is said once; who wants to leave knows it.
    fn on_refused(&mut self, error: SendError) {
        let is_closing = error == SendError::Closing;
        if is_closing && self.is_leaving {
            return;
        }
        if !(is_closing && self.knows_of_close) {
            self.face.failed(Whose::User, &format!("not sent: {error}"));
        }
        self.knows_of_close |= is_closing;
        // Someone at a terminal was told, and is there to do it differently.
        if !self.face.has_typist() {
            let status = match is_closing {
                true => EXIT_FAILURE,
                false => EXIT_USAGE,
            };
            self.status = self.status.max(status);
        }
    }

    /// The first time, closes in order; the second time, drops the connection.
    fn on_interrupt(&mut self) {
        match self.is_leaving {
            true => self.wire.drop_now(),
            false => self.leave(),
        }
    }

    fn leave(&mut self) {
        self.is_leaving = true;
        self.face.drop_excess();
        self.close_normally();
    }

    fn close_normally(&mut self) {
        self.wire.close(Some(&typed::normal()));
    }

    /// Waits until all is written, unless the user does not want to.
    async fn finish(mut self) -> u8 {
        let finished = self.face.finish();
        let written = match self.is_leaving {
            true => timeout(LEAVE_WAIT_MAX, finished).await.unwrap_or(Ok(())),
            false => tokio::select! {
                written = finished => written,
                _ = self.signals.recv() => Ok(()),
            },
        };
        match written {
            Ok(()) => 0,
            Err(error) => {
                complain(&format!("cannot write to standard output: {error}"));
                EXIT_FAILURE
            }
        }
    }
}
