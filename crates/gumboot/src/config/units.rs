//! Values with units: bytes such as `"16 MiB"`, waits such as `"10 s"`.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

const BYTES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// In milliseconds.
const WAITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const TOO_LARGE: &str = "it is too large";

const WAIT_EXPECTED: &str = "a wait such as \"10 s\", with ms, s, min, h or d";

/// A text that is parsed.
pub(super) fn from_text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: fmt::Display>,
{
    let text = Cow::<str>::deserialize(deserializer)?;
    let parsed = text.parse().map(Some);
    parsed.map_err(|error| D::Error::custom(format_args!("invalid value '{text}': {error}")))
}

/// A count, of which none would leave nothing that works.
pub(super) fn some<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de> + Default + PartialEq,
{
    let count = T::deserialize(deserializer)?;
    if count == T::default() {
        return Err(D::Error::custom("it is 1 at least"));
    }
    Ok(Some(count))
}

/// A number of bytes, plain or with a unit.
pub(super) fn bytes<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let expected = "a number of bytes, or one such as \"16 MiB\", with B, KiB, MiB or GiB";
    let units = Units {
        table: BYTES,
        plain: true,
        off: false,
        expected,
    };
    units.narrow(deserializer).map(Some)
}

/// A number of bytes; `off` is 0.
pub(super) fn bytes_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let units = Units {
        table: BYTES,
        plain: true,
        off: true,
        expected: "a number of bytes, or one such as \"16 MiB\", with B, KiB, MiB or GiB, or \"off\"",
    };
    units.narrow(deserializer).map(Some)
}

/// The bytes of the head of a request, of which HTTP needs some.
pub(super) fn head_bytes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<usize>, D::Error> {
    const HEAD_BYTES_MIN: usize = 8 << 10;
    match bytes(deserializer)? {
        Some(length) if length < HEAD_BYTES_MIN => Err(D::Error::custom("it is 8 KiB at least")),
        length => Ok(length),
    }
}

/// A wait, in milliseconds.
pub(super) fn millis<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let units = Units {
        table: WAITS,
        plain: false,
        off: false,
        expected: WAIT_EXPECTED,
    };
    units.narrow(deserializer).map(Some)
}

/// A wait, in milliseconds; `off` is 0.
pub(super) fn millis_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    if text == "off" {
        return Ok(Some(0));
    }
    let error = || D::Error::custom(format_args!("expected {WAIT_EXPECTED}, or \"off\""));
    let millis = parse(&text, WAITS).ok_or_else(error)?;
    let millis = u32::try_from(millis).map_err(|_| D::Error::custom(TOO_LARGE))?;
    Ok(Some(millis))
}

/// A wait.
pub(super) fn wait<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    Ok(millis(deserializer)?.map(Duration::from_millis))
}

/// A wait, or `off` for none.
pub(super) fn wait_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Duration>>, D::Error> {
    let millis = millis_or_off(deserializer)?;
    Ok(millis.map(|millis| (millis > 0).then(|| Duration::from_millis(millis.into()))))
}

/// `number unit`, in the smallest of the units; none if that is not what it is, or is zero.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    let product = number.parse::<u64>().ok()?.checked_mul(*factor)?;
    (product > 0).then_some(product)
}

/// What a value may be written as.
struct Units {
    table: &'static [(&'static str, u64)],
    /// Whether a number without a unit will do.
    plain: bool,
    /// Whether `off` will do, which is 0.
    off: bool,
    expected: &'static str,
}

impl Units {
    fn narrow<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
        self,
        deserializer: D,
    ) -> Result<T, D::Error> {
        let number = deserializer.deserialize_any(UnitsVisitor(self, PhantomData))?;
        T::try_from(number).map_err(|_| D::Error::custom(TOO_LARGE))
    }
}

struct UnitsVisitor<'de>(Units, PhantomData<&'de ()>);

impl<'de> Visitor<'de> for UnitsVisitor<'de> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.expected)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        let found = u64::try_from(number).ok();
        let found = found.filter(|number| self.0.plain && *number > 0);
        found.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        if self.0.off && text == "off" {
            return Ok(0);
        }
        let found = parse(text, self.0.table);
        found.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        for (text, bytes) in [
            ("16 MiB", 16 << 20),
            ("1KiB", 1024),
            ("7 B", 7),
            ("2 GiB", 2 << 30),
        ] {
            assert_eq!(parse(text, BYTES), Some(bytes), "{text}");
        }
        for (text, millis) in [
            ("10 s", 10_000),
            ("250ms", 250),
            ("5 min", 300_000),
            ("30 d", 2_592_000_000),
        ] {
            assert_eq!(parse(text, WAITS), Some(millis), "{text}");
        }
        for text in [
            "",
            "s",
            "10",
            "-1 s",
            "1.5 s",
            "0 s",
            "10 S",
            "10 s ",
            " 10 s",
            "99999999999999999999 s",
            "18446744073709551615 d",
        ] {
            assert_eq!(parse(text, WAITS), None, "{text}");
        }
    }
}
