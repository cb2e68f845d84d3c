//! Figures out of what loads print, and figures as text.

use serde_json::Value;

use crate::context::Failure;

/// A figure of a load.
pub(super) fn number(figures: &Value, name: &str) -> Result<f64, Failure> {
    figures[name]
        .as_f64()
        .ok_or_else(|| Failure::Broken(format!("there is no {name} in {figures}")))
}

/// The one in the middle, of an even count the upper one; none of nothing.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A whole number, or `-`.
pub(super) fn count(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.0}"))
}

/// How many times as much as the other, or `-`.
pub(super) fn ratio(one: Option<f64>, other: Option<f64>) -> String {
    match (one, other) {
        (Some(one), Some(other)) => format!("{:.2}", one / other),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(4.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_figure_that_is_missing_is_a_failure() {
        let figures = json!({ "a": 1.5, "b": null });
        assert_eq!(number(&figures, "a").expect("it is there"), 1.5);
        assert!(number(&figures, "b").is_err());
        assert!(number(&figures, "c").is_err());
    }
}
