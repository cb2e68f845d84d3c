//! Expressions out of tokens, by descent: `OR`, `AND`, `NOT`, conditions, sums, products, signs, and what is one value.

use super::{
    Problem, SELECTOR_DEPTH_MAX, SelectorError,
    expression::{Arithmetic, Expression, Literal, Operator},
    like::Like,
    token::{Placed, Token, tokens},
};

/// The condition that a text says.
pub(super) fn parse(text: &str) -> Result<Expression, SelectorError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let condition = parser.or()?;
    if *parser.peek() != Token::End {
        return Err(parser.expected("an operator or the end"));
    }
    if !is_condition(&condition) {
        parser.next = 0;
        return Err(parser.expected("a condition"));
    }
    Ok(condition)
}

/// Whether an expression can be true; a sum cannot.
fn is_condition(expression: &Expression) -> bool {
    match expression {
        Expression::Literal(literal) => matches!(literal, Literal::Truth(_)),
        Expression::Negate(_) | Expression::Reckon(..) => false,
        _ => true,
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

type Parsed = Result<Expression, SelectorError>;

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is `End`, which is never taken.
        self.tokens
            .get(self.next)
            .map_or(&Token::End, |(_, token)| token)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn error(&self, problem: Problem) -> SelectorError {
        let position = self
            .tokens
            .get(self.next)
            .map_or(0, |(position, _)| *position);
        SelectorError { position, problem }
    }

    fn expected(&self, what: &'static str) -> SelectorError {
        self.error(Problem::Expected(what))
    }

    fn take_if(&mut self, wanted: &Token) -> bool {
        let found = self.peek() == wanted;
        if found {
            self.take();
        }
        found
    }

    fn keyword(&mut self, keyword: &'static str) -> bool {
        self.take_if(&Token::Keyword(keyword))
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        self.take_if(&Token::Sign(sign))
    }

    /// Parses something that is one level deeper.
    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth == SELECTOR_DEPTH_MAX {
            return Err(self.error(Problem::TooDeep));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn or(&mut self) -> Parsed {
        let first = self.and()?;
        let mut any = vec![first];
        while self.keyword("OR") {
            any.push(self.and()?);
        }
        Ok(one_or(any, Expression::Or))
    }

    fn and(&mut self) -> Parsed {
        let first = self.not()?;
        let mut all = vec![first];
        while self.keyword("AND") {
            all.push(self.not()?);
        }
        Ok(one_or(all, Expression::And))
    }

    fn not(&mut self) -> Parsed {
        if self.keyword("NOT") {
            let negated = self.deeper(Self::not)?;
            return Ok(Expression::Not(Box::new(negated)));
        }
        self.condition()
    }

    fn condition(&mut self) -> Parsed {
        let value = self.sum()?;
        if let Some(operator) = self.operator() {
            let right = self.sum()?;
            return Ok(Expression::Compare(
                Box::new(value),
                operator,
                Box::new(right),
            ));
        }
        if self.keyword("IS") {
            let negated = self.keyword("NOT");
            if !self.keyword("NULL") {
                return Err(self.expected("NULL"));
            }
            return Ok(negate_if(negated, Expression::IsNull(Box::new(value))));
        }
        let negated = self.keyword("NOT");
        let condition = if self.keyword("BETWEEN") {
            let low = self.sum()?;
            if !self.keyword("AND") {
                return Err(self.expected("AND"));
            }
            let high = self.sum()?;
            Expression::Between(Box::new(value), Box::new((low, high)))
        } else if self.keyword("IN") {
            let list = self.list()?;
            Expression::In(Box::new(value), list)
        } else if self.keyword("LIKE") {
            let pattern = self.pattern()?;
            Expression::Like(Box::new(value), pattern)
        } else if negated {
            return Err(self.expected("BETWEEN, IN or LIKE"));
        } else {
            return Ok(value);
        };
        Ok(negate_if(negated, condition))
    }

    fn operator(&mut self) -> Option<Operator> {
        let operator = match self.peek() {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("<>") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::GreaterOrEqual,
            _ => return None,
        };
        self.take();
        Some(operator)
    }

    /// `('a', 'b')`
    fn list(&mut self) -> Result<Box<[Box<str>]>, SelectorError> {
        if !self.sign("(") {
            return Err(self.expected("a list in parentheses"));
        }
        let mut list = vec![self.text()?];
        while self.sign(",") {
            list.push(self.text()?);
        }
        if !self.sign(")") {
            return Err(self.expected("a comma or a closing parenthesis"));
        }
        Ok(list.into())
    }

    /// `'a%'`, and what it is escaped with.
    fn pattern(&mut self) -> Result<Like, SelectorError> {
        let at = self.next;
        let pattern = self.text()?;
        let escape = if self.keyword("ESCAPE") {
            let text = self.text()?;
            let mut chars = text.chars();
            let (first, second) = (chars.next(), chars.next());
            if first.is_none() || second.is_some() {
                self.next -= 1;
                return Err(self.error(Problem::Escape));
            }
            first
        } else {
            None
        };
        Like::parse(&pattern, escape).map_err(|problem| {
            self.next = at;
            self.error(problem)
        })
    }

    fn text(&mut self) -> Result<Box<str>, SelectorError> {
        match self.peek() {
            Token::Text(text) => {
                let text = text.clone();
                self.take();
                Ok(text)
            }
            _ => Err(self.expected("a text in single quotes")),
        }
    }

    fn sum(&mut self) -> Parsed {
        self.chain(Self::product, |token| match token {
            Token::Sign("+") => Some(Arithmetic::Add),
            Token::Sign("-") => Some(Arithmetic::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Parsed {
        self.chain(Self::signed, |token| match token {
            Token::Sign("*") => Some(Arithmetic::Multiply),
            Token::Sign("/") => Some(Arithmetic::Divide),
            _ => None,
        })
    }

    /// Operands with operators between, from the left. Each makes the expression one deeper.
    fn chain(
        &mut self,
        operand: fn(&mut Self) -> Parsed,
        operator: fn(&Token) -> Option<Arithmetic>,
    ) -> Parsed {
        let mut left = operand(self)?;
        let mut count = 0;
        while let Some(operator) = operator(self.peek()) {
            count += 1;
            if self.depth + count > SELECTOR_DEPTH_MAX {
                return Err(self.error(Problem::TooDeep));
            }
            self.take();
            let right = operand(self)?;
            left = Expression::Reckon(Box::new(left), operator, Box::new(right));
        }
        Ok(left)
    }

    fn signed(&mut self) -> Parsed {
        if self.sign("+") {
            return self.deeper(Self::signed);
        }
        if self.sign("-") {
            let value = self.deeper(Self::signed)?;
            return Ok(Expression::Negate(Box::new(value)));
        }
        self.value()
    }

    fn value(&mut self) -> Parsed {
        let expression = match self.peek().clone() {
            Token::Name(name) => Expression::Header(name),
            Token::Text(text) => Expression::Literal(Literal::Text(text)),
            Token::Integer(integer) => Expression::Literal(Literal::Integer(integer)),
            Token::Float(float) => Expression::Literal(Literal::Float(float)),
            Token::Keyword("TRUE") => Expression::Literal(Literal::Truth(true)),
            Token::Keyword("FALSE") => Expression::Literal(Literal::Truth(false)),
            Token::Sign("(") => {
                self.take();
                let inner = self.deeper(Self::or)?;
                if !self.sign(")") {
                    return Err(self.expected("a closing parenthesis"));
                }
                return Ok(inner);
            }
            _ => return Err(self.expected("a header, a value or a parenthesis")),
        };
        self.take();
        Ok(expression)
    }
}

fn negate_if(negated: bool, condition: Expression) -> Expression {
    if negated {
        Expression::Not(Box::new(condition))
    } else {
        condition
    }
}

fn one_or(mut list: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match list.pop() {
        Some(only) if list.is_empty() => only,
        last => {
            list.extend(last);
            several(list)
        }
    }
}
