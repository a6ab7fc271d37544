mod fields;
mod meaning;
mod policy;

pub use fields::GivenRateLimitPolicy;
pub(super) use meaning::{key_in_words, key_summary};
pub use policy::{RateLimitPolicy, Tier};

#[cfg(test)]
mod tests;
