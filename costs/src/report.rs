//! What was measured beside its bounds, and whether it keeps them.

use std::fmt;

use crate::{
    bounds::{Bound, Bounds},
    metric::{Cost, Metric},
};

/// A figure below this part of its bound should have a lower one, so that what was won is not lost unseen.
const TIGHT: f64 = 0.85;

/// A bound that is less than this above the figure is tight whatever its part: it is what margins of small figures come to.
const TIGHT_WITHIN: f64 = 0.15;

/// Below this part of what was measured when the bound was set, the counter has stopped rather than the cost gone.
const STOPPED: f64 = 0.1;

/// What is measured as no more than this is nothing, give or take its last digit.
const NOTHING: f64 = 0.02;

/// Every cost with its bound, and every bound without a cost.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<(Cost, Option<Bound>)>,
    unmeasured: Vec<(String, Metric)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    /// The bound is kept, and so far away that it guards nothing.
    Loose,
    /// So much below what it was that nothing may have been counted.
    Stopped,
    Passed,
    Unbound,
}

impl Report {
    /// Of the bounds, those of the cases that are wanted must have been measured.
    pub(crate) fn new(costs: Vec<Cost>, bounds: &Bounds, is_wanted: &dyn Fn(&str) -> bool) -> Self {
        let is_measured = |case: &str, metric| {
            costs
                .iter()
                .any(|cost| cost.case == case && cost.metric == metric)
        };
        let wanted = bounds.lines().filter(|(case, ..)| is_wanted(case));
        let unmeasured = wanted.filter(|(case, metric, _)| !is_measured(case, *metric));
        let unmeasured = unmeasured
            .map(|(case, metric, _)| (case.to_owned(), metric))
            .collect();
        let row = |cost: Cost| {
            let bound = bounds.get(cost.case, cost.metric);
            (cost, bound)
        };
        Self {
            rows: costs.into_iter().map(row).collect(),
            unmeasured,
        }
    }

    /// Whether every cost has a bound and keeps it, and every bound was held against a cost.
    pub(crate) fn is_good(&self) -> bool {
        let is_kept = |(cost, bound): &(Cost, Option<Bound>)| {
            matches!(verdict(cost, *bound), Verdict::Kept | Verdict::Loose)
        };
        self.unmeasured.is_empty() && self.rows.iter().all(is_kept)
    }
}

fn verdict(cost: &Cost, bound: Option<Bound>) -> Verdict {
    match bound {
        None => Verdict::Unbound,
        Some(Bound { measured, .. })
            if measured > NOTHING && cost.measured < measured * STOPPED =>
        {
            Verdict::Stopped
        }
        Some(bound) if cost.measured <= bound.bound => {
            let is_tight =
                cost.measured >= bound.bound * TIGHT || cost.measured + TIGHT_WITHIN >= bound.bound;
            if is_tight {
                Verdict::Kept
            } else {
                Verdict::Loose
            }
        }
        // Also a figure that is none.
        Some(_) => Verdict::Passed,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28}{:<22}{:>10}{:>10}",
            "case", "cost", "measured", "bound"
        )?;
        for (cost, bound) in &self.rows {
            let digits = cost.metric.digits();
            let limit = bound.map_or("none".to_owned(), |bound| {
                format!("{:.digits$}", bound.bound)
            });
            let (case, metric) = (cost.case, cost.metric.name());
            write!(
                f,
                "{case:<28}{metric:<22}{:>10.digits$}{limit:>10}",
                cost.measured
            )?;
            match verdict(cost, *bound) {
                Verdict::Kept | Verdict::Loose => writeln!(f)?,
                Verdict::Stopped | Verdict::Passed | Verdict::Unbound => writeln!(f, "  FAILED")?,
            }
        }
        for (cost, bound) in &self.rows {
            let advice = match verdict(cost, *bound) {
                Verdict::Kept => continue,
                Verdict::Loose => "is far below its bound, lower it",
                Verdict::Stopped => "is hardly counted any more; if that is right, lower its bound",
                Verdict::Passed => "passed its bound",
                Verdict::Unbound => "has no bound",
            };
            let (metric, digits) = (cost.metric, cost.metric.digits());
            let bound = metric.bound_for(cost.measured);
            let (case, name, measured) = (cost.case, metric.name(), cost.measured);
            writeln!(
                f,
                "{case}.{name} {advice}: {name} = {{ bound = {bound:.digits$}, measured = {measured:.digits$} }}"
            )?;
        }
        for (case, metric) in &self.unmeasured {
            writeln!(
                f,
                "{case}.{} has a bound and was not measured",
                metric.name()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &str = "\
[echo]
instructions = { bound = 1000, measured = 960 }
allocations = { bound = 0.01, measured = 0 }
[topic]
instructions = { bound = 5000, measured = 4900 }
";

    fn report(costs: &[(&'static str, Metric, f64)], wanted: &str) -> Report {
        let bounds: Bounds = toml::from_str(BOUNDS).expect("it is well formed");
        let cost = |&(case, metric, measured)| Cost {
            case,
            metric,
            measured,
        };
        let costs = costs.iter().map(cost).collect();
        Report::new(costs, &bounds, &|case| wanted.is_empty() || case == wanted)
    }

    const ECHO: (&str, Metric, f64) = ("echo", Metric::Instructions, 1_000.0);
    const NONE: (&str, Metric, f64) = ("echo", Metric::Allocations, 0.0);
    const TOPIC: (&str, Metric, f64) = ("topic", Metric::Instructions, 4_900.0);

    #[test]
    fn costs_within_their_bounds_are_good() {
        let report = report(&[ECHO, NONE, TOPIC], "");
        assert!(report.is_good());
        assert!(!report.to_string().contains("lower it"), "{report}");
    }

    #[test]
    fn a_cost_above_its_bound_fails() {
        for cost in [1_000.5, 10_000.0, f64::NAN] {
            let report = report(&[("echo", Metric::Instructions, cost), NONE, TOPIC], "");
            assert!(!report.is_good(), "{report}");
        }
        let report = report(&[ECHO, ("echo", Metric::Allocations, 0.02), TOPIC], "");
        assert!(!report.is_good());
        assert!(
            report
                .to_string()
                .contains("echo.allocations passed its bound: allocations = {")
        );
    }

    #[test]
    fn a_cost_that_is_not_counted_any_more_fails() {
        for (cost, is_good) in [(0.0, false), (95.0, false), (97.0, true)] {
            let report = report(&[("echo", Metric::Instructions, cost), NONE, TOPIC], "");
            assert_eq!(report.is_good(), is_good, "{report}");
            let says = report
                .to_string()
                .contains("echo.instructions is hardly counted any more");
            assert_eq!(says, !is_good, "{report}");
        }
    }

    #[test]
    fn what_is_only_in_the_file_or_only_measured_fails() {
        let report_of_less = report(&[ECHO, TOPIC], "");
        assert!(!report_of_less.is_good());
        let text = report_of_less.to_string();
        assert!(
            text.contains("echo.allocations has a bound and was not measured"),
            "{text}"
        );
        assert!(!report(&[ECHO, NONE, TOPIC, ("new", Metric::Instructions, 1.0)], "").is_good());
    }

    #[test]
    fn bounds_of_cases_that_are_not_wanted_need_no_cost() {
        assert!(report(&[TOPIC], "topic").is_good());
        assert!(!report(&[], "topic").is_good());
    }

    #[test]
    fn a_bound_far_above_its_cost_is_to_be_lowered() {
        let report = report(&[("echo", Metric::Instructions, 800.0), NONE, TOPIC], "");
        assert!(report.is_good());
        let expected = "echo.instructions is far below its bound, lower it: \
                        instructions = { bound = 840, measured = 800 }";
        assert!(report.to_string().contains(expected), "{report}");
    }
}
