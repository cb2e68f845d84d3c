//! How far a scenario has come, on standard error if that is a terminal.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often it is shown anew.
const SHOWN_EVERY: Duration = Duration::from_millis(500);

/// How often a line says it where there is no terminal.
const SAID_EVERY: Duration = Duration::from_secs(30);

/// Shows how many measurements are done, what is measured now, and how long the rest takes.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    said: Cell<Instant>,
}

impl Progress {
    pub(super) fn new(measurements: usize) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed} (+{eta}) {msg}")
            .expect("the template is well formed");
        let bar = ProgressBar::new(measurements as u64).with_style(style);
        bar.enable_steady_tick(SHOWN_EVERY);
        Self {
            bar,
            said: Cell::new(Instant::now()),
        }
    }

    /// Says what is measured from now on.
    pub(super) fn begin(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// One more is done.
    pub(super) fn done(&self) {
        self.bar.inc(1);
        if self.bar.is_hidden() && self.said.get().elapsed() >= SAID_EVERY {
            self.said.set(Instant::now());
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            eprintln!("{done} of {all} measured");
        }
    }

    /// A line that stays, whether or not there is a terminal.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
