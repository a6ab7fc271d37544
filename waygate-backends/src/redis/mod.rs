mod link;
mod options;
mod state;
mod url;

pub use options::RedisOptions;
pub use state::RedisBackend;
pub use url::InvalidRedisUrl;
