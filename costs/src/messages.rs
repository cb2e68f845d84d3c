//! What a message costs: each case sends the same messages in the same order to a server of its own under callgrind.

mod echo;
mod stomp;

pub(crate) use self::{
    echo::{deflated_frame, open_deflated},
    stomp::log_in,
};

use std::{net::SocketAddr, path::Path};

use crate::{
    Failure,
    callgrind::Profiled,
    metric::{Cost, Metric},
    server::Subject,
};

/// How many rounds go ahead of those that count, for what is allocated once and for buffers that have grown.
const ROUNDS_AHEAD: u32 = 50;

/// With those ahead fewer than the pings that the server takes in a second, of which each round sends one.
const QUEUE_ROUNDS: u32 = 800;

/// Connections, and what is sent over them again and again.
trait Traffic {
    /// Sends messages and awaits all that comes of them; gives how many messages or deliveries count.
    ///
    /// # Panics
    /// If something else comes.
    fn round(&mut self) -> u64;
}

/// Something to measure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    subject: Subject,
    rounds: u32,
    open: fn(SocketAddr) -> Box<dyn Traffic>,
    /// Whether the figures hold only while clients write and the server reads at the same time.
    needs_two_cores: bool,
}

/// Every case.
pub(crate) const CASES: &[Case] = &[
    case("echo-32-bytes", Subject::Echo, 2_000, |at| {
        echo::binary(at, 32, 1)
    }),
    case("echo-32-bytes-16-in-flight", Subject::Echo, 250, |at| {
        echo::binary(at, 32, 16)
    }),
    case("echo-32-bytes-50-clients", Subject::Echo, 100, |at| {
        echo::clients(at, 32, 50)
    })
    .on_two_cores(),
    case("echo-1-kib-text", Subject::Echo, 1_000, |at| {
        echo::text(at, 1_024)
    }),
    case("echo-16-kib", Subject::Echo, 1_000, |at| {
        echo::binary(at, 16_384, 1)
    }),
    case("echo-1-kib-json-deflate", Subject::Echo, 500, |at| {
        echo::deflated(at, 1_024, 1)
    }),
    case("echo-1-kib-json-deflate-16", Subject::Echo, 50, |at| {
        echo::deflated(at, 1_024, 16)
    }),
    case("topic-1-subscriber", Subject::Broker, 1_000, |at| {
        stomp::topic(at, 1, 1)
    }),
    case("topic-100-subscribers", Subject::Broker, 50, |at| {
        stomp::topic(at, 100, 1)
    }),
    case("topic-100-bursts-of-16", Subject::Broker, 10, |at| {
        stomp::topic(at, 100, 16)
    }),
    case("queue-ack", Subject::Broker, QUEUE_ROUNDS, stomp::queue),
];

const fn case(
    name: &'static str,
    subject: Subject,
    rounds: u32,
    open: fn(SocketAddr) -> Box<dyn Traffic>,
) -> Case {
    Case {
        name,
        subject,
        rounds,
        open,
        needs_two_cores: false,
    }
}

/// The names of all cases.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name)
}

/// Of the named cases, or of all if none is named, those that cannot be measured on one core.
///
/// # Errors
/// If such a case is named.
pub(crate) fn not_on_one_core(named: &[String]) -> Result<Vec<&'static str>, Failure> {
    let cases = CASES.iter().filter(|case| case.needs_two_cores);
    let names: Vec<&str> = cases.map(|case| case.name).collect();
    match names.iter().find(|name| named.iter().any(|n| n == *name)) {
        Some(name) => Err(format!("{name} needs two cores, and there is one only").into()),
        None if named.is_empty() => Ok(names),
        None => Ok(Vec::new()),
    }
}

impl Case {
    const fn on_two_cores(self) -> Self {
        Self {
            needs_two_cores: true,
            ..self
        }
    }

    /// Measures the case, with the server on this core. The profile of what counted stays in `folder`.
    pub(crate) fn measure(
        &self,
        core: usize,
        program: &Path,
        folder: &Path,
    ) -> Result<[Cost; 4], Failure> {
        let mut profiled = Profiled::start(core, program, self.subject, folder, self.name)?;
        let mut traffic = (self.open)(profiled.server.address);
        for _ in 0..ROUNDS_AHEAD {
            traffic.round();
        }
        profiled.counts()?;
        let messages: u64 = (0..self.rounds).map(|_| traffic.round()).sum();
        let counts = profiled.counts()?;
        profiled.stop()?;
        let cost = |metric, count| Cost {
            case: self.name,
            metric,
            measured: count as f64 / messages as f64,
        };
        Ok([
            cost(Metric::Instructions, counts.instructions),
            cost(Metric::Allocations, counts.allocations),
            cost(Metric::SystemCalls, counts.system_calls),
            cost(Metric::ClockReads, counts.clock_reads),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_one_core_some_cases_are_left_out_and_not_to_be_named() {
        let not = |named: &[&str]| {
            let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
            not_on_one_core(&named).map_err(|failure| failure.to_string())
        };
        assert_eq!(not(&[]), Ok(vec!["echo-32-bytes-50-clients"]));
        assert_eq!(not(&["echo-32-bytes"]), Ok(vec![]));
        let failure = "echo-32-bytes-50-clients needs two cores, and there is one only";
        let named = not(&["echo-32-bytes", "echo-32-bytes-50-clients"]);
        assert_eq!(named, Err(failure.to_owned()));
    }
}
