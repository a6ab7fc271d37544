//! State in Redis: four keys that one hash tag keeps together, and a channel.

mod audit_query;
mod backend;
mod layout;
mod listen;
mod reply;
mod store;

pub use backend::RedisBackend;
