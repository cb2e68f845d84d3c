//! What `gumboot publish` and `gumboot subscribe` have in common: flags, the way into a session and out of it, and what
//! is said when it fails.

mod args;
mod failure;

use std::{future::pending, process::ExitCode, time::Duration};

use gumboot_stomp::{Client, Loss, Session, State};
use tokio::{runtime::Builder, time::timeout};

pub(super) use self::{args::StompArgs, failure::Failure};
use super::{EXIT_FAILURE, fail, signals::Signals};

/// How long the end of a session may take, once all is done that was to be done.
pub(super) const LEAVE_WAIT_MAX: Duration = Duration::from_secs(5);

/// A session, as the user wants it.
pub(super) struct Wanted {
    pub(super) client: Client,
    /// How long the server may take for each thing.
    pub(super) wait_max: Duration,
}

/// Runs `work` to its end, and says how it has failed.
pub(super) fn run(work: impl AsyncFnOnce(Signals) -> Result<(), Failure>) -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_FAILURE, &format!("cannot start: {error}")),
    };
    let result = runtime.block_on(async {
        let signals = Signals::new()
            .map_err(|error| Failure::Other(format!("cannot hear signals: {error}")))?;
        work(signals).await
    });
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.tell()),
    }
}

impl Wanted {
    /// Opens the session: the first attempt is the only one.
    pub(super) async fn open(&self, signals: &mut Signals) -> Result<Session, Failure> {
        tokio::select! {
            opened = timeout(self.wait_max, self.client.connect()) => match opened {
                Ok(opened) => opened.map_err(Failure::not_connected),
                Err(_) => Err(Failure::Other(format!(
                    "cannot connect (server): no answer to CONNECT within {} s",
                    self.wait_max.as_secs_f64()
                ))),
            },
            caught = signals.recv() => Err(Failure::Caught(caught)),
        }
    }

    /// What is said if the server has not done something in time.
    pub(super) fn late(&self, what: &str, session: &Session) -> Failure {
        let seconds = self.wait_max.as_secs_f64();
        let why = match session.state() {
            State::Reconnecting { loss, .. } => format!(": {loss}"),
            _ => String::new(),
        };
        Failure::Other(format!("{what}: not confirmed within {seconds} s{why}"))
    }
}

/// Ready when the session cannot go on: the server has sent an ERROR, or the connection cannot be made again. A loss
/// meanwhile is told to `on_lost`, with `None` when it is made good.
pub(super) async fn failed(session: &Session, on_lost: impl Fn(Option<&Loss>)) -> Failure {
    loop {
        let lost = session.wait_until(|state| !matches!(state, State::Connected(_)));
        match lost.await {
            State::Reconnecting { attempt, loss } => {
                if let Loss::Refused(error) = loss {
                    return Failure::Refused { what: None, error };
                }
                on_lost(Some(&loss));
                let is_other = |state: &State| match state {
                    State::Reconnecting { attempt: next, .. } => *next != attempt,
                    _ => true,
                };
                if let State::Connected(_) = session.wait_until(is_other).await {
                    on_lost(None);
                }
            }
            State::Ended(Some(loss)) => return Failure::lost(&loss),
            // Who wanted the end sees to it.
            _ => pending().await,
        }
    }
}

/// Waits for the end of the connection behind a session that has ended.
pub(super) async fn closed(session: &Session) {
    // The server may not see to its part; all that matters was confirmed.
    let _ = timeout(LEAVE_WAIT_MAX, session.closed()).await;
}
