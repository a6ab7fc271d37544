mod changes;
#[cfg(feature = "openfeature")]
mod openfeature;
