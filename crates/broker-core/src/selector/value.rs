//! Values of expressions, and how they compare.

use std::{borrow::Cow, cmp::Ordering};

#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Unknown,
    Truth(bool),
    Integer(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// The value of a header: a text that may stand for a number or a truth value.
    Header(Cow<'a, str>),
}

/// True, false, or unknown.
pub(super) type Truth = Option<bool>;

impl Value<'_> {
    pub(super) fn truth(&self) -> Truth {
        match self {
            Self::Truth(truth) => Some(*truth),
            Self::Header(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Header(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Integer(integer) => Some(Number::Integer(*integer)),
            Self::Float(float) => Some(Number::Float(*float)),
            Self::Header(text) => Number::parse(text),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Header(text) => Some(text),
            _ => None,
        }
    }

    /// How two values compare; none if they do not.
    pub(super) fn compare(&self, other: &Self) -> Option<Comparison> {
        let numbers = self.number().zip(other.number());
        if let Some((left, right)) = numbers {
            return left.compare(right).map(Comparison::Ordered);
        }
        let is_truth = matches!(self, Self::Truth(_)) || matches!(other, Self::Truth(_));
        if is_truth {
            let truths = self.truth().zip(other.truth())?;
            return Some(Comparison::Unordered(truths.0 == truths.1));
        }
        let texts = self.text().zip(other.text())?;
        Some(Comparison::Unordered(texts.0 == texts.1))
    }
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Numbers have an order.
    Ordered(Ordering),
    /// Others are equal or not.
    Unordered(bool),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        // Words such as `inf` and `nan` are no numbers here.
        let is_number = text
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
        let float: f64 = text.parse().ok().filter(|_| is_number)?;
        float.is_finite().then_some(Self::Float(float))
    }

    fn float(self) -> f64 {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "what SQL does with an approximate number"
            )]
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(&right)),
            _ => self.float().partial_cmp(&other.float()),
        }
    }

    pub(super) fn value(self) -> Value<'static> {
        match self {
            Self::Integer(integer) => Value::Integer(integer),
            Self::Float(float) if float.is_finite() => Value::Float(float),
            Self::Float(_) => Value::Unknown,
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Integer(integer) => match integer.checked_neg() {
                Some(negated) => Self::Integer(negated),
                None => Self::Float(-self.float()),
            },
            Self::Float(float) => Self::Float(-float),
        }
    }

    /// Two numbers reckoned with: as integers if both are and the result fits.
    pub(super) fn reckon(
        self,
        other: Self,
        integers: fn(i64, i64) -> Option<i64>,
        floats: fn(f64, f64) -> f64,
    ) -> Self {
        if let (Self::Integer(left), Self::Integer(right)) = (self, other)
            && let Some(result) = integers(left, right)
        {
            return Self::Integer(result);
        }
        Self::Float(floats(self.float(), other.float()))
    }
}
