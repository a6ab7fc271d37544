mod link;
mod options;
mod url;

pub use options::RedisOptions;
pub use url::InvalidRedisUrl;
