//! How long messages took, and the quantiles of that.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::Failure;

/// The longest wait that is told apart from longer ones.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The figures that every load prints, and which quantile each is.
const FIGURES: [(&str, f64); 3] = [("us_p50", 0.5), ("us_p99", 0.99), ("us_p99_9", 0.999)];

/// All waits of a measurement, to three digits.
#[derive(Debug, Clone)]
pub(crate) struct Waits(Histogram<u64>);

impl Waits {
    pub(crate) fn new() -> Result<Self, Failure> {
        let nanoseconds_max = u64::try_from(WAIT_MAX.as_nanos())?;
        Ok(Self(Histogram::new_with_bounds(1, nanoseconds_max, 3)?))
    }

    /// So many messages took so long.
    pub(crate) fn record(&mut self, wait: Duration, messages: u64) {
        let nanoseconds = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(nanoseconds, messages);
    }

    /// How many messages were recorded.
    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }

    /// The figures of a load, and these quantiles in microseconds.
    pub(crate) fn add_to(&self, figures: Value) -> Value {
        let mut all = match figures {
            Value::Object(all) => all,
            _ => Map::new(),
        };
        for (name, quantile) in FIGURES {
            let us = self.0.value_at_quantile(quantile) as f64 / 1_000.0;
            all.insert(name.to_owned(), json!(us));
        }
        Value::Object(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_messages() {
        let mut waits = Waits::new().expect("it has room");
        waits.record(Duration::from_micros(7), 990);
        waits.record(Duration::from_millis(3), 9);
        waits.record(Duration::from_secs(3_600), 1);
        assert_eq!(waits.len(), 1_000);
        let figures = waits.add_to(json!({ "messages": 1_000 }));
        assert_eq!(figures["messages"], 1_000);
        let near = |name: &str, us: f64| {
            let got = figures[name].as_f64().unwrap_or_default();
            assert!((got / us - 1.0).abs() < 0.001, "{name}: {got}");
        };
        near("us_p50", 7.0);
        near("us_p99", 7.0);
        near("us_p99_9", 3_000.0);
        waits.reset();
        assert_eq!(waits.len(), 0);
    }
}
