//! The words of a selector.

use super::{Problem, SelectorError};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword, in capitals.
    Keyword(&'static str),
    /// The name of a header.
    Name(Box<str>),
    Text(Box<str>),
    Integer(i64),
    Float(f64),
    /// An operator or a parenthesis.
    Sign(&'static str),
    End,
}

/// A token and the byte where it begins.
pub(super) type Placed = (usize, Token);

const KEYWORDS: &[&str] = &[
    "AND", "BETWEEN", "ESCAPE", "FALSE", "IN", "IS", "LIKE", "NOT", "NULL", "OR", "TRUE",
];

/// Longer ones first.
const SIGNS: &[&str] = &[
    "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/",
];

/// The tokens of a text, the last of which is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, SelectorError> {
    let mut tokens = Vec::new();
    let mut position = 0;
    loop {
        let rest = &text[position..];
        let trimmed = rest.trim_start();
        position += rest.len() - trimmed.len();
        if trimmed.is_empty() {
            tokens.push((position, Token::End));
            return Ok(tokens);
        }
        let (token, len) = token(trimmed).map_err(|problem| SelectorError { position, problem })?;
        tokens.push((position, token));
        position += len;
    }
}

/// The token at the beginning of a text that has one, and its length.
fn token(text: &str) -> Result<(Token, usize), Problem> {
    let first = text.chars().next().unwrap_or_default();
    let second = text[first.len_utf8()..].chars().next().unwrap_or_default();
    match first {
        '\'' => quoted(text, '\'').map(|(text, len)| (Token::Text(text), len)),
        '"' => quoted(text, '"').map(|(name, len)| (Token::Name(name), len)),
        '0'..='9' => number(text),
        '.' if second.is_ascii_digit() => number(text),
        _ if is_name_start(first) => Ok(word(text)),
        _ => {
            let sign = SIGNS.iter().find(|sign| text.starts_with(**sign));
            let sign = sign.ok_or(Problem::UnexpectedCharacter(first))?;
            Ok((Token::Sign(sign), sign.len()))
        }
    }
}

/// What stands between quotes; doubled ones stand for one.
fn quoted(text: &str, quote: char) -> Result<(Box<str>, usize), Problem> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((index, char)) = chars.next() {
        if char != quote {
            content.push(char);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            content.push(quote);
        } else {
            return Ok((content.into(), index + 1));
        }
    }
    Err(Problem::UnterminatedQuotes)
}

fn number(text: &str) -> Result<(Token, usize), Problem> {
    let digits = |from: usize| {
        let rest = text[from..].bytes();
        from + rest.take_while(u8::is_ascii_digit).count()
    };
    let mut end = digits(0);
    let whole = end;
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    if text[end..].starts_with(is_name_part) {
        return Err(Problem::Number);
    }
    let token = if end == whole {
        text[..end].parse().map(Token::Integer).ok()
    } else {
        let float = text[..end].parse().ok();
        float
            .filter(|float: &f64| float.is_finite())
            .map(Token::Float)
    };
    Ok((token.ok_or(Problem::Number)?, end))
}

fn word(text: &str) -> (Token, usize) {
    let len = text.find(|char| !is_name_part(char)).unwrap_or(text.len());
    let word = &text[..len];
    let keyword = KEYWORDS
        .iter()
        .find(|keyword| keyword.eq_ignore_ascii_case(word));
    match keyword {
        Some(keyword) => (Token::Keyword(keyword), len),
        None => (Token::Name(word.into()), len),
    }
}

fn is_name_start(char: char) -> bool {
    char.is_alphabetic() || matches!(char, '_' | '$')
}

fn is_name_part(char: char) -> bool {
    is_name_start(char) || char.is_numeric() || char == '.'
}
