//! What the suite says of each case, and where that differs from what is expected.

use std::collections::BTreeMap;

use serde_json::Value;

/// A case's number, in an order in which 1.10 comes after 1.9.
type Case = Vec<u32>;

/// How a peer behaved, and how it closed, in the suite's words.
type Verdict = (String, String);

/// What became of each case.
pub(super) type Verdicts = BTreeMap<Case, Verdict>;

/// The verdicts in a report, or in an expectation.
pub(super) fn results(cases: &Value) -> Verdicts {
    let cases = cases.as_object().into_iter().flatten();
    cases
        .map(|(case, result)| (numbers(case), verdict(result)))
        .collect()
}

fn numbers(case: &str) -> Case {
    case.split('.')
        .map(|number| number.parse().unwrap_or(u32::MAX))
        .collect()
}

fn verdict(result: &Value) -> Verdict {
    let word = |name| result[name].as_str().unwrap_or("nothing").to_owned();
    (word("behavior"), word("behaviorClose"))
}

/// A line for each case that is not as expected, is missing, or is not known.
pub(super) fn differences(expected: &Verdicts, seen: &Verdicts) -> Vec<String> {
    let wrong = expected
        .iter()
        .filter(|(case, verdict)| seen.get(*case) != Some(verdict));
    let wrong = wrong.map(|(case, verdict)| {
        format!(
            "{}: expected {}, got {}",
            name(case),
            words(Some(verdict)),
            words(seen.get(case))
        )
    });
    let unknown = seen
        .iter()
        .filter(|(case, _)| !expected.contains_key(*case));
    let unknown = unknown.map(|(case, verdict)| {
        format!("{}: not expected, got {}", name(case), words(Some(verdict)))
    });
    wrong.chain(unknown).collect()
}

fn name(case: &Case) -> String {
    let numbers: Vec<String> = case.iter().map(u32::to_string).collect();
    numbers.join(".")
}

fn words(verdict: Option<&Verdict>) -> String {
    match verdict {
        Some((behavior, close)) => format!("{behavior} (close: {close})"),
        None => "no result".to_owned(),
    }
}

/// How often the suite said each word, the most frequent first.
pub(super) fn tally(seen: &Verdicts) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (behavior, _) in seen.values() {
        *counts.entry(behavior).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let counts: Vec<String> = counts
        .iter()
        .map(|(behavior, count)| format!("{count} {behavior}"))
        .collect();
    counts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cases(list: &[(&str, &str, &str)]) -> Verdicts {
        let cases = list.iter().map(|(case, behavior, close)| {
            (
                (*case).to_owned(),
                json!({"behavior": behavior, "behaviorClose": close}),
            )
        });
        results(&Value::Object(cases.collect()))
    }

    #[test]
    fn the_same_results_differ_in_nothing() {
        let expected = cases(&[("1.9", "OK", "OK"), ("1.10", "INFORMATIONAL", "OK")]);
        assert!(differences(&expected, &expected).is_empty());
    }

    #[test]
    fn each_kind_of_difference_is_named() {
        let expected = cases(&[
            ("1.9", "OK", "OK"),
            ("1.10", "OK", "OK"),
            ("2.1", "OK", "OK"),
        ]);
        let seen = cases(&[
            ("1.9", "NON-STRICT", "OK"),
            ("1.10", "OK", "FAILED"),
            ("3.1", "OK", "OK"),
        ]);
        let expected_lines = [
            "1.9: expected OK (close: OK), got NON-STRICT (close: OK)",
            "1.10: expected OK (close: OK), got OK (close: FAILED)",
            "2.1: expected OK (close: OK), got no result",
            "3.1: not expected, got OK (close: OK)",
        ];
        assert_eq!(differences(&expected, &seen), expected_lines);
    }

    #[test]
    fn the_tally_counts_each_word() {
        let seen = cases(&[
            ("1", "OK", "OK"),
            ("2", "INFORMATIONAL", "OK"),
            ("3", "OK", "OK"),
        ]);
        assert_eq!(tally(&seen), "2 OK, 1 INFORMATIONAL");
    }
}
