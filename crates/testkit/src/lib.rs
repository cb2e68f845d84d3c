//! What the tests of the other crates share: ways to cut bytes, and a notation for wire vectors.

#![forbid(unsafe_code)]

mod notation;
mod splits;

pub use crate::{notation::wire, splits::Splits};
