//! Storage backends of Waygate.
//!
//! Applications use this crate through the `waygate` facade. Authors of other backends use it for its
//! conformance suite.
//!
//! | Feature | Adds | Default |
//! |---|---|---|
//! | `memory` | `MemoryBackend` and `MemoryCounters`: state and rate limits that end with the process | ✔ |
//! | `file` | `FileBackend`: state in a JSON file; `BootCache`: the last known state of another store; with `memory`, `CounterSnapshot`: counters that outlive the process | |
//! | `file-yaml`, `file-toml` | the same in a YAML or TOML file; with YAML, `read_yaml` and `write_yaml` for other documents | |
//! | `redis` | `RedisBackend` and `RedisCounters`: state and counters in Redis, for many processes | |
//! | `conformance` | the suites that every backend and every store of counters must pass | |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "memory")]
mod counters;
#[cfg(feature = "file")]
mod file;
#[cfg(any(feature = "file", feature = "memory", feature = "redis"))]
mod hints;
#[cfg(feature = "memory")]
mod memory;
#[cfg(any(feature = "file", feature = "redis"))]
mod random;
#[cfg(any(feature = "file", feature = "memory", feature = "redis"))]
mod range;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "file", feature = "memory"))]
mod table;

#[cfg(feature = "memory")]
pub use counters::{MemoryCounters, MemoryCountersBuilder, Outcomes};
#[cfg(feature = "file")]
pub use file::{BootCache, FileBackend, FileBackendBuilder};
#[cfg(all(feature = "file", feature = "memory"))]
pub use file::{CounterSnapshot, Restored};
#[cfg(feature = "file-yaml")]
pub use file::{InvalidYaml, read_yaml, write_yaml};
#[cfg(feature = "memory")]
pub use memory::MemoryBackend;
#[cfg(feature = "redis")]
pub use redis::{InvalidRedisUrl, RedisBackend, RedisCounters, RedisOptions};
