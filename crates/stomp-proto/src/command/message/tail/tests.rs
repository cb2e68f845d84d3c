//! Tests of the shared part of a MESSAGE.
