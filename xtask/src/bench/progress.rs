//! How far a scenario has come, on standard error if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often it is shown anew.
const SHOWN_EVERY: Duration = Duration::from_millis(500);

/// Shows how many measurements are done, what is measured now, and how long the rest takes.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(measurements: usize) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed} (+{eta}) {msg}")
            .expect("the template is well formed");
        let bar = ProgressBar::new(measurements as u64).with_style(style);
        bar.enable_steady_tick(SHOWN_EVERY);
        Self(bar)
    }

    /// Says what is measured from now on.
    pub(super) fn begin(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// One more is done.
    pub(super) fn done(&self) {
        self.0.inc(1);
    }

    /// A line that stays, whether or not there is a terminal.
    pub(super) fn say(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
