//! Where the parts of a frame lie in its octets. The spans of the first headers are kept in place,
//! so that an ordinary frame is decoded without an allocation.

use std::ops::Range;

use crate::command::Command;

/// How many headers are kept without an allocation: more than most clients send.
const INLINE: usize = 8;

/// The parts of a frame as offsets from its first octet.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) command: Command,
    pub(crate) headers: HeaderSpans,
    pub(crate) body: Range<usize>,
}

/// One header line: a name, a colon, a value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeaderSpan {
    pub(crate) start: u32,
    pub(crate) name_bytes: u32,
    pub(crate) value_bytes: u32,
}

impl HeaderSpan {
    pub(crate) fn name<'o>(&self, octets: &'o [u8]) -> &'o [u8] {
        octets.get(self.name_range()).unwrap_or_default()
    }

    pub(crate) fn value<'o>(&self, octets: &'o [u8]) -> &'o [u8] {
        octets.get(self.value_range()).unwrap_or_default()
    }

    pub(crate) fn name_range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.name_bytes as usize
    }

    pub(crate) fn value_range(&self) -> Range<usize> {
        let start = self.name_range().end + 1;
        start..start + self.value_bytes as usize
    }
}

/// The header lines of a frame, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderSpans {
    first: [HeaderSpan; INLINE],
    first_count: u8,
    /// Whether a version writes one of them otherwise than it is.
    has_special: bool,
    /// All of them, once there are too many.
    all: Vec<HeaderSpan>,
}

impl HeaderSpans {
    pub(crate) fn as_slice(&self) -> &[HeaderSpan] {
        if self.all.is_empty() {
            self.first
                .get(..self.first_count.into())
                .unwrap_or_default()
        } else {
            &self.all
        }
    }

    /// Whether every version writes all of them as they are.
    pub(crate) fn are_plain(&self) -> bool {
        !self.has_special
    }

    /// Adds one, which is plain if every version writes name and value as they are.
    pub(crate) fn push(&mut self, span: HeaderSpan, is_plain: bool) {
        self.has_special |= !is_plain;
        if let Some(slot) = self.first.get_mut(usize::from(self.first_count)) {
            *slot = span;
            self.first_count += 1;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.push(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_past_the_inline_part() {
        let mut spans = HeaderSpans::default();
        for start in 0..20 {
            assert_eq!(spans.as_slice().len(), start as usize);
            let span = HeaderSpan {
                start,
                ..HeaderSpan::default()
            };
            spans.push(span, start != 9);
            assert_eq!(spans.are_plain(), start < 9);
        }
        assert!(spans.as_slice().iter().map(|span| span.start).eq(0..20));
    }
}
