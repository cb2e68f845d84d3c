//! Selectors: conditions on the headers of messages, in the subset of SQL-92 that JMS has.
//!
//! Comparisons, `AND`, `OR` and `NOT`, `BETWEEN`, `IN`, `LIKE` with `ESCAPE`, `IS NULL`, arithmetic, and literals:
//! `'text'`, numbers, `TRUE` and `FALSE`. A name is that of a header; one that is no identifier stands in double quotes,
//! `"content-type" = 'text/plain'`. Keywords are of either case, names are not.
//!
//! In STOMP all headers are text. One is taken for a number where it is compared with a number or reckoned with, and
//! for a truth value where one is wanted. What is not there, or is not what is wanted, is unknown, and a message is
//! selected only if the condition is true: logic has three values, as in SQL.

mod expression;
mod like;
mod parse;
mod token;
mod value;

use std::{error, fmt, str::FromStr};

use self::expression::Expression;
use crate::message::Payload;

/// The bytes of a selector at most.
pub const SELECTOR_BYTES_MAX: usize = 4096;

/// How deep a selector may be nested: in parentheses, or in a row of signs and sums.
pub const SELECTOR_DEPTH_MAX: usize = 50;

/// A condition on the headers of messages.
#[derive(Debug, Clone)]
pub struct Selector {
    text: Box<str>,
    condition: Expression,
}

impl Selector {
    /// The selector that a text says.
    ///
    /// # Errors
    /// Where the text is no selector, and why.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(SelectorError {
                position: SELECTOR_BYTES_MAX,
                problem: Problem::TooLong,
            });
        }
        Ok(Self {
            text: text.into(),
            condition: parse::parse(text)?,
        })
    }

    /// Whether the condition is true for a message.
    pub fn matches<M: Payload>(&self, message: &M) -> bool {
        self.condition.is_true(message)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Two selectors are equal if their texts are.
impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Selector {}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorError {
    /// The byte of the text at which it is seen.
    pub position: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// `ESCAPE` wants one character, and in the pattern `%`, `_` or itself behind it.
    Escape,
    /// Something else is expected than what stands there.
    Expected(&'static str),
    /// A number that is out of range.
    Number,
    /// Deeper than [`SELECTOR_DEPTH_MAX`].
    TooDeep,
    /// Longer than [`SELECTOR_BYTES_MAX`].
    TooLong,
    /// A character that means nothing.
    UnexpectedCharacter(char),
    /// Quotes that do not end.
    UnterminatedQuotes,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Escape => f.write_str("ESCAPE is one character, before %, _ or itself")?,
            Problem::Expected(what) => write!(f, "expected {what}")?,
            Problem::Number => f.write_str("the number is out of range")?,
            Problem::TooDeep => write!(f, "nested deeper than {SELECTOR_DEPTH_MAX}")?,
            Problem::TooLong => write!(f, "longer than {SELECTOR_BYTES_MAX} bytes")?,
            Problem::UnexpectedCharacter(char) => {
                write!(f, "the character {char:?} has no meaning")?;
            }
            Problem::UnterminatedQuotes => f.write_str("the quotes do not end")?,
        }
        write!(f, " (selector, at byte {})", self.position)
    }
}

impl error::Error for SelectorError {}

#[cfg(test)]
mod tests;
