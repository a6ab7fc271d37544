mod changes;
mod facts;
#[cfg(feature = "file")]
mod persistence;
#[cfg(feature = "openfeature")]
mod openfeature;
mod schedules;
mod seeds;
