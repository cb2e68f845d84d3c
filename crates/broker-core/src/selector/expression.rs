//! Expressions, and what they are worth for a message.

use std::cmp::Ordering;

use super::{
    like::Like,
    value::{Comparison, Number, Truth, Value},
};
use crate::message::Payload;

#[derive(Debug, Clone)]
pub(super) enum Expression {
    Header(Box<str>),
    Literal(Literal),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare(Box<Self>, Operator, Box<Self>),
    Between(Box<Self>, Box<(Self, Self)>),
    In(Box<Self>, Box<[Box<str>]>),
    Like(Box<Self>, Like),
    IsNull(Box<Self>),
    Negate(Box<Self>),
    Reckon(Box<Self>, Arithmetic, Box<Self>),
}

#[derive(Debug, Clone)]
pub(super) enum Literal {
    Truth(bool),
    Integer(i64),
    Float(f64),
    Text(Box<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Expression {
    pub(super) fn is_true<M: Payload>(&self, message: &M) -> bool {
        self.truth(message) == Some(true)
    }

    fn truth<M: Payload>(&self, message: &M) -> Truth {
        match self {
            Self::And(all) => fold(all.iter().map(|one| one.truth(message)), false),
            Self::Or(any) => fold(any.iter().map(|one| one.truth(message)), true),
            Self::Not(negated) => negated.truth(message).map(|truth| !truth),
            Self::Compare(left, operator, right) => {
                operator.holds(&left.value(message), &right.value(message))
            }
            Self::Between(value, bounds) => {
                let value = value.value(message);
                let not_less = Operator::GreaterOrEqual.holds(&value, &bounds.0.value(message));
                let not_more = Operator::LessOrEqual.holds(&value, &bounds.1.value(message));
                fold([not_less, not_more].into_iter(), false)
            }
            Self::In(value, list) => {
                let value = value.value(message);
                let text = value.text()?;
                Some(list.iter().any(|one| &**one == text))
            }
            Self::Like(value, pattern) => Some(pattern.matches(value.value(message).text()?)),
            Self::IsNull(value) => Some(matches!(value.value(message), Value::Unknown)),
            Self::Header(_) | Self::Literal(_) | Self::Negate(_) | Self::Reckon(..) => {
                self.value(message).truth()
            }
        }
    }

    fn value<'a, M: Payload>(&'a self, message: &'a M) -> Value<'a> {
        match self {
            Self::Header(name) => message.header(name).map_or(Value::Unknown, Value::Header),
            Self::Literal(literal) => literal.value(),
            Self::Negate(value) => {
                let number = value.value(message).number();
                number.map_or(Value::Unknown, |number| number.negated().value())
            }
            Self::Reckon(left, operator, right) => {
                let numbers = left
                    .value(message)
                    .number()
                    .zip(right.value(message).number());
                let result = numbers.and_then(|(left, right)| operator.reckon(left, right));
                result.map_or(Value::Unknown, Number::value)
            }
            _ => self.truth(message).map_or(Value::Unknown, Value::Truth),
        }
    }
}

/// `OR` of three values if `decisive` is true, `AND` if it is false: one that is decisive decides, and else one that is
/// unknown.
fn fold(truths: impl Iterator<Item = Truth>, decisive: bool) -> Truth {
    let mut result = Some(!decisive);
    for truth in truths {
        match truth {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl Literal {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Truth(truth) => Value::Truth(*truth),
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Float(float) => Value::Float(*float),
            Self::Text(text) => Value::Text((&**text).into()),
        }
    }
}

impl Operator {
    /// Texts and truth values are equal or not; only numbers are less or greater.
    fn holds(self, left: &Value<'_>, right: &Value<'_>) -> Truth {
        match (self, left.compare(right)?) {
            (Self::Equal, Comparison::Unordered(equal)) => Some(equal),
            (Self::NotEqual, Comparison::Unordered(equal)) => Some(!equal),
            (_, Comparison::Unordered(_)) => None,
            (Self::Equal, Comparison::Ordered(order)) => Some(order == Ordering::Equal),
            (Self::NotEqual, Comparison::Ordered(order)) => Some(order != Ordering::Equal),
            (Self::Less, Comparison::Ordered(order)) => Some(order == Ordering::Less),
            (Self::LessOrEqual, Comparison::Ordered(order)) => Some(order != Ordering::Greater),
            (Self::Greater, Comparison::Ordered(order)) => Some(order == Ordering::Greater),
            (Self::GreaterOrEqual, Comparison::Ordered(order)) => Some(order != Ordering::Less),
        }
    }
}

impl Arithmetic {
    /// None for a division of integers by zero.
    fn reckon(self, left: Number, right: Number) -> Option<Number> {
        if self == Self::Divide
            && let (Number::Integer(_), Number::Integer(0)) = (left, right)
        {
            return None;
        }
        Some(match self {
            Self::Add => left.reckon(right, i64::checked_add, |a, b| a + b),
            Self::Subtract => left.reckon(right, i64::checked_sub, |a, b| a - b),
            Self::Multiply => left.reckon(right, i64::checked_mul, |a, b| a * b),
            Self::Divide => left.reckon(right, i64::checked_div, |a, b| a / b),
        })
    }
}
