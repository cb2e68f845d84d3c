//! What is counted, and in which unit.

use serde::Deserialize;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Metric {
    /// Instructions of the program itself, not of the kernel.
    Instructions,
    /// Calls of `malloc` and its like.
    Allocations,
    /// System calls.
    SystemCalls,
    /// Readings of the clock, which natively are no system calls.
    ClockReads,
    /// Bytes of memory of the process.
    BytesConnected,
    /// The same after a message each.
    BytesAfterMessage,
}

impl Metric {
    /// As it stands in the file of bounds.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Allocations => "allocations",
            Self::SystemCalls => "system-calls",
            Self::ClockReads => "clock-reads",
            Self::BytesConnected => "bytes-connected",
            Self::BytesAfterMessage => "bytes-after-message",
        }
    }

    /// How many digits behind the point say something.
    pub(crate) fn digits(self) -> usize {
        match self {
            Self::Instructions | Self::BytesConnected | Self::BytesAfterMessage => 0,
            Self::Allocations | Self::SystemCalls | Self::ClockReads => 2,
        }
    }

    /// The bound that suits a figure: above what another run, or another machine of the kind, may count. Timers wake
    /// the program a few times a second, so a run that takes longer has some system calls and readings of the clock more.
    pub(crate) fn bound_for(self, measured: f64) -> f64 {
        let bound = match self {
            Self::Instructions | Self::BytesConnected | Self::BytesAfterMessage => measured * 1.05,
            Self::Allocations => measured * 1.01 + 0.01,
            Self::SystemCalls => measured * 1.03 + 0.03,
            Self::ClockReads => measured * 1.05 + 0.1,
        };
        match self.digits() {
            0 => bound.ceil(),
            _ => (bound * 100.0).ceil() / 100.0,
        }
    }
}

/// A figure per message, per delivery, or per connection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cost {
    pub(crate) case: &'static str,
    pub(crate) metric: Metric,
    pub(crate) measured: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_little_above_the_figure() {
        assert_eq!(Metric::Instructions.bound_for(1_500.5), 1_576.0);
        assert_eq!(Metric::Allocations.bound_for(0.0), 0.01);
        assert_eq!(Metric::BytesConnected.bound_for(1_000.0), 1_050.0);
    }

    #[test]
    fn names_are_those_of_the_file() {
        for metric in [
            Metric::Instructions,
            Metric::Allocations,
            Metric::SystemCalls,
            Metric::ClockReads,
            Metric::BytesConnected,
            Metric::BytesAfterMessage,
        ] {
            let text = format!("[case]\n{} = {{ bound = 1, measured = 1 }}", metric.name());
            let bounds: crate::bounds::Bounds = toml::from_str(&text).expect("it is known");
            assert!(bounds.get("case", metric).is_some());
        }
    }
}
