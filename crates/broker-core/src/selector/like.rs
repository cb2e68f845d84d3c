//! The patterns of `LIKE`.

use super::Problem;

/// A pattern: `%` stands for any characters, `_` for one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Like(Box<[Part]>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Any,
    One,
    Char(char),
}

impl Like {
    pub(super) fn parse(pattern: &str, escape: Option<char>) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            let part = if escape == Some(char) {
                let next = chars.next().ok_or(Problem::Escape)?;
                if !matches!(next, '%' | '_') && Some(next) != escape {
                    return Err(Problem::Escape);
                }
                Part::Char(next)
            } else {
                match char {
                    '%' => Part::Any,
                    '_' => Part::One,
                    char => Part::Char(char),
                }
            };
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        Ok(Self(parts.into()))
    }

    /// Whether a text is of this pattern. It takes time by the length of the text times that of the pattern at worst.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut parts = &self.0[..];
        let mut text = text.chars();
        // What is left to be done if the last `%` stands for one character more.
        let mut retry = None;
        loop {
            match parts.split_first() {
                Some((Part::Any, rest)) => {
                    if rest.is_empty() {
                        return true;
                    }
                    parts = rest;
                    retry = Some((rest, text.clone()));
                    continue;
                }
                Some((part, rest)) => {
                    let mut after = text.clone();
                    let fits = after.next().is_some_and(|char| match part {
                        Part::Char(wanted) => *wanted == char,
                        Part::Any | Part::One => true,
                    });
                    if fits {
                        parts = rest;
                        text = after;
                        continue;
                    }
                }
                None if text.as_str().is_empty() => return true,
                None => {}
            }
            let Some((rest, from)) = &mut retry else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            parts = rest;
            text = from.clone();
        }
    }
}
