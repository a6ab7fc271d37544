mod audit;
mod backend;
mod boot_cache;
#[cfg(feature = "memory")]
mod counter_snapshot;
mod envelope;
mod facts;
mod fault;
mod files;
mod format;
mod generations;
mod links;
mod lock;
mod mounts;
mod options;
mod regular;
mod stamp;
mod store;
mod temp;
#[cfg(feature = "file-toml")]
mod toml_value;
#[cfg(feature = "file-yaml")]
mod yaml;
#[cfg(feature = "file-yaml")]
mod yaml_depth;
#[cfg(feature = "file-yaml")]
mod yaml_numbers;
#[cfg(feature = "file-yaml")]
mod yaml_strict;
#[cfg(feature = "file-yaml")]
mod yaml_text;

pub use backend::FileBackend;
pub use boot_cache::BootCache;
#[cfg(feature = "memory")]
pub use counter_snapshot::{CounterSnapshot, Restored};
pub use options::FileBackendBuilder;
#[cfg(feature = "file-yaml")]
pub use yaml::{InvalidYaml, read_yaml, write_yaml};
