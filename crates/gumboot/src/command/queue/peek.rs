//! `gumboot queue peek`: messages that wait in a queue, on standard output.

use std::io::ErrorKind;

use super::{look::Look, visit::Visit};
use crate::command::{
    stomp::Failure,
    subscribe::output::{Output, Style},
};

/// Once so many octets wait to be written, no more messages are taken.
const BATCH_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Plan {
    pub(super) queue: String,
    pub(super) selector: Option<String>,
    pub(super) count: Option<u64>,
    pub(super) style: Style,
}

pub(super) async fn run(visit: &Visit<'_>, plan: Plan) -> Result<(), Failure> {
    let output = Output::new(plan.style)
        .map_err(|error| Failure::Other(format!("cannot use standard output: {error}")))?;
    let mut look = Look::open(visit, &plan.queue, plan.selector.as_deref()).await?;
    let mut left = plan.count.unwrap_or(u64::MAX);
    while left > 0 {
        let mut next = tokio::select! {
            biased;
            () = visit.stopped() => return Ok(()),
            next = look.next() => next?,
        };
        let mut octets = Vec::new();
        while let Some(message) = next {
            output.show(&message, &plan.queue, &mut octets);
            left -= 1;
            if left == 0 || octets.len() >= BATCH_BYTES_MAX {
                break;
            }
            next = look.next_at_hand().await?;
        }
        match output.write(octets).await {
            Ok(()) if look.is_through() => return Ok(()),
            Ok(()) => {}
            // Who has had enough, such as `head`, is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                let why = format!("cannot write to standard output: {error}");
                return Err(Failure::Other(why));
            }
        }
    }
    Ok(())
}
