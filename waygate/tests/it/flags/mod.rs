mod changes;
#[cfg(feature = "openfeature")]
mod openfeature;
mod schedules;
mod seeds;
