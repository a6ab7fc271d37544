use std::sync::Arc;

use waygate_core::flag::EvaluationContext;

use crate::hook::Hook;

/// The hooks and the context of one client.
#[derive(Clone, Default)]
pub(super) struct Own {
    pub(super) hooks: Vec<Arc<dyn Hook>>,
    pub(super) context: Option<Arc<EvaluationContext>>,
}
