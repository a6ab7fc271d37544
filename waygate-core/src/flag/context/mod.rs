//! The subject of an evaluation: who asks, and what is known about it.

mod attribute;
mod bounds;
mod field;
mod invalid;
mod json;
mod merged;
mod ofrep;
mod source;
mod stored;

pub use attribute::{AttributeName, AttributeValue};
pub use field::{ContextAttribute, ContextKey};
pub use invalid::InvalidContext;
pub use merged::MergedContext;
pub use source::Context;
pub use stored::EvaluationContext;
