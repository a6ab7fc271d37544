//! The flags that a request keeps.

use std::sync::Arc;

use waygate_core::flag::Context;

use super::source::{ContextSource, FlagRequest, SharedContext};
use crate::engine::flags::{Evaluation, Flags};

/// The flags of a request in its extensions, so that all evaluations for it agree.
#[derive(Clone)]
pub(crate) struct PreparedFlags {
    pub(crate) flags: Flags,
    /// `None` until something keeps it, if it can be read without a copy.
    pub(crate) context: Option<SharedContext>,
    /// The two handlers of the route.
    pub(crate) canary: Option<Arc<crate::engine::Canary>>,
}

/// Passes the context of a request to `read`: the one that it keeps, or that of the source.
#[inline]
pub(crate) fn with_context<R>(
    contexts: &ContextSource,
    request: &FlagRequest<'_>,
    read: impl FnOnce(&(dyn Context + Send + Sync + 'static)) -> R,
) -> R {
    let prepared = request.extensions.get::<PreparedFlags>();
    match prepared.and_then(|prepared| prepared.context.as_deref()) {
        Some(context) => read(context),
        None => contexts.with(request, read),
    }
}

impl PreparedFlags {
    /// Passes the flags with the context of the request to `read`.
    pub(crate) fn with_context<R>(
        &self,
        request: &FlagRequest<'_>,
        read: impl FnOnce(&Evaluation<'_, dyn Context + Send + Sync>) -> R,
    ) -> R {
        with_context(self.flags.contexts(), request, |context| {
            read(&self.flags.for_context(context))
        })
    }
}
