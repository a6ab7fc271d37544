mod counters;
mod link;
mod options;
mod url;

pub use counters::RedisCounters;
pub use options::RedisOptions;
pub use url::InvalidRedisUrl;
