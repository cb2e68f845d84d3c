//! What selectors select, what is refused, and that no text does harm.

use std::{borrow::Cow, collections::BTreeMap};

use proptest::prelude::*;

use super::*;
use crate::message::DeadLetter;

#[derive(Clone)]
struct Headers(BTreeMap<&'static str, &'static str>);

impl Payload for Headers {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(|value| (*value).into())
    }

    fn dead_letter(&self, _: &DeadLetter<'_>) -> Self {
        self.clone()
    }
}

fn message() -> Headers {
    Headers(BTreeMap::from([
        ("color", "red"),
        ("price", "10"),
        ("weight", "2.5"),
        ("urgent", "TRUE"),
        ("name", "it's 100%_\\"),
        ("content-type", "text/plain"),
        ("empty", ""),
        ("größe", "XL"),
        ("big", "9223372036854775807"),
    ]))
}

#[track_caller]
fn check(selector: &str, expected: Truth) {
    let parsed =
        |text: &str| Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let selects = |text: &str| parsed(text).matches(&message());
    assert_eq!(selects(selector), expected == Some(true), "{selector}");
    // What is unknown is not true, and its contrary is not either.
    let contrary = format!("NOT ({selector})");
    assert_eq!(selects(&contrary), expected == Some(false), "{contrary}");
}

type Truth = Option<bool>;
const TRUE: Truth = Some(true);
const FALSE: Truth = Some(false);
const UNKNOWN: Truth = None;

#[test]
fn comparisons() {
    check("color = 'red'", TRUE);
    check("color <> 'red'", FALSE);
    check("color = 'Red'", FALSE);
    check("Color = 'red'", UNKNOWN);
    check("price = 10", TRUE);
    check("price = 10.0", TRUE);
    check("price = '10'", TRUE);
    check(
        "price > 9.5 AND price >= 10 AND price < 11 AND price <= 1e1",
        TRUE,
    );
    check("price > 10", FALSE);
    check("weight < price", TRUE);
    check("color = price", FALSE);
    check("color > 'blue'", UNKNOWN);
    check("color > 5", UNKNOWN);
    check("color = 5", UNKNOWN);
    check("'a' = 'a'", TRUE);
    check("1 = '1'", UNKNOWN);
    check("empty = ''", TRUE);
    check("größe = 'XL'", TRUE);
    check("\"content-type\" = 'text/plain'", TRUE);
    check("big = 9223372036854775807", TRUE);
    check("big < 9223372036854775807", FALSE);
}

#[test]
fn truth_values() {
    check("urgent", TRUE);
    check("urgent = TRUE", TRUE);
    check("urgent <> true", FALSE);
    check("urgent = FALSE", FALSE);
    check("color = TRUE", UNKNOWN);
    check("color", UNKNOWN);
    check("missing", UNKNOWN);
    check("TRUE", TRUE);
    check("(price > 5) = TRUE", TRUE);
}

#[test]
fn logic_of_three_values() {
    let terms = [("TRUE", TRUE), ("FALSE", FALSE), ("missing = 1", UNKNOWN)];
    for (left, a) in terms {
        for (right, b) in terms {
            let and = match (a, b) {
                (FALSE, _) | (_, FALSE) => FALSE,
                (TRUE, TRUE) => TRUE,
                _ => UNKNOWN,
            };
            let or = match (a, b) {
                (TRUE, _) | (_, TRUE) => TRUE,
                (FALSE, FALSE) => FALSE,
                _ => UNKNOWN,
            };
            check(&format!("{left} AND {right}"), and);
            check(&format!("{left} OR {right}"), or);
        }
    }
    check("TRUE OR FALSE AND FALSE", TRUE);
    check("(TRUE OR FALSE) AND FALSE", FALSE);
    check("NOT FALSE AND FALSE", FALSE);
    check("not not true", TRUE);
}

#[test]
fn between_in_like_null() {
    check("price BETWEEN 10 AND 20", TRUE);
    check("price between 11 and 20 or price between 1 and 10", TRUE);
    check("price NOT BETWEEN 11 AND 20", TRUE);
    check("missing BETWEEN 1 AND 2", UNKNOWN);
    check("price BETWEEN 20 AND missing", FALSE);
    check("color IN ('blue', 'red')", TRUE);
    check("color NOT IN ('blue', 'red')", FALSE);
    check("missing IN ('a')", UNKNOWN);
    check("color LIKE 'r%'", TRUE);
    check("color LIKE 'r_d'", TRUE);
    check("color LIKE 'r_'", FALSE);
    check("color NOT LIKE '%d'", FALSE);
    check("missing LIKE '%'", UNKNOWN);
    check("name LIKE 'it''s %'", TRUE);
    check("name LIKE '%!%!__' ESCAPE '!'", TRUE);
    check("color LIKE '%!%%' ESCAPE '!'", FALSE);
    check("missing IS NULL", TRUE);
    check("missing IS NOT NULL", FALSE);
    check("empty IS NULL", FALSE);
}

#[test]
fn arithmetic() {
    check("price + 2 * 3 = 16", TRUE);
    check("(price + 2) * 3 = 36", TRUE);
    check("price - 3 - 2 = 5", TRUE);
    check("-price = -10", TRUE);
    check("- -price = +10", TRUE);
    check("7 / 2 = 3", TRUE);
    check("7 / 2.0 = 3.5", TRUE);
    check("price / 0 = 1", UNKNOWN);
    check("price / 0.0 = 1", UNKNOWN);
    check("color + 1 = 1", UNKNOWN);
    check("weight * 4 = price", TRUE);
    check("big + 1 > big", FALSE);
    check("big * 4 > big", TRUE);
    check("price * .1 = 1.", TRUE);
}

#[track_caller]
fn refused(selector: &str, expected: &str) {
    assert_eq!(Selector::parse(selector).unwrap_err().to_string(), expected);
}

#[test]
fn what_is_none_and_where() {
    for (selector, expected) in [
        (
            "",
            "expected a header, a value or a parenthesis (selector, at byte 0)",
        ),
        (
            "a =",
            "expected a header, a value or a parenthesis (selector, at byte 3)",
        ),
        (
            "a = 1 b",
            "expected an operator or the end (selector, at byte 6)",
        ),
        (
            "a ? 1",
            "the character '?' has no meaning (selector, at byte 2)",
        ),
        ("a = 'b", "the quotes do not end (selector, at byte 4)"),
        ("\"a", "the quotes do not end (selector, at byte 0)"),
        (
            "(a = 1",
            "expected a closing parenthesis (selector, at byte 6)",
        ),
        ("a IS 1", "expected NULL (selector, at byte 5)"),
        (
            "a NOT 1",
            "expected BETWEEN, IN or LIKE (selector, at byte 6)",
        ),
        ("a BETWEEN 1 OR 2", "expected AND (selector, at byte 12)"),
        (
            "a IN 'x'",
            "expected a list in parentheses (selector, at byte 5)",
        ),
        (
            "a IN (1)",
            "expected a text in single quotes (selector, at byte 6)",
        ),
        (
            "a IN ('x'",
            "expected a comma or a closing parenthesis (selector, at byte 9)",
        ),
        (
            "a LIKE b",
            "expected a text in single quotes (selector, at byte 7)",
        ),
        (
            "a LIKE 'x' ESCAPE '!!'",
            "ESCAPE is one character, before %, _ or itself (selector, at byte 18)",
        ),
        (
            "a LIKE 'x!' ESCAPE '!'",
            "ESCAPE is one character, before %, _ or itself (selector, at byte 7)",
        ),
        (
            "a LIKE '!x' ESCAPE '!'",
            "ESCAPE is one character, before %, _ or itself (selector, at byte 7)",
        ),
        (
            "a = 9223372036854775808",
            "the number is out of range (selector, at byte 4)",
        ),
        (
            "a = 1e999",
            "the number is out of range (selector, at byte 4)",
        ),
        ("a = 1x", "the number is out of range (selector, at byte 4)"),
        ("a + 1", "expected a condition (selector, at byte 0)"),
        ("'x'", "expected a condition (selector, at byte 0)"),
    ] {
        refused(selector, expected);
    }
}

#[test]
fn limits_at_and_one_past() {
    let parentheses = |n: usize| format!("{}TRUE{}", "(".repeat(n), ")".repeat(n));
    assert!(Selector::parse(&parentheses(SELECTOR_DEPTH_MAX)).is_ok());
    let too_deep = Selector::parse(&parentheses(SELECTOR_DEPTH_MAX + 1)).unwrap_err();
    assert_eq!(too_deep.problem, Problem::TooDeep);
    let sum = |n: usize| format!("a = 1{}", " + 1".repeat(n));
    assert!(Selector::parse(&sum(SELECTOR_DEPTH_MAX)).is_ok());
    let too_deep = Selector::parse(&sum(SELECTOR_DEPTH_MAX + 1)).unwrap_err();
    assert_eq!(too_deep.problem, Problem::TooDeep);
    let text = |n: usize| format!("a='{}'", "x".repeat(n - 4));
    assert!(Selector::parse(&text(SELECTOR_BYTES_MAX)).is_ok());
    let too_long = Selector::parse(&text(SELECTOR_BYTES_MAX + 1)).unwrap_err();
    assert_eq!(too_long.problem, Problem::TooLong);
}

/// `LIKE`, so simple that it cannot be wrong.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skipped| like(rest, &text[skipped..])),
        Some(('_', rest)) => !text.is_empty() && like(rest, &text[1..]),
        Some((char, rest)) => text.first() == Some(char) && like(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn any_text_is_a_selector_or_not(text in "\\PC{0,60}") {
        if let Ok(selector) = Selector::parse(&text) {
            selector.matches(&message());
        }
    }

    #[test]
    fn any_words_are_a_selector_or_not(words in prop::collection::vec(prop::sample::select(vec![
        "price", "color", "'red'", "10", "2.5", "TRUE", "AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ESCAPE", "IS",
        "NULL", "(", ")", ",", "=", "<>", "<", ">=", "+", "-", "*", "/", "'%'",
    ]), 0..20)) {
        match Selector::parse(&words.join(" ")) {
            Ok(selector) => drop(selector.matches(&message())),
            Err(error) => prop_assert!(error.position <= words.join(" ").len()),
        }
    }

    #[test]
    fn like_is_like(pattern in "[ab%_]{0,8}", text in "[ab]{0,8}") {
        let selector = Selector::parse(&format!("'{text}' LIKE '{pattern}'")).unwrap();
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(selector.matches(&message()), like(&chars(&pattern), &chars(&text)));
    }
}
