//! The values of headers that the broker understands.

use std::str::FromStr;

use super::refused::Refused;

/// A number of at least 0, in digits.
pub(super) fn number<N: FromStr>(name: &str, value: &str) -> Result<N, Refused> {
    let is_number = !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit());
    let number = value.parse().ok().filter(|_| is_number);
    number.ok_or_else(|| Refused::header(name, "is a whole number, not below 0"))
}

/// Whether something is so.
pub(super) fn truth(name: &str, value: &str) -> Result<bool, Refused> {
    if value.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if value.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(Refused::header(name, "is true or false"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_number() {
        assert_eq!(number::<u64>("n", "007").unwrap(), 7);
        for value in ["", "-1", "+1", "1.0", " 1", "x", "99999999999999999999"] {
            let refused = number::<u64>("n", value).unwrap_err();
            assert_eq!(
                refused.detail,
                "the header n is a whole number, not below 0"
            );
        }
    }

    #[test]
    fn what_is_true() {
        assert!(truth("t", "true").unwrap());
        assert!(!truth("t", "FALSE").unwrap());
        assert!(truth("t", "1").is_err());
    }
}
