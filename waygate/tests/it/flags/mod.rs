#[cfg(feature = "file")]
mod behind;
mod changes;
mod facts;
#[cfg(feature = "openfeature")]
mod openfeature;
#[cfg(feature = "file")]
mod persistence;
mod schedules;
mod seeds;
mod swaps;
