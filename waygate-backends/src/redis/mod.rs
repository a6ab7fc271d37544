mod counters;
mod link;
mod options;
mod state;
mod url;

pub use counters::RedisCounters;
pub use options::RedisOptions;
pub use state::RedisBackend;
pub use url::InvalidRedisUrl;
