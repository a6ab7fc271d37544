mod changes;
mod facts;
#[cfg(feature = "file")]
mod persistence;
mod schedules;
mod seeds;
