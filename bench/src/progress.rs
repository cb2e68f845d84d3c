//! How far a load has come, on standard error if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Failure;

/// How often it is shown anew.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// Shows what is done of so many; 0 if it is not known how many there will be.
pub(crate) fn progress(what: &'static str, total: u64) -> Result<ProgressBar, Failure> {
    let template = match total {
        0 => "{msg} {pos} {per_sec} {elapsed}",
        _ => "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}",
    };
    let bar = match total {
        0 => ProgressBar::no_length(),
        total => ProgressBar::new(total),
    };
    bar.set_style(ProgressStyle::with_template(template)?);
    bar.set_message(what);
    bar.enable_steady_tick(SHOWN_EVERY);
    Ok(bar)
}
