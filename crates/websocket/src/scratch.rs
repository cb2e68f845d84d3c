//! Buffers that belong to a worker thread and are lent for the length of one poll, so that an idle connection holds none.

use std::cell::Cell;

use gumboot_websocket_proto::TransmitBuffer;

/// The bytes that one read takes at most: a message of 256 KiB or 16 of 16 KiB, with their headers. What lies whole in one
/// read is not copied.
pub const READ_BYTES_MAX: usize = 260 * 1024;

/// A write buffer that has grown beyond this is given back to the allocator, not kept. It holds the answers to what one
/// read brought, and the room that a buffer has won by doubling.
const WRITE_BYTES_KEPT_MAX: usize = 2 * READ_BYTES_MAX;

thread_local! {
    static READ: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static WRITE: Cell<Option<Box<TransmitBuffer>>> = const { Cell::new(None) };
}

/// Calls `with` with this thread's read buffer. What it holds is left over from other connections: only what is read
/// into it means anything.
pub fn lend_read<T>(with: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = READ
        .take()
        .unwrap_or_else(|| vec![0; READ_BYTES_MAX].into());
    let result = with(&mut buffer);
    READ.set(Some(buffer));
    result
}

/// Takes this thread's empty write buffer.
#[must_use]
pub fn take_write() -> Box<TransmitBuffer> {
    WRITE.take().unwrap_or_default()
}

/// Gives an empty write buffer to this thread, for the next one who takes it.
pub fn give_write(buffer: Box<TransmitBuffer>) {
    if buffer.capacity() <= WRITE_BYTES_KEPT_MAX {
        WRITE.set(Some(buffer));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gumboot_websocket_proto::{FLATTEN_BELOW, TransmitQueue};

    use super::*;

    /// A buffer in which so many bytes have been queued and written.
    fn used(buffer: Box<TransmitBuffer>, bytes: usize) -> Box<TransmitBuffer> {
        let mut queue = TransmitQueue::default();
        queue.lend(buffer);
        queue.push_slice(&vec![0; bytes]);
        queue.transmitted(bytes);
        queue.reclaim().unwrap()
    }

    #[test]
    fn a_write_buffer_comes_back() {
        let buffer = used(take_write(), 1000);
        let capacity = buffer.capacity();
        assert!(capacity >= 1000);
        give_write(buffer);
        assert_eq!(take_write().capacity(), capacity);
        assert_eq!(take_write().capacity(), 0);
    }

    #[test]
    fn a_huge_write_buffer_is_not_kept() {
        give_write(used(Box::default(), WRITE_BYTES_KEPT_MAX + 1));
        assert_eq!(take_write().capacity(), 0);
    }

    #[test]
    fn a_write_buffer_with_many_places_is_not_kept() {
        let shared = Bytes::from(vec![0; FLATTEN_BELOW]);
        for (count, keeps) in [(100, true), (WRITE_BYTES_KEPT_MAX / 8, false)] {
            let mut queue = TransmitQueue::default();
            queue.lend(Box::default());
            (0..count).for_each(|_| queue.push_bytes(&shared));
            queue.transmitted(count * FLATTEN_BELOW);
            give_write(queue.reclaim().unwrap());
            assert_eq!(take_write().capacity() > 0, keeps);
        }
    }

    #[test]
    fn a_read_buffer_may_be_lent_inside_another() {
        let inner = lend_read(|outer| lend_read(|inner| inner.len() + outer.len()));
        assert_eq!(inner, 2 * READ_BYTES_MAX);
    }
}
