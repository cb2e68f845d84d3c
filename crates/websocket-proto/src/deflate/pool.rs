//! Compressors that no message is using at the moment: many connections need few of them.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    codec::{Compressors, Decompressor},
    short::{SHORT_BYTES_MAX, ShortCompressor},
};

/// As many are kept as threads are likely to use at a time; a further one is freed after use.
const KEPT_MAX: usize = 64;

/// An output buffer that has grown beyond this is not kept.
const OUTPUT_BYTES_KEPT_MAX: usize = 256 * 1024;

/// At higher levels zlib compresses short messages too: it looks at more places.
const SHORT_LEVEL_MAX: u8 = 3;

/// A store of compressors that connections share.
#[derive(Debug, Default)]
pub struct DeflatePool {
    free: Mutex<Vec<Lent>>,
}

/// What is needed to compress or inflate a message.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) compressors: Compressors,
    pub(super) decompressor: Decompressor,
    short: ShortCompressor,
    /// Where a message is compressed to.
    pub(super) output: Vec<u8>,
}

impl Lent {
    /// Compresses a message in parts.
    pub(super) fn compress(
        &mut self,
        window_bits: u8,
        level: u8,
        dictionary: &[u8],
        parts: [&[u8]; 2],
    ) -> &[u8] {
        self.output.clear();
        let [head, body] = parts;
        let is_short = head.len() + body.len() <= SHORT_BYTES_MAX && level <= SHORT_LEVEL_MAX;
        if is_short && dictionary.is_empty() {
            self.short
                .compress(parts, 1 << window_bits, &mut self.output);
        } else {
            self.compressors
                .of(window_bits, level)
                .compress(dictionary, parts, &mut self.output);
        }
        &self.output
    }
}

/// Gives back what was lent when dropped.
#[derive(Debug)]
pub(super) struct Loan<'a> {
    pool: &'a DeflatePool,
    lent: Option<Lent>,
}

impl DeflatePool {
    pub(super) fn lend(&self) -> Loan<'_> {
        let lent = self.lock().pop().unwrap_or_else(|| Lent {
            compressors: Compressors::default(),
            decompressor: Decompressor::new(),
            short: ShortCompressor::new(),
            output: Vec::new(),
        });
        Loan {
            pool: self,
            lent: Some(lent),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lent>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Loan<'_> {
    type Target = Lent;

    fn deref(&self) -> &Lent {
        self.lent.as_ref().expect("it is taken only in drop")
    }
}

impl DerefMut for Loan<'_> {
    fn deref_mut(&mut self) -> &mut Lent {
        self.lent.as_mut().expect("it is taken only in drop")
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let Some(mut lent) = self.lent.take() else {
            return;
        };
        if lent.output.capacity() > OUTPUT_BYTES_KEPT_MAX {
            lent.output = Vec::new();
        }
        let mut free = self.pool.lock();
        if free.len() < KEPT_MAX {
            free.push(lent);
        }
    }
}
