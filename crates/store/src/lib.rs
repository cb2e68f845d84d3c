//! Where messages are kept until they are done with: the trait [`Store`], which says what every store does, and a store
//! in memory.
//!
//! A store keeps *streams*. A stream is a row of records in the order of their offsets; a queue is one, a durable
//! subscription, and the history of a topic. Everything that changes comes in a [`Batch`], which is applied whole or not
//! at all. A record goes when it is settled or trimmed. What a record holds, the store does not know.
//!
//! ```
//! use bytes::Bytes;
//! use gumboot_store::{Batch, Level, MemoryStore, Offset, Outcome, Portion, Store, StreamName};
//!
//! # async fn example() -> Result<(), gumboot_store::StoreError> {
//! let store = MemoryStore::new(1);
//! let queue = StreamName::parse("/queue/orders")?;
//! let now_ms = 1_000;
//!
//! let mut batch = Batch::new(now_ms);
//! batch.append(&queue, Bytes::from_static(b"an order"));
//! let committed = store.commit(batch, Level::Synced).await?;
//! assert_eq!(committed.level, Level::Received, "more than that is not to be had in memory");
//!
//! let leased = store.lease(&queue, Portion::ALL, now_ms).await?;
//! let mut batch = Batch::new(now_ms);
//! batch.settle(&queue, leased[0].offset, Outcome::Done);
//! store.commit(batch, Level::Synced).await?;
//! assert!(store.read(&queue, Offset::FIRST, Portion::ALL).await?.is_empty());
//! # Ok(())
//! # }
//! # gumboot_store::wait(example()).unwrap();
//! ```
//!
//! The crate has no clock and does no I/O: the time comes in as an argument, in milliseconds of Unix time, and must not
//! run backwards.
#![forbid(unsafe_code)]

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod ledger;
pub mod limits;
mod memory;
mod name;
mod record;
mod store;
mod wait;

pub use batch::{Append, Batch, Keep, Operation, Outcome};
pub use error::{Refused, StoreError};
pub use memory::MemoryStore;
pub use name::StreamName;
pub use record::{Committed, Epoch, Level, Offset, Portion, Record, StreamInfo};
pub use store::{Store, StoreFuture};
pub use wait::wait;
