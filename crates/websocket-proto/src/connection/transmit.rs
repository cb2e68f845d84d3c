//! What waits to be written: small things flat in one buffer, large payloads by reference.

use std::{collections::VecDeque, io::IoSlice, ops::Range};

use bytes::Bytes;

/// Payloads of fewer bytes are copied behind what already waits; longer ones are pointed at. Copying a kilobyte costs
/// less than one more slice in the system call.
pub const FLATTEN_BELOW: usize = 2048;

/// Payloads of so many bytes are pointed at where they lie in the input that is being answered. All that one read of
/// 260 KiB can hold of them fit into one write of 64 slices, with their headers.
pub const LENT_BYTES_MIN: usize = 8 * 1024;

/// A flat buffer that has been consumed so far, and by more than half, is moved to its front.
const COMPACT_ABOVE: usize = 16 * 1024;

/// A queue of bytes on their way out, handed to vectored writes. While nothing waits, it need not hold a buffer.
#[derive(Debug, Default)]
pub struct TransmitQueue {
    buffer: Option<Box<TransmitBuffer>>,
    bytes_pending: usize,
}

/// Where the bytes of a [`TransmitQueue`] lie; lent to whichever queue has something to keep.
///
/// The bytes of `flat` from `flat_start` on belong to the `Flat` segments in order, then to `flat_tail`.
#[derive(Debug, Default)]
pub struct TransmitBuffer {
    flat: Vec<u8>,
    /// The first byte of `flat` that waits.
    flat_start: usize,
    /// The bytes at the end of `flat` that stand behind all segments.
    flat_tail: usize,
    segments: VecDeque<Segment>,
    /// The addresses of the input that `Lent` segments lie in, while there is one. It is only compared with others: a
    /// slice that lies between them is a part of that input.
    input: Option<Range<usize>>,
}

#[derive(Debug)]
enum Segment {
    /// So many bytes of the flat buffer.
    Flat(usize),
    /// What is left of a shared payload.
    Shared(Bytes),
    /// These bytes of the input.
    Lent(Range<usize>),
}

impl TransmitQueue {
    /// The bytes that wait.
    #[must_use]
    pub fn bytes_pending(&self) -> usize {
        self.bytes_pending
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes_pending == 0
    }

    /// Adds whatever `write` appends to the flat buffer.
    #[inline]
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let buffer = self.buffer.get_or_insert_default();
        let before = buffer.flat.len();
        write(&mut buffer.flat);
        let added = buffer.flat.len() - before;
        buffer.flat_tail += added;
        self.bytes_pending += added;
    }

    /// Adds a copy of `bytes`.
    pub fn push_slice(&mut self, bytes: &[u8]) {
        self.push_with(|flat| flat.extend_from_slice(bytes));
    }

    /// Adds `bytes`: copied when few, else pointed at.
    pub fn push_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < FLATTEN_BELOW {
            return self.push_slice(bytes);
        }
        self.buffer
            .get_or_insert_default()
            .push_segment(Segment::Shared(bytes.clone()));
        self.bytes_pending += bytes.len();
    }

    /// From now on, until [`TransmitQueue::own`], parts of `input` may be pointed at. Whoever calls this sees to it that
    /// the input is neither changed nor moved until then: only [`Lending`](super::Lending) does.
    ///
    /// # Panics
    /// If something waits that lies in an input of before, whose [`Lending`](super::Lending) has never been dropped: in
    /// this one lie other bytes.
    pub(super) fn borrow_from(&mut self, input: &[u8]) {
        if input.len() >= LENT_BYTES_MIN {
            assert!(!self.is_lent(), "an input was lent and never given back");
            self.buffer.get_or_insert_default().input = Some(addresses(input));
        }
    }

    /// Whether `bytes` were added by pointing at them, behind what `write` appends: they are if they are many, and lie
    /// in the input.
    #[inline]
    pub(super) fn push_lent(&mut self, bytes: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if bytes.len() < LENT_BYTES_MIN {
            return false;
        }
        let Some(range) = self.buffer.as_ref().and_then(|buffer| buffer.lent(bytes)) else {
            return false;
        };
        self.push_with(write);
        if let Some(buffer) = &mut self.buffer {
            buffer.push_segment(Segment::Lent(range));
            self.bytes_pending += bytes.len();
        }
        true
    }

    /// Whether something waits that lies in the input.
    pub(super) fn is_lent(&self) -> bool {
        self.buffer.as_ref().is_some_and(|buffer| buffer.is_lent())
    }

    /// Copies what still lies in `input`, of which nothing is needed any more then.
    pub(super) fn own(&mut self, input: &[u8]) {
        if let Some(buffer) = &mut self.buffer
            && buffer.input.take().is_some()
        {
            buffer.own(input);
        }
    }

    /// Fills `slices` with what is to be written next and tells how many were filled; 0 when nothing waits.
    #[inline]
    pub fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        debug_assert!(
            !self.is_lent(),
            "the input is needed to write what lies in it"
        );
        self.poll_transmit_with(&[], slices)
    }

    /// As [`TransmitQueue::poll_transmit`], with the input that may have been pointed at.
    #[inline]
    pub(super) fn poll_transmit_with<'a>(
        &'a self,
        input: &'a [u8],
        slices: &mut [IoSlice<'a>],
    ) -> usize {
        match (&self.buffer, slices) {
            (Some(buffer), [first, ..]) if buffer.segments.is_empty() && buffer.flat_tail > 0 => {
                *first = IoSlice::new(&buffer.flat[buffer.flat_start..]);
                1
            }
            (Some(buffer), slices) => buffer.fill(input, slices),
            (None, _) => 0,
        }
    }

    /// Takes away the first `count` bytes: they were written.
    pub fn transmitted(&mut self, count: usize) {
        debug_assert!(count <= self.bytes_pending);
        self.bytes_pending -= count;
        if self.bytes_pending == 0 {
            return self.clear();
        }
        if let Some(buffer) = &mut self.buffer {
            buffer.advance(count);
            buffer.compact();
        }
    }

    /// Whether the next bytes that are queued need a buffer.
    #[must_use]
    pub fn wants_buffer(&self) -> bool {
        self.buffer.is_none()
    }

    /// Takes an empty buffer to use while bytes are queued, so that none has to be allocated.
    pub fn lend(&mut self, buffer: Box<TransmitBuffer>) {
        debug_assert!(buffer.flat.is_empty() && buffer.segments.is_empty());
        debug_assert!(buffer.input.is_none());
        self.buffer.get_or_insert(buffer);
    }

    /// Gives the buffer away when nothing waits in it.
    pub fn reclaim(&mut self) -> Option<Box<TransmitBuffer>> {
        if !self.is_empty() {
            return None;
        }
        let mut buffer = self.buffer.take()?;
        buffer.input = None;
        Some(buffer)
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.bytes_pending = 0;
        if let Some(buffer) = &mut self.buffer {
            buffer.clear();
        }
    }
}

impl TransmitBuffer {
    /// The bytes that are allocated: for those that are queued flat, and for where the others lie.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.flat.capacity() + self.segments.capacity() * size_of::<Segment>()
    }

    fn push_segment(&mut self, segment: Segment) {
        if self.flat_tail > 0 {
            self.segments.push_back(Segment::Flat(self.flat_tail));
            self.flat_tail = 0;
        }
        self.segments.push_back(segment);
    }

    /// Where `bytes` lie in the input, if they do.
    fn lent(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let input = self.input.as_ref()?;
        let bytes = addresses(bytes);
        let is_within = input.start <= bytes.start && bytes.end <= input.end;
        is_within.then(|| bytes.start - input.start..bytes.end - input.start)
    }

    fn is_lent(&self) -> bool {
        let mut segments = self.segments.iter();
        segments.any(|segment| matches!(segment, Segment::Lent(_)))
    }

    fn own(&mut self, input: &[u8]) {
        for segment in &mut self.segments {
            if let Segment::Lent(range) = segment {
                *segment = Segment::Shared(Bytes::copy_from_slice(&input[range.clone()]));
            }
        }
    }

    fn fill<'a>(&'a self, input: &'a [u8], slices: &mut [IoSlice<'a>]) -> usize {
        let mut at = self.flat_start;
        let mut count = 0;
        let tail = (self.flat_tail > 0).then_some(&Segment::Flat(0));
        for segment in self.segments.iter().chain(tail) {
            let Some(slice) = slices.get_mut(count) else {
                break;
            };
            *slice = IoSlice::new(match segment {
                // The tail is the one that is not stored: it reaches to the end.
                Segment::Flat(0) => &self.flat[at..],
                Segment::Flat(len) => {
                    at += len;
                    &self.flat[at - len..at]
                }
                Segment::Shared(bytes) => bytes,
                Segment::Lent(range) => &input[range.clone()],
            });
            count += 1;
        }
        count
    }

    fn clear(&mut self) {
        self.flat.clear();
        self.flat_start = 0;
        self.flat_tail = 0;
        // To clear an empty one is a call nevertheless.
        if !self.segments.is_empty() {
            self.segments.clear();
        }
        self.input = None;
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(front) = self.segments.front_mut() {
            let len = match front {
                Segment::Flat(len) => *len,
                Segment::Shared(bytes) => bytes.len(),
                Segment::Lent(range) => range.len(),
            };
            let taken = count.min(len);
            match front {
                Segment::Flat(len) => {
                    *len -= taken;
                    self.flat_start += taken;
                }
                Segment::Shared(bytes) => drop(bytes.split_to(taken)),
                Segment::Lent(range) => range.start += taken,
            }
            count -= taken;
            if taken < len {
                return;
            }
            self.segments.pop_front();
        }
        self.flat_start += count;
        self.flat_tail -= count;
    }

    /// Frees the consumed front of a flat buffer that a slow reader leaves half written for long.
    fn compact(&mut self) {
        if self.flat_start > COMPACT_ABOVE && self.flat_start > self.flat.len() / 2 {
            self.flat.drain(..self.flat_start);
            self.flat_start = 0;
        }
    }
}

fn addresses(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start.addr()..range.end.addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the whole queue, `step` bytes a time, with room for two slices.
    fn drain(queue: &mut TransmitQueue, step: usize) -> Vec<u8> {
        let mut written = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 2];
            let count = queue.poll_transmit(&mut slices);
            if count == 0 {
                return written;
            }
            let bytes: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            let taken = bytes.len().min(step);
            written.extend_from_slice(&bytes[..taken]);
            queue.transmitted(taken);
        }
    }

    #[test]
    fn what_goes_in_comes_out_in_order_at_every_step() {
        let large = Bytes::from(vec![b'L'; FLATTEN_BELOW]);
        for step in [1, 2, 3, 1000, FLATTEN_BELOW, usize::MAX] {
            let mut queue = TransmitQueue::default();
            queue.push_slice(b"head");
            queue.push_bytes(&large);
            queue.push_bytes(&large);
            queue.push_slice(b"small");
            queue.push_bytes(&Bytes::from_static(b"copied"));
            let expected = [b"head", &large[..], &large, b"small", b"copied"].concat();
            assert_eq!(queue.bytes_pending(), expected.len());
            assert_eq!(drain(&mut queue, step), expected);
            assert!(queue.is_empty());
        }
    }

    #[test]
    fn a_flat_buffer_half_written_takes_more() {
        let mut queue = TransmitQueue::default();
        queue.push_slice(&[1; 40_000]);
        queue.transmitted(30_000);
        queue.push_slice(&[2; 5]);
        let rest = drain(&mut queue, 7_777);
        assert_eq!(rest, [&[1; 10_000][..], &[2; 5]].concat());
    }

    #[test]
    fn an_empty_queue_gives_its_buffer_back() {
        let mut queue = TransmitQueue::default();
        queue.lend(Box::default());
        assert!(!queue.wants_buffer());
        queue.push_slice(b"x");
        assert!(queue.reclaim().is_none());
        queue.transmitted(1);
        assert!(queue.reclaim().unwrap().capacity() > 0);
        assert!(queue.reclaim().is_none() && queue.wants_buffer());
    }
}
