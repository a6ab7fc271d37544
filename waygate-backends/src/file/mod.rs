mod audit;
mod backend;
mod boot_cache;
mod envelope;
mod fault;
mod files;
mod format;
mod generations;
mod lock;
mod options;
mod stamp;
mod store;
mod toml_value;
mod yaml_depth;

pub use backend::FileBackend;
pub use boot_cache::BootCache;
pub use options::FileBackendBuilder;
